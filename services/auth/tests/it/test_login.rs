//! Sign-in: uniform refusals, lockout and rate limits.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;
use sqlx::Row as _;

use crate::test_app::{Account, PASSWORD, TestApp, client, without_trace};

const EMAIL: &str = "ana@example.com";

#[tokio::test]
async fn each_sign_in_opens_its_own_session() {
    let app = TestApp::new().await;
    let registered = app.register(EMAIL).await;
    let answer = app.login("Ana@Example.com", PASSWORD, "203.0.113.7").await;
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
        app.me(access).await.expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn a_session_records_its_device() {
    let app = TestApp::new().await;
    app.register(EMAIL).await;
    let request = app.client.request(http::Method::POST, "/auth/v1/login");
    let request = request
        .header("content-type", "application/json")
        .header("user-agent", "A browser".repeat(100))
        .header("x-forwarded-for", "6.6.6.6, 2001:db8::9");
    let body = json!({"email": EMAIL, "password": PASSWORD}).to_string();
    let answer = app.client.send(request.body(body.into()).unwrap()).await;
    let account = Account::of(&answer.expect(StatusCode::OK));
    let row = sqlx::query("select host(ip), length(user_agent) from auth.sessions where id = $1")
        .bind(account.session)
        .fetch_one(&app.admin().await)
        .await
        .unwrap();
    assert_eq!(
        (row.get::<String, _>(0), row.get::<i32, _>(1)),
        ("2001:db8::9".to_owned(), 400)
    );
}

#[tokio::test]
async fn unknown_address_wrong_password_and_locked_user_get_the_same_response() {
    let app = TestApp::new().await;
    app.register(EMAIL).await;
    let unknown = app
        .login("nobody@example.com", PASSWORD, "203.0.113.1")
        .await;
    let wrong = app.login(EMAIL, "Another-9-Password", "203.0.113.2").await;
    for number in 0..20 {
        let ip = format!("203.0.113.{}", 100 + number);
        app.login(EMAIL, "Another-9-Password", &ip).await;
    }
    let locked = app.login(EMAIL, PASSWORD, "203.0.113.3").await;
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
async fn an_unknown_address_takes_as_long_as_a_known_one() {
    // A hash so slow that nothing else matters, however busy the machine is.
    let app = TestApp::with(|config| config.hashing.iterations = 30).await;
    app.register(EMAIL).await;
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for number in 0..4 {
        let ip = format!("203.0.113.{number}");
        let started = Instant::now();
        app.login(EMAIL, "Another-9-Password", &ip).await;
        known = known.min(started.elapsed());
        let started = Instant::now();
        app.login("nobody@example.com", "Another-9-Password", &ip)
            .await;
        unknown = unknown.min(started.elapsed());
    }
    assert!(unknown * 3 > known, "unknown {unknown:?}, known {known:?}");
}

#[tokio::test]
async fn twenty_wrong_passwords_lock_the_user_for_two_hours() {
    let app = TestApp::new().await;
    app.register(EMAIL).await;
    let admin = app.admin().await;
    for number in 0..20 {
        let from = format!("203.0.113.{number}");
        let answer = app.login(EMAIL, "Another-9-Password", &from).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let row = sqlx::query(
        "select failed_logins, extract(epoch from locked_until - now())::int from auth.users",
    );
    let row = row.fetch_one(&admin).await.unwrap();
    assert_eq!(
        row.get::<i32, _>(0),
        20,
        "each failure survived its own refusal"
    );
    assert!((7190..=7200).contains(&row.get::<i32, _>(1)));
    let locked = app.login(EMAIL, PASSWORD, "203.0.113.50").await;
    assert_eq!(
        (locked.status.as_u16(), locked.code().as_str()),
        (401, "invalid_credentials")
    );

    let elapse = "update auth.users set locked_until = now() - interval '1 second'";
    sqlx::query(elapse).execute(&admin).await.unwrap();
    let one = app.login(EMAIL, "Another-9-Password", "203.0.113.51").await;
    assert_eq!(one.status, StatusCode::UNAUTHORIZED);
    let signed_in = app.login(EMAIL, PASSWORD, "203.0.113.52").await;
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
async fn concurrent_failures_are_all_counted() {
    let app = TestApp::new().await;
    app.register(EMAIL).await;
    let many = (0..24).map(|number| {
        let client = app.client.clone();
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
    let locked = app.login(EMAIL, PASSWORD, "203.0.113.99").await;
    assert_eq!(locked.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn sign_ins_are_rate_limited_and_a_right_password_resets_the_count() {
    let app = TestApp::new().await;
    app.register(EMAIL).await;
    for _ in 0..3 {
        for _ in 0..4 {
            app.login(EMAIL, "Another-9-Password", "203.0.113.7").await;
        }
        app.login(EMAIL, PASSWORD, "203.0.113.7")
            .await
            .expect(StatusCode::OK);
    }
    let guess = || app.login("nobody@example.com", PASSWORD, "203.0.113.7");
    for _ in 0..5 {
        assert_eq!(guess().await.status, StatusCode::UNAUTHORIZED);
    }
    let answer = guess().await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (429, "rate_limited")
    );
    assert_eq!(answer.headers["ratelimit-policy"], "\"login\";q=5;w=3600");
    let wait: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((690..=720).contains(&wait), "{wait}");
    let other = app.login(EMAIL, PASSWORD, "203.0.113.7").await;
    assert_eq!(
        other.status,
        StatusCode::OK,
        "another account has its own count"
    );
}

#[tokio::test]
async fn one_password_is_not_tried_on_the_accounts_of_the_platform() {
    let app = TestApp::new().await;
    app.register(EMAIL).await;
    let network = "203.0.113.8";
    // Successes are not counted, however many there are, and reset nothing.
    let mut failed = 0;
    let refused = loop {
        let guess = format!("user{failed}@example.com");
        let answer = app.login(&guess, PASSWORD, network).await;
        if answer.status != StatusCode::UNAUTHORIZED {
            break answer;
        }
        failed += 1;
        if failed == 20 || failed == 40 {
            let known = app.login(EMAIL, PASSWORD, network).await;
            known.expect(StatusCode::OK);
        }
    };
    // One a minute is added meanwhile.
    assert!((60..=61).contains(&failed), "{failed}");
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (429, "rate_limited".to_owned())
    );
    let policy = &refused.headers["ratelimit-policy"];
    assert_eq!(policy, "\"failed_logins\";q=60;w=3600");
    let elsewhere = app.login(EMAIL, PASSWORD, "203.0.113.9").await;
    elsewhere.expect(StatusCode::OK);
}

#[tokio::test]
async fn an_outdated_hash_is_replaced_at_the_next_login() {
    let mut app = TestApp::with(|config| config.hashing.iterations = 3).await;
    app.register(EMAIL).await;
    let admin = app.admin().await;
    let stored = || async {
        let row = sqlx::query("select password_hash from auth.users")
            .fetch_one(&admin)
            .await;
        row.unwrap().get::<String, _>(0)
    };
    assert!(stored().await.contains("t=3"));
    app.config.hashing.iterations = 2;
    app.client = client(&app.config);
    app.login(EMAIL, PASSWORD, "203.0.113.7")
        .await
        .expect(StatusCode::OK);
    let fresh = stored().await;
    assert!(fresh.contains("t=2"), "{fresh}");
    app.login(EMAIL, PASSWORD, "203.0.113.7")
        .await
        .expect(StatusCode::OK);
    assert_eq!(stored().await, fresh, "it is replaced once");
}

#[tokio::test]
async fn malformed_credentials_are_refused() {
    let app = TestApp::new().await;
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
        let answer = app.client.post("/auth/v1/login", &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (422, "invalid_fields")
        );
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
}

#[tokio::test]
async fn too_many_concurrent_hashes_are_refused_with_retry_after() {
    let app = TestApp::with(|config| config.hashing.concurrency = 1).await;
    app.register(EMAIL).await;
    let many = (0..60).map(|number| {
        let client = app.client.clone();
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
    assert!(served >= 33 && busy >= 1, "{served} served, {busy} refused");
}
