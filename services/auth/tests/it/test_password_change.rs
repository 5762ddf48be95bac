//! Password changes and resets.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;
use shared_testkit::Answer;

use crate::mailbox::{Worker, code, codes};
use crate::test_app::{Account, PASSWORD, TestApp};

const EMAIL: &str = "ana@example.com";
const OTHER: &str = "Copper-4-Meadow";
const SUBJECT: &str = "Set a new password";

async fn change(app: &TestApp, access: &str, current: &str, new: &str) -> Answer {
    let body = json!({"current_password": current, "new_password": new});
    let caller = app.client.with_token(access);
    caller.post("/auth/v1/password/change", &body).await
}

async fn ask(app: &TestApp, email: &str, ip: &str) -> Answer {
    let body = json!({"email": email});
    app.post_from(ip, "/auth/v1/password/reset", &body).await
}

async fn confirm(app: &TestApp, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "new_password": password});
    app.client
        .post("/auth/v1/password/reset/confirm", &body)
        .await
}

#[tokio::test]
async fn a_password_change_keeps_this_session_and_ends_the_others() {
    let app = TestApp::new().await;
    let here = app.register(EMAIL).await;
    let there = Account::of(&app.login(EMAIL, PASSWORD, "203.0.113.7").await.json());
    let answer = change(&app, &here.access, PASSWORD, OTHER).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    app.me(&here.access).await.expect(StatusCode::OK);
    app.refresh(&here.refresh).await.expect(StatusCode::OK);
    assert_eq!(app.me(&there.access).await.code(), "session_ended");
    assert_eq!(
        app.refresh(&there.refresh).await.code(),
        "invalid_refresh_token"
    );
    let old = app.login(EMAIL, PASSWORD, "203.0.113.8").await;
    assert_eq!(old.code(), "invalid_credentials");
    app.login(EMAIL, OTHER, "203.0.113.8")
        .await
        .expect(StatusCode::OK);
    let outbox = auth_service::commands::outbox(&app.config).await.unwrap();
    assert!(outbox.contains("Your password was changed"), "{outbox}");
}

