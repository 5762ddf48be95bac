//! Refresh tokens: rotation, concurrent requests, and reuse of stolen tokens.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{PgPool, Row as _};

use crate::test_app::{Account, PASSWORD, TestApp, client, without_trace};

const EMAIL: &str = "ana@example.com";

async fn count(admin: &PgPool, what: &'static str) -> i64 {
    sqlx::query(what).fetch_one(admin).await.unwrap().get(0)
}

/// Moves the use of every token into the past, beyond the reuse interval.
async fn pass_reuse_interval(admin: &PgPool) {
    let statement = "update auth.refresh_tokens set used_at = used_at - interval '11 seconds'";
    sqlx::query(statement).execute(admin).await.unwrap();
}

fn token(body: &Value) -> String {
    body["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refresh_returns_new_tokens_of_the_same_session() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let answer = app.refresh(&account.refresh).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let tokens = answer.expect(StatusCode::OK);
    assert_ne!(token(&tokens), account.refresh);
    assert_ne!(tokens["access_token"], account.access.as_str());
    let me = app.me(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(
        me.expect(StatusCode::OK)["user"]["id"],
        account.user.to_string()
    );
    let again = app.refresh(&token(&tokens)).await.expect(StatusCode::OK);
    assert_ne!(token(&again), token(&tokens));
    assert_eq!(
        count(&app.admin().await, "select count(*) from auth.sessions").await,
        1
    );
}

#[tokio::test]
async fn fifty_concurrent_refreshes_share_one_session_and_successor() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    // Two processes, like two replicas behind one gateway.
    let replicas = [app.client.clone(), client(&app.config)];
    let many = (0..50).map(|number| {
        let replica = replicas[number % 2].clone();
        let body = json!({"refresh_token": account.refresh});
        tokio::spawn(async move { replica.post("/auth/v1/refresh", &body).await })
    });
    let mut successors = BTreeSet::new();
    for one in many.collect::<Vec<_>>() {
        let tokens = one.await.unwrap().expect(StatusCode::OK);
        app.me(tokens["access_token"].as_str().unwrap())
            .await
            .expect(StatusCode::OK);
        successors.insert(token(&tokens));
    }
    assert_eq!(successors.len(), 1, "one identical successor");
    let admin = app.admin().await;
    let open = "select count(*) from auth.sessions where revoked_at is null";
    assert_eq!(count(&admin, open).await, 1);
    assert_eq!(
        count(&admin, "select count(*) from auth.refresh_tokens").await,
        2
    );
    let unused = "select count(*) from auth.refresh_tokens where used_at is null";
    assert_eq!(count(&admin, unused).await, 1);
    app.refresh(successors.first().unwrap())
        .await
        .expect(StatusCode::OK);
}

/// Locks the row of the only token until two requests wait for it: they meet under any load.
const UNTIL_TWO_MEET: &str = "do $$ begin
      perform 1 from auth.refresh_tokens for update;
      for attempt in 1..250 loop
        perform pg_sleep(0.01), pg_stat_clear_snapshot();
        if (select count(*) >= 2 from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock') then return; end if;
      end loop;
      raise exception 'they did not meet';
    end $$";

#[tokio::test]
async fn two_concurrent_uses_of_a_token_get_one_successor() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let admin = app.admin().await;
    let holder = admin.clone();
    let meeting = tokio::spawn(async move { sqlx::query(UNTIL_TWO_MEET).execute(&holder).await });
    let held = "select count(*) from pg_stat_activity
                where datname = current_database() and query like 'do $$%' and state = 'active'";
    while count(&admin, held).await == 0 {
        assert!(!meeting.is_finished());
    }
    let (first, second, third) = tokio::join!(
        app.refresh(&account.refresh),
        app.refresh(&account.refresh),
        app.refresh(&account.refresh),
    );
    meeting.await.unwrap().unwrap();
    let first = token(&first.expect(StatusCode::OK));
    for other in [second, third] {
        assert_eq!(token(&other.expect(StatusCode::OK)), first);
    }
}

#[tokio::test]
async fn a_response_that_was_lost_ends_no_session() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let lost = token(&app.refresh(&account.refresh).await.expect(StatusCode::OK));
    pass_reuse_interval(&app.admin().await).await;
    let repeated = app.refresh(&account.refresh).await.expect(StatusCode::OK);
    assert_eq!(token(&repeated), lost);
    app.refresh(&lost).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_session_ends_after_its_longest_lifetime_however_often_it_is_renewed() {
    let app = TestApp::with(|config| {
        config.tokens.refresh_ttl = Duration::from_hours(30 * 24);
        config.tokens.session_ttl = Duration::from_hours(90 * 24);
    })
    .await;
    let account = app.register(EMAIL).await;
    let admin = app.admin().await;
    let mut refresh = account.refresh;
    for days in [29, 58, 87] {
        let age = "update auth.sessions set created_at = now() - make_interval(days => $1)";
        sqlx::query(age).bind(days).execute(&admin).await.unwrap();
        refresh = token(&app.refresh(&refresh).await.expect(StatusCode::OK));
    }
    let left = "select round(extract(epoch from expires_at - now()) / 86400)::bigint
                from auth.sessions";
    assert_eq!(count(&admin, left).await, 3, "days until the end");
    let end = "update auth.sessions set expires_at = now() - interval '1 second'";
    sqlx::query(end).execute(&admin).await.unwrap();
    let ended = app.refresh(&refresh).await;
    assert_eq!(
        (ended.status.as_u16(), ended.code().as_str()),
        (401, "invalid_refresh_token")
    );
    // A session from before the limit, older than it, is renewed once and then ends.
    let old = app.login(EMAIL, PASSWORD, "203.0.113.7").await;
    let old = Account::of(&old.expect(StatusCode::OK)).refresh;
    let age = "update auth.sessions set created_at = now() - interval '91 days'";
    sqlx::query(age).execute(&admin).await.unwrap();
    let last = token(&app.refresh(&old).await.expect(StatusCode::OK));
    assert_eq!(app.refresh(&last).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_reused_after_its_successor_ends_its_session() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let other = app
        .login(EMAIL, PASSWORD, "203.0.113.7")
        .await
        .expect(StatusCode::OK);
    let next = token(&app.refresh(&account.refresh).await.expect(StatusCode::OK));
    let next = token(&app.refresh(&next).await.expect(StatusCode::OK));
    let admin = app.admin().await;
    pass_reuse_interval(&admin).await;

    let reused = app.refresh(&account.refresh).await;
    assert_eq!(
        (reused.status.as_u16(), reused.code().as_str()),
        (401, "invalid_refresh_token")
    );
    let owner = app.refresh(&next).await;
    assert_eq!(
        (owner.status.as_u16(), owner.code().as_str()),
        (401, "invalid_refresh_token")
    );
    let me = app.me(&account.access).await;
    assert_eq!(
        (me.status.as_u16(), me.code().as_str()),
        (401, "session_ended")
    );
    let reason = "select count(*) from auth.sessions where revoked_reason = 'refresh_token_reuse'";
    assert_eq!(
        count(&admin, reason).await,
        1,
        "the revocation is committed although the request is refused"
    );
    let other = Account::of(&other);
    app.refresh(&other.refresh).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_retry_within_the_reuse_interval_gets_the_same_successor_even_if_used() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let second = token(&app.refresh(&account.refresh).await.expect(StatusCode::OK));
    let third = token(&app.refresh(&second).await.expect(StatusCode::OK));
    let retried = token(&app.refresh(&account.refresh).await.expect(StatusCode::OK));
    assert_eq!(retried, second);
    let again = token(&app.refresh(&retried).await.expect(StatusCode::OK));
    assert_eq!(again, third);
}

#[tokio::test]
async fn all_invalid_tokens_get_the_same_response() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let unknown = app
        .refresh("0123456789abcdef0123456789abcdef0123456789a")
        .await;
    let malformed = app.refresh("").await;
    let access = app.refresh(&account.access).await;
    let expire = "update auth.refresh_tokens set expires_at = now() - interval '1 second'";
    sqlx::query(expire)
        .execute(&app.admin().await)
        .await
        .unwrap();
    let expired = app.refresh(&account.refresh).await;
    for answer in [&unknown, &malformed, &access, &expired] {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text());
        assert_eq!(without_trace(answer), without_trace(&unknown));
    }
}

