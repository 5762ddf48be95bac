//! Users change their own address by proof of the new one.

use http::StatusCode;
use serde_json::json;
use shared_testkit::Answer;

use crate::mailbox::{Worker, code, codes};
use crate::test_app::{Account, PASSWORD, TestApp};

const OLD: &str = "ana@example.com";
const NEW: &str = "ana@b\u{fc}cher.example";
const NEW_ASCII: &str = "ana@xn--bcher-kva.example";
const SUBJECT: &str = "Confirm your new e-mail address";

async fn ask(app: &TestApp, account: &Account, email: &str, password: &str) -> Answer {
    let caller = app.client.with_token(&account.access);
    let body = json!({"email": email, "password": password});
    caller.post("/auth/v1/me/email", &body).await
}

async fn confirm(app: &TestApp, account: &Account, token: &str) -> Answer {
    let caller = app.client.with_token(&account.access);
    let body = json!({"token": token});
    caller.post("/auth/v1/me/email/confirm", &body).await
}

async fn asked(app: &TestApp, account: &Account, email: &str) {
    let answer = ask(app, account, email, PASSWORD).await;
    let seen = (answer.status, answer.text());
    assert_eq!(seen, (StatusCode::ACCEPTED, String::new()), "{email}");
}

async fn outbox(app: &TestApp) -> String {
    auth_service::commands::outbox(&app.config).await.unwrap()
}

async fn status(app: &TestApp, email: &str) -> u16 {
    app.login(email, PASSWORD, "203.0.113.7")
        .await
        .status
        .as_u16()
}

#[tokio::test]
async fn an_address_is_changed_by_its_proof() {
    let app = TestApp::new().await;
    let here = app.register(OLD).await;
    let there = Account::of(&app.login(OLD, PASSWORD, "203.0.113.7").await.json());
    let _worker = Worker::start(&app);
    app.client
        .post("/auth/v1/password/reset", &json!({"email": OLD}))
        .await;
    let reset = code(&app, OLD, "Set a new password", 1).await;
    let verification = code(&app, OLD, "Confirm your e-mail address", 1).await;
    asked(&app, &here, NEW).await;
    let outbox_then = outbox(&app).await;
    let notice = format!("to {OLD}: Your e-mail address is to be changed");
    assert!(outbox_then.contains(&notice), "{outbox_then}");
    // Until the proof nothing has changed.
    assert_eq!(
        (status(&app, OLD).await, status(&app, NEW).await),
        (200, 401)
    );
    let token = code(&app, NEW_ASCII, SUBJECT, 1).await;
    assert_eq!(confirm(&app, &here, "made-up").await.code(), "invalid_code");
    let changed = confirm(&app, &here, &token).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.text());
    assert_eq!(
        (status(&app, OLD).await, status(&app, NEW).await),
        (401, 200)
    );
    let me = app.me(&here.access).await.expect(StatusCode::OK);
    assert_eq!(me["user"]["email"], NEW_ASCII);
    assert!(me["user"]["email_verified_at"].is_string());
    // As after a change of the password.
    assert_eq!(app.me(&there.access).await.code(), "session_ended");
    let refreshed = app.refresh(&there.refresh).await;
    assert_eq!(refreshed.code(), "invalid_refresh_token");
    assert!(
        outbox(&app)
            .await
            .contains(&format!("to {OLD}: Your e-mail address was changed"))
    );
    // Codes that were sent to the former address are void.
    let body = json!({"token": reset, "new_password": "Copper-4-Meadow"});
    let old_reset = app.client.post("/auth/v1/password/reset/confirm", &body);
    assert_eq!(old_reset.await.code(), "invalid_code");
    let body = json!({"token": verification});
    let old = app
        .client
        .post("/auth/v1/email/verification/confirm", &body);
    assert_eq!(old.await.code(), "invalid_code");
    assert_eq!(
        confirm(&app, &here, &token).await.code(),
        "invalid_code",
        "once"
    );
    let caller = app.client.with_token(&here.access);
    let audit = caller.get("/auth/v1/audit").await.text();
    for action in ["email.change_requested", "email.changed"] {
        assert!(
            audit.contains(&format!("\"{action}\"")),
            "{action}: {audit}"
        );
    }
    assert!(!audit.contains("example"), "no address: {audit}");
    // The former address is free.
    app.register(OLD).await;
}

