//! Signing in: one answer to all who may not, and an end to guessing.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;
use sqlx::Row as _;

use crate::world::{Account, PASSWORD, World, client, without_trace};

const EMAIL: &str = "ana@example.com";

#[tokio::test]
async fn the_password_opens_a_session_of_its_own() {
    let world = World::new().await;
    let registered = world.register(EMAIL).await;
    let answer = world
        .login("Ana@Example.com", PASSWORD, "203.0.113.7")
        .await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.expect(StatusCode::OK);
    assert!(body["user"]["last_login_at"].is_string());
    let account = Account::of(&body);
    assert_eq!(
        (account.creator, account.user),
        (registered.creator, registered.user)
    );
    assert_ne!(account.session, registered.session);
    for access in [&registered.access, &account.access] {
        world.me(access).await.expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn a_session_knows_its_device() {
    let world = World::new().await;
    world.register(EMAIL).await;
    let request = world.client.request(http::Method::POST, "/auth/v1/login");
    let request = request
        .header("content-type", "application/json")
        .header("user-agent", "A browser".repeat(100))
        .header("x-forwarded-for", "6.6.6.6, 2001:db8::9");
    let body = json!({"email": EMAIL, "password": PASSWORD}).to_string();
    let answer = world.client.send(request.body(body.into()).unwrap()).await;
    let account = Account::of(&answer.expect(StatusCode::OK));
    let row = sqlx::query("select host(ip), length(user_agent) from auth.sessions where id = $1")
        .bind(account.session)
        .fetch_one(&world.admin().await)
        .await
        .unwrap();
    assert_eq!(
        (row.get::<String, _>(0), row.get::<i32, _>(1)),
        ("2001:db8::9".to_owned(), 400)
    );
}

#[tokio::test]
async fn unknown_wrong_and_locked_read_the_same() {
    let world = World::new().await;
    world.register(EMAIL).await;
    let unknown = world
        .login("nobody@example.com", PASSWORD, "203.0.113.1")
        .await;
    let wrong = world
        .login(EMAIL, "Another-9-Password", "203.0.113.2")
        .await;
    for number in 0..5 {
        world
            .login(EMAIL, "Another-9-Password", &format!("203.0.113.1{number}"))
            .await;
    }
    let locked = world.login(EMAIL, PASSWORD, "203.0.113.3").await;
    for answer in [&unknown, &wrong, &locked] {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.headers.contains_key("www-authenticate"));
        assert_eq!(without_trace(answer), without_trace(&unknown));
        let names = |answer: &shared_testkit::Answer| {
            answer
                .headers
                .keys()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(answer), names(&unknown));
    }
}

#[tokio::test]
async fn an_unknown_address_costs_the_work_of_a_known_one() {
    // A hash so slow that nothing else counts, however busy the machine is.
    let world = World::with(|config| config.hashing.iterations = 30).await;
    world.register(EMAIL).await;
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for number in 0..4 {
        let ip = format!("203.0.113.{number}");
        let started = Instant::now();
        world.login(EMAIL, "Another-9-Password", &ip).await;
        known = known.min(started.elapsed());
        let started = Instant::now();
        world
            .login("nobody@example.com", "Another-9-Password", &ip)
            .await;
        unknown = unknown.min(started.elapsed());
    }
    assert!(unknown * 3 > known, "unknown {unknown:?}, known {known:?}");
}

#[tokio::test]
async fn five_wrong_passwords_lock_for_half_an_hour_and_then_it_opens() {
    let world = World::new().await;
    world.register(EMAIL).await;
    let admin = world.admin().await;
    for number in 0..5 {
        let from = format!("203.0.113.{number}");
        let answer = world.login(EMAIL, "Another-9-Password", &from).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let row = sqlx::query(
        "select failed_logins, extract(epoch from locked_until - now())::int from auth.users",
    );
    let row = row.fetch_one(&admin).await.unwrap();
    assert_eq!(
        row.get::<i32, _>(0),
        5,
        "each failure survived its own refusal"
    );
    assert!((1790..=1800).contains(&row.get::<i32, _>(1)));
    let locked = world.login(EMAIL, PASSWORD, "203.0.113.50").await;
    assert_eq!(
        (locked.status.as_u16(), locked.code().as_str()),
        (401, "invalid_credentials")
    );

    let elapse = "update auth.users set locked_until = now() - interval '1 second'";
    sqlx::query(elapse).execute(&admin).await.unwrap();
    let one = world
        .login(EMAIL, "Another-9-Password", "203.0.113.51")
        .await;
    assert_eq!(one.status, StatusCode::UNAUTHORIZED);
    let signed_in = world.login(EMAIL, PASSWORD, "203.0.113.52").await;
    assert_eq!(
        signed_in.status,
        StatusCode::OK,
        "one failure after a lock does not lock again"
    );
    let row = sqlx::query("select failed_logins, locked_until is null from auth.users");
    let row = row.fetch_one(&admin).await.unwrap();
    assert_eq!((row.get::<i32, _>(0), row.get::<bool, _>(1)), (0, true));
}

#[tokio::test]
async fn failures_that_come_at_once_are_all_counted() {
    let world = World::new().await;
    world.register(EMAIL).await;
    let many = (0..12).map(|number| {
        let client = world.client.clone();
        let request = client
            .request(http::Method::POST, "/auth/v1/login")
            .header("content-type", "application/json")
            .header("x-forwarded-for", format!("203.0.113.{number}"));
        let body = json!({"email": EMAIL, "password": "Another-9-Password"}).to_string();
        let request = request.body(body.into()).unwrap();
        tokio::spawn(async move { client.send(request).await.status })
    });
    for one in many.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), StatusCode::UNAUTHORIZED);
    }
    let locked = world.login(EMAIL, PASSWORD, "203.0.113.99").await;
    assert_eq!(locked.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn one_address_cannot_guess_on_and_a_right_password_clears_its_count() {
    let world = World::new().await;
    world.register(EMAIL).await;
    for _ in 0..3 {
        for _ in 0..4 {
            world
                .login(EMAIL, "Another-9-Password", "203.0.113.7")
                .await;
        }
        world
            .login(EMAIL, PASSWORD, "203.0.113.7")
            .await
            .expect(StatusCode::OK);
    }
    let guess = || world.login("nobody@example.com", PASSWORD, "203.0.113.7");
    for _ in 0..10 {
        assert_eq!(guess().await.status, StatusCode::UNAUTHORIZED);
    }
    let answer = guess().await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (429, "rate_limited")
    );
    assert_eq!(answer.headers["ratelimit-policy"], "\"login\";q=10;w=900");
    let wait: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((60..=90).contains(&wait), "{wait}");
    let other = world.login(EMAIL, PASSWORD, "203.0.113.7").await;
    assert_eq!(
        other.status,
        StatusCode::OK,
        "another account is counted apart"
    );
}