#[tokio::test]
async fn after_a_change_of_the_signing_seed_no_successor_is_repeated_and_no_session_ends() {
    let mut app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let next = token(&app.refresh(&account.refresh).await.expect(StatusCode::OK));
    app.config.tokens.seed = shared_config::Secret::new([9; 32]);
    app.client = client(&app.config);
    let repeated = app.refresh(&account.refresh).await;
    assert_eq!(repeated.status, StatusCode::UNAUTHORIZED);
    app.refresh(&next).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn each_refresh_extends_the_session_and_deletes_expired_tokens() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let admin = app.admin().await;
    let next = token(&app.refresh(&account.refresh).await.expect(StatusCode::OK));
    let age = "update auth.refresh_tokens set expires_at = now() - interval '1 day'
               where used_at is not null";
    sqlx::query(age).execute(&admin).await.unwrap();
    let age = "update auth.sessions set expires_at = now() + interval '1 minute'";
    sqlx::query(age).execute(&admin).await.unwrap();
    app.refresh(&next).await.expect(StatusCode::OK);
    assert_eq!(
        count(&admin, "select count(*) from auth.refresh_tokens").await,
        2
    );
    let days = "select extract(day from expires_at - now())::bigint from auth.sessions";
    assert_eq!(count(&admin, days).await, 29);
}

