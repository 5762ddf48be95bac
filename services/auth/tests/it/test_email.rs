//! Verification of email addresses, and platforms that require it.

use http::StatusCode;
use serde_json::json;

use crate::mailbox::{Worker, code};
use crate::test_app::{Account, PASSWORD, TestApp};

const EMAIL: &str = "ana@example.com";
const SUBJECT: &str = "Confirm your e-mail address";

async fn confirm(app: &TestApp, token: &str) -> shared_testkit::Answer {
    let path = "/auth/v1/email/verification/confirm";
    app.client.post(path, &json!({"token": token})).await
}

#[tokio::test]
async fn the_verification_email_verifies_the_address_once() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let me = app.me(&account.access).await.expect(StatusCode::OK);
    assert!(me["user"]["email_verified_at"].is_null());
    let token = code(&app, EMAIL, SUBJECT, 1).await;
    assert_eq!(confirm(&app, "made-up").await.code(), "invalid_code");
    assert_eq!(confirm(&app, &token).await.status, StatusCode::NO_CONTENT);
    let me = app.me(&account.access).await.expect(StatusCode::OK);
    assert!(me["user"]["email_verified_at"].is_string());
    assert_eq!(confirm(&app, &token).await.code(), "invalid_code");
    let caller = app.client.with_token(&account.access);
    let again = caller.post("/auth/v1/email/verification", &json!({})).await;
    assert_eq!(
        (again.status.as_u16(), again.code().as_str()),
        (409, "already_verified")
    );
}

#[tokio::test]
async fn a_new_verification_email_replaces_the_former_one_and_is_rate_limited() {
    let app = TestApp::new().await;
    let account = app.register(EMAIL).await;
    let first = code(&app, EMAIL, SUBJECT, 1).await;
    let caller = app.client.with_token(&account.access);
    let path = "/auth/v1/email/verification";
    let asked = caller.post(path, &json!({})).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    let second = code(&app, EMAIL, SUBJECT, 2).await;
    assert_eq!(confirm(&app, &first).await.code(), "invalid_code");
    let mut last = asked;
    for _ in 0..4 {
        last = caller.post(path, &json!({})).await;
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    let newest = code(&app, EMAIL, SUBJECT, 4).await;
    assert_ne!(newest, second);
    assert_eq!(confirm(&app, &newest).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        app.client.post(path, &json!({})).await.code(),
        "missing_token"
    );
}

#[tokio::test]
async fn a_code_is_valid_for_its_purpose_only() {
    let app = TestApp::new().await;
    app.register(EMAIL).await;
    let token = code(&app, EMAIL, SUBJECT, 1).await;
    let body = json!({"token": token, "new_password": "Copper-4-Meadow"});
    let crossed = app
        .client
        .post("/auth/v1/password/reset/confirm", &body)
        .await;
    assert_eq!(crossed.code(), "invalid_code");
}

#[tokio::test]
async fn where_a_verified_address_is_required_unverified_users_cannot_sign_in() {
    let app = TestApp::with(|config| config.verified_email_required = true).await;
    let account = app.register(EMAIL).await;
    let login = app.login(EMAIL, PASSWORD, "203.0.113.7").await;
    assert_eq!(
        (login.status.as_u16(), login.code().as_str()),
        (403, "email_unverified")
    );
    let wrong = app.login(EMAIL, "Wrong-4-Meadow", "203.0.113.7").await;
    assert_eq!(
        wrong.code(),
        "invalid_credentials",
        "reported after the right password only"
    );
    let refresh = app.refresh(&account.refresh).await;
    assert_eq!(
        (refresh.status.as_u16(), refresh.code().as_str()),
        (403, "email_unverified")
    );
    let token = code(&app, EMAIL, SUBJECT, 2).await;
    assert_eq!(confirm(&app, &token).await.status, StatusCode::NO_CONTENT);
    app.login(EMAIL, PASSWORD, "203.0.113.7")
        .await
        .expect(StatusCode::OK);
    app.refresh(&account.refresh).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn no_email_has_a_link_from_a_name() {
    let app = TestApp::new().await;
    let body = json!({"email": EMAIL, "password": PASSWORD,
        "full_name": "Claim https://evil.example",
        "company_name": "Prize at www.evil.example/now"});
    let made = app.client.post("/auth/v1/register", &body).await;
    let account = Account::of(&made.expect(StatusCode::CREATED));
    let caller = app.client.with_token(&account.access);
    let invite = json!({"email": "bo@example.com", "role": "editor"});
    let invited = caller.post("/auth/v1/invites", &invite).await;
    invited.expect(StatusCode::CREATED);
    let _worker = Worker::start(&app);
    let asked = json!({"email": EMAIL});
    app.client.post("/auth/v1/password/reset", &asked).await;
    code(&app, EMAIL, "Set a new password", 1).await;
    let change = json!({"current_password": PASSWORD, "new_password": "Copper-4-Meadow"});
    let changed = caller.post("/auth/v1/password/change", &change).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT);
    let outbox = auth_service::commands::outbox(&app.config).await.unwrap();
    for subject in [
        SUBJECT,
        "You are invited",
        "Set a new password",
        "Your password was changed",
    ] {
        assert!(outbox.contains(subject), "{subject}: {outbox}");
    }
    assert!(
        !outbox.contains("://") && !outbox.contains("evil."),
        "{outbox}"
    );
    assert!(
        outbox.contains("the account \"Prize at www evil example now\""),
        "{outbox}"
    );
}