#[tokio::test]
async fn a_hash_of_yesterdays_parameters_is_made_anew_at_the_next_login() {
    let mut world = World::with(|config| config.hashing.iterations = 3).await;
    world.register(EMAIL).await;
    let admin = world.admin().await;
    let stored = || async {
        let row = sqlx::query("select password_hash from auth.users")
            .fetch_one(&admin)
            .await;
        row.unwrap().get::<String, _>(0)
    };
    assert!(stored().await.contains("t=3"));
    world.config.hashing.iterations = 2;
    world.client = client(&world.config);
    world
        .login(EMAIL, PASSWORD, "203.0.113.7")
        .await
        .expect(StatusCode::OK);
    let fresh = stored().await;
    assert!(fresh.contains("t=2"), "{fresh}");
    world
        .login(EMAIL, PASSWORD, "203.0.113.7")
        .await
        .expect(StatusCode::OK);
    assert_eq!(stored().await, fresh, "it is made anew once");
}

#[tokio::test]
async fn what_are_not_credentials_is_refused() {
    let world = World::new().await;
    for (body, field) in [
        (json!({"email": EMAIL}), "."),
        (json!({"email": "ana", "password": "x"}), "email"),
        (json!({"email": EMAIL, "password": ""}), "password"),
        (
            json!({"email": EMAIL, "password": "x".repeat(129)}),
            "password",
        ),
        (json!({"email": EMAIL, "password": null}), "password"),
        (
            json!({"email": EMAIL, "password": "x", "remember_me": true}),
            "remember_me",
        ),
    ] {
        let answer = world.client.post("/auth/v1/login", &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (422, "invalid_fields")
        );
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
}

#[tokio::test]
async fn too_many_hashes_at_once_are_turned_away_with_a_time_to_wait() {
    let world = World::with(|config| config.hashing.concurrency = 1).await;
    world.register(EMAIL).await;
    let many = (0..60).map(|number| {
        let client = world.client.clone();
        let request = client
            .request(http::Method::POST, "/auth/v1/login")
            .header("content-type", "application/json")
            .header("x-forwarded-for", format!("203.0.113.{number}"));
        let body = json!({"email": "nobody@example.com", "password": PASSWORD}).to_string();
        let request = request.body(body.into()).unwrap();
        tokio::spawn(async move { client.send(request).await })
    });
    let (mut served, mut busy) = (0, 0);
    for one in many.collect::<Vec<_>>() {
        let answer = one.await.unwrap();
        match answer.status.as_u16() {
            401 => served += 1,
            503 => {
                assert_eq!(answer.code(), "overloaded");
                assert!(answer.headers.contains_key("retry-after"));
                busy += 1;
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert!(
        served >= 33 && busy >= 1,
        "{served} served, {busy} turned away"
    );
}