#[tokio::test]
async fn logout_ends_the_session_of_the_refresh_token_or_of_the_bearer() {
    let app = TestApp::new().await;
    let first = app.register(EMAIL).await;
    let second = Account::of(&app.login(EMAIL, PASSWORD, "203.0.113.7").await.json());
    let third = Account::of(&app.login(EMAIL, PASSWORD, "203.0.113.7").await.json());

    // The refresh token decides, whatever the bearer token is.
    let body = json!({"refresh_token": second.refresh});
    let answer = app
        .client
        .with_token(&first.access)
        .post("/auth/v1/logout", &body)
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.body.is_empty());
    assert_eq!(app.me(&second.access).await.code(), "session_ended");
    assert_eq!(
        app.refresh(&second.refresh).await.status,
        StatusCode::UNAUTHORIZED
    );

    for body in ["", "{}"] {
        let client = app.client.with_token(&third.access);
        let request = client.request(Method::POST, "/auth/v1/logout");
        let request = request.header("content-type", "application/json");
        let answer = client.send(request.body(body.into()).unwrap()).await;
        assert_eq!(
            answer.status,
            StatusCode::NO_CONTENT,
            "{body:?}: {}",
            answer.text()
        );
    }
    assert_eq!(app.me(&third.access).await.code(), "session_ended");
    app.me(&first.access).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn logout_requires_a_token_and_accepts_an_invalid_refresh_token() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let request = app.client.request(Method::POST, "/auth/v1/logout");
    let nobody = app.client.send(request.body("".into()).unwrap()).await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.code().as_str()),
        (401, "missing_token")
    );
    let unknown = app
        .client
        .post("/auth/v1/logout", &json!({"refresh_token": "x"}))
        .await;
    assert_eq!(unknown.status, StatusCode::NO_CONTENT);
    let stale = app.client.with_token("not-a-token");
    let stale = stale
        .post(
            "/auth/v1/logout",
            &json!({"refresh_token": account.refresh}),
        )
        .await;
    assert_eq!(
        stale.status,
        StatusCode::NO_CONTENT,
        "an expired bearer token ends no session"
    );
    assert_eq!(app.me(&account.access).await.code(), "session_ended");
    for body in [
        json!({"refresh_token": 7}),
        json!({"token": "x"}),
        json!([1]),
    ] {
        let answer = app.client.post("/auth/v1/logout", &body).await;
        assert_eq!(answer.status.as_u16(), 422, "{body}");
    }
    let request = app.client.request(Method::POST, "/auth/v1/logout");
    let text = app
        .client
        .send(request.body("refresh".into()).unwrap())
        .await;
    assert_eq!(text.status.as_u16(), 415);
}

#[tokio::test]
async fn malformed_refresh_requests_are_refused() {
    let app = TestApp::new().await;
    for (body, field) in [
        (json!({}), "."),
        (json!({"refresh_token": null}), "refresh_token"),
        (json!({"refresh_token": ["x"]}), "refresh_token"),
        (json!({"refresh_token": "x", "scope": "all"}), "scope"),
    ] {
        let answer = app.client.post("/auth/v1/refresh", &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (422, "invalid_fields")
        );
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
}