#[tokio::test]
async fn a_change_requires_the_password_and_another_address() {
    let app = TestApp::new().await;
    let account = app.register(OLD).await;
    let wrong = ask(&app, &account, NEW, "Wrong-7-Harbour").await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.code()),
        (403, "wrong_password".to_owned())
    );
    for email in ["Ana@Example.com", "ana", "an\u{200b}a@example.com"] {
        let refused = ask(&app, &account, email, PASSWORD).await;
        assert_eq!(refused.code(), "invalid_fields", "{email:?}");
        assert_eq!(refused.json()["errors"][0]["field"], "email", "{email:?}");
    }
    let body = json!({"email": NEW, "password": PASSWORD});
    let anonymous = app.client.post("/auth/v1/me/email", &body).await;
    assert_eq!(anonymous.code(), "missing_token");
    assert!(!outbox(&app).await.contains("new e-mail address"));
}

#[tokio::test]
async fn the_response_does_not_tell_who_has_an_account() {
    let app = TestApp::new().await;
    let ana = app.register(OLD).await;
    app.register("bo@example.com").await;
    asked(&app, &ana, "bo@example.com").await;
    asked(&app, &ana, "cy@example.com").await;
    assert!(codes(&app, "bo@example.com", SUBJECT).await.is_empty());
    let text = outbox(&app).await;
    assert!(
        text.contains("to bo@example.com: This e-mail address is in use"),
        "{text}"
    );
    // An address that is taken between the request and its proof: the person has both.
    let token = code(&app, "cy@example.com", SUBJECT, 1).await;
    app.register("cy@example.com").await;
    let refused = confirm(&app, &ana, &token).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (409, "email_taken".to_owned())
    );
    assert_eq!(status(&app, OLD).await, 200);
}

#[tokio::test]
async fn a_code_is_valid_for_its_user_for_a_day_and_until_the_next_one() {
    let app = TestApp::new().await;
    let ana = app.register(OLD).await;
    let bo = app.register("bo@example.com").await;
    asked(&app, &ana, NEW).await;
    let older = code(&app, NEW_ASCII, SUBJECT, 1).await;
    // A stranger who gets the email of a mistyped address has no account by it.
    assert_eq!(confirm(&app, &bo, &older).await.code(), "invalid_code");
    asked(&app, &ana, "ana@other.example").await;
    assert_eq!(confirm(&app, &ana, &older).await.code(), "invalid_code");
    let newer = code(&app, "ana@other.example", SUBJECT, 1).await;
    let age = "update auth.email_tokens set expires_at = now() where purpose = 'email_change'";
    sqlx::query(age).execute(&app.admin().await).await.unwrap();
    assert_eq!(confirm(&app, &ana, &newer).await.code(), "invalid_code");
    // Three at once, and five an hour.
    asked(&app, &ana, "ana@third.example").await;
    let refused = ask(&app, &ana, "ana@fourth.example", PASSWORD).await;
    assert_eq!(refused.code(), "rate_limited");
}

#[tokio::test]
async fn an_inbox_is_not_flooded_by_many_users() {
    let app = TestApp::new().await;
    let mut last = None;
    for name in ["ana", "bo", "cy", "di"] {
        let account = app.register(&format!("{name}@example.com")).await;
        last = Some(ask(&app, &account, "victim@example.com", PASSWORD).await);
    }
    assert_eq!(last.unwrap().code(), "rate_limited");
    let text = outbox(&app).await;
    assert_eq!(text.matches("to victim@example.com").count(), 3, "{text}");
}

#[tokio::test]
async fn an_earlier_spelling_is_changed_for_good() {
    let app = TestApp::new().await;
    let account = app.register("zoe@example.com").await;
    let admin = app.admin().await;
    for statement in [
        "update auth.login_directory set email = 'zoe@b\u{fc}cher.example', earlier = true",
        "update auth.users set email = 'zoe@b\u{fc}cher.example'",
    ] {
        sqlx::query(statement).execute(&admin).await.unwrap();
    }
    app.register("zoe@xn--bcher-kva.example").await;
    asked(&app, &account, "zoe@other.example").await;
    let token = code(&app, "zoe@other.example", SUBJECT, 1).await;
    let changed = confirm(&app, &account, &token).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.text());
    assert_eq!(status(&app, "zoe@other.example").await, 200);
    let earlier: i64 =
        sqlx::query_scalar("select count(*) from auth.login_directory where earlier")
            .fetch_one(&admin)
            .await
            .unwrap();
    assert_eq!(earlier, 0);
}