#[tokio::test]
async fn a_password_change_requires_the_current_password_and_a_valid_new_one() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let wrong = change(&app, &account.access, "Wrong-4-Meadow", OTHER).await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.code().as_str()),
        (403, "wrong_password")
    );
    let weak = change(&app, &account.access, PASSWORD, "short").await;
    assert_eq!(
        (weak.status.as_u16(), weak.code().as_str()),
        (422, "weak_password")
    );
    let own = change(&app, &account.access, PASSWORD, "Lima-Ana-4-Meadow").await;
    assert_eq!(own.code(), "weak_password", "the own name is no secret");
    let same = change(&app, &account.access, PASSWORD, PASSWORD).await;
    assert_eq!(
        (same.status.as_u16(), same.code().as_str()),
        (422, "invalid_fields")
    );
    app.login(EMAIL, PASSWORD, "203.0.113.8")
        .await
        .expect(StatusCode::OK);
    let mut last = wrong;
    for _ in 0..8 {
        last = change(&app, &account.access, "Wrong-4-Meadow", OTHER).await;
    }
    assert_eq!(
        last.status,
        StatusCode::TOO_MANY_REQUESTS,
        "guessing with a stolen token is rate-limited"
    );
    assert!(last.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn an_emailed_code_resets_the_password_once() {
    let app = TestApp::new().await;
    let _worker = Worker::start(&app);
    let account = app.register(EMAIL).await;
    for number in 0..5 {
        let ip = format!("203.0.113.{number}");
        app.login(EMAIL, "Wrong-4-Meadow", &ip).await;
    }
    assert_eq!(
        ask(&app, EMAIL, "203.0.113.7").await.status,
        StatusCode::ACCEPTED
    );
    let token = code(&app, EMAIL, SUBJECT, 1).await;
    let weak = confirm(&app, &token, "short").await;
    assert_eq!(
        weak.code(),
        "weak_password",
        "a weak password does not use the code"
    );
    let set = confirm(&app, &token, OTHER).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{}", set.text());
    assert_eq!(app.me(&account.access).await.code(), "revoked_token");
    assert_eq!(
        app.refresh(&account.refresh).await.code(),
        "invalid_refresh_token"
    );
    let signed_in = app
        .login(EMAIL, OTHER, "203.0.113.9")
        .await
        .expect(StatusCode::OK);
    assert!(
        signed_in["user"]["email_verified_at"].is_string(),
        "the code verifies the address as well"
    );
    let again = confirm(&app, &token, "Granite-6-Ladder").await;
    assert_eq!(
        (again.status.as_u16(), again.code().as_str()),
        (422, "invalid_code")
    );
}

#[tokio::test]
async fn only_the_newest_reset_code_is_valid_and_only_for_an_hour() {
    let app = TestApp::new().await;
    let _worker = Worker::start(&app);
    app.register(EMAIL).await;
    ask(&app, EMAIL, "203.0.113.7").await;
    let older = code(&app, EMAIL, SUBJECT, 1).await;
    ask(&app, EMAIL, "203.0.113.7").await;
    let newer = code(&app, EMAIL, SUBJECT, 2).await;
    assert_ne!(older, newer);
    assert_eq!(confirm(&app, &older, OTHER).await.code(), "invalid_code");
    let age = "update auth.email_tokens set expires_at = expires_at - interval '61 minutes'
               where purpose = 'password_reset'";
    sqlx::query(age).execute(&app.admin().await).await.unwrap();
    assert_eq!(confirm(&app, &newer, OTHER).await.code(), "invalid_code");
    assert_eq!(confirm(&app, "made-up", OTHER).await.code(), "invalid_code");
    app.login(EMAIL, PASSWORD, "203.0.113.9")
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn of_two_concurrent_resets_with_one_code_one_succeeds() {
    let app = TestApp::new().await;
    let _worker = Worker::start(&app);
    app.register(EMAIL).await;
    ask(&app, EMAIL, "203.0.113.7").await;
    let token = code(&app, EMAIL, SUBJECT, 1).await;
    let (first, second) = tokio::join!(
        confirm(&app, &token, OTHER),
        confirm(&app, &token, "Granite-6-Ladder"),
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 422]);
}

#[tokio::test]
async fn known_and_unknown_addresses_get_the_same_response_in_the_same_time() {
    let app = TestApp::new().await;
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for number in 0..10 {
        app.register(&format!("user-{number}@example.com")).await;
    }
    // Often enough that the fastest request of each is undisturbed by other load.
    for number in 0..60 {
        let who = if number % 2 == 0 { "user" } else { "nobody" };
        let email = format!("{who}-{}@example.com", number / 2 % 10);
        let fastest = if who == "user" {
            &mut known
        } else {
            &mut unknown
        };
        let started = Instant::now();
        let answer = ask(&app, &email, &format!("203.0.113.{number}")).await;
        *fastest = started.elapsed().min(*fastest);
        let seen = (answer.status, answer.body.len());
        assert_eq!(seen, (StatusCode::ACCEPTED, 0));
    }
    assert!(
        known < unknown * 3 && unknown < known * 3,
        "{known:?} {unknown:?}"
    );
    // An address without an account gets no email, and it is not stored.
    let _worker = Worker::start(&app);
    code(&app, "user-9@example.com", SUBJECT, 1).await;
    let started = Instant::now();
    let left = async || -> i64 {
        use sqlx::Row as _;
        let count = sqlx::query("select count(*) from auth.reset_requests");
        count.fetch_one(&app.admin().await).await.unwrap().get(0)
    };
    while left().await > 0 {
        assert!(started.elapsed() < Duration::from_secs(15));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        codes(&app, "nobody-7@example.com", SUBJECT)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn reset_emails_are_rate_limited() {
    let app = TestApp::new().await;
    let mut statuses = Vec::new();
    for number in 0..5 {
        let answer = ask(&app, EMAIL, &format!("203.0.113.{number}")).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses[..3], [202, 202, 202]);
    assert!(statuses.contains(&429), "{statuses:?}");
}
