//! One password in the spellings of several devices (RFC 8265).

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, SaltString};
use http::StatusCode;
use serde_json::{Value, json};
use shared_testkit::Answer;

use crate::mailbox::{Worker, code};
use crate::test_app::{Account, TestApp};

const EMAIL: &str = "ana@example.com";
/// As a Mac may send it: the accent is a character of its own, and so is the space.
const DECOMPOSED: &str = "Cafe\u{301}-7\u{a0}Lantern";
/// As other devices send it.
const COMPOSED: &str = "Caf\u{e9}-7 Lantern";
const OTHER_DECOMPOSED: &str = "Ga\u{308}rtner-4\u{3000}Meadow";
const OTHER_COMPOSED: &str = "G\u{e4}rtner-4 Meadow";

async fn register(app: &TestApp, password: &str) -> Answer {
    let body = json!({"email": EMAIL, "password": password, "full_name": "Ana Lima"});
    app.client.post("/auth/v1/register", &body).await
}

async fn post(app: &TestApp, account: &Account, path: &str, body: Value) -> Answer {
    let caller = app.client.with_token(&account.access);
    caller.post(&format!("/auth/v1/{path}"), &body).await
}

async fn sign_in(app: &TestApp, password: &str) -> StatusCode {
    app.login(EMAIL, password, "203.0.113.7").await.status
}

async fn set_hash(app: &TestApp, password: &str) {
    let salt = SaltString::from_b64("c2FsdHNhbHRzYWx0c2FsdA").unwrap();
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    let update = sqlx::query("update auth.users set password_hash = $1");
    let update = update.bind(hash.unwrap().to_string());
    update.execute(&app.admin().await).await.unwrap();
}

#[tokio::test]
async fn a_password_is_the_same_on_every_device() {
    let app = TestApp::new().await;
    let account = Account::of(&register(&app, DECOMPOSED).await.expect(StatusCode::CREATED));
    for password in [DECOMPOSED, COMPOSED] {
        assert_eq!(sign_in(&app, password).await, StatusCode::OK, "{password}");
    }
    let full_width = COMPOSED.replace('C', "\u{ff23}");
    assert_eq!(sign_in(&app, &full_width).await, StatusCode::UNAUTHORIZED);
    let lower_case = COMPOSED.replace('C', "c");
    assert_eq!(sign_in(&app, &lower_case).await, StatusCode::UNAUTHORIZED);

    // Every request that confirms a password accepts both spellings.
    for password in [DECOMPOSED, COMPOSED] {
        let enrolled = post(&app, &account, "totp", json!({"password": password})).await;
        assert_eq!(enrolled.status, StatusCode::CREATED, "{}", enrolled.text());
        let exported = post(
            &app,
            &account,
            "privacy/exports",
            json!({"password": password}),
        );
        assert_eq!(exported.await.status, StatusCode::ACCEPTED);
        let body = json!({"confirmation": account.creator, "password": password});
        let erased = post(&app, &account, "privacy/erasures", body).await;
        assert_eq!(erased.status, StatusCode::ACCEPTED, "{}", erased.text());
    }
    let same = json!({"current_password": DECOMPOSED, "new_password": COMPOSED});
    let same = post(&app, &account, "password/change", same).await;
    assert_eq!(same.code(), "invalid_fields", "it is the same password");
    let change = json!({"current_password": COMPOSED, "new_password": OTHER_DECOMPOSED});
    let changed = post(&app, &account, "password/change", change).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.text());
    assert_eq!(sign_in(&app, OTHER_COMPOSED).await, StatusCode::OK);
}

#[tokio::test]
async fn a_password_that_was_reset_is_the_same_on_every_device() {
    let app = TestApp::new().await;
    register(&app, COMPOSED).await.expect(StatusCode::CREATED);
    let _worker = Worker::start(&app);
    let asked = json!({"email": EMAIL});
    app.client.post("/auth/v1/password/reset", &asked).await;
    let token = code(&app, EMAIL, "Set a new password", 1).await;
    let body = json!({"token": token, "new_password": OTHER_DECOMPOSED});
    let reset = app.client.post("/auth/v1/password/reset/confirm", &body);
    assert_eq!(reset.await.status, StatusCode::NO_CONTENT);
    assert_eq!(sign_in(&app, OTHER_COMPOSED).await, StatusCode::OK);
}

#[tokio::test]
async fn an_invited_member_has_the_same_password_on_every_device() {
    let app = TestApp::new().await;
    let account = Account::of(&register(&app, COMPOSED).await.expect(StatusCode::CREATED));
    let invited = json!({"email": "bo@example.com", "role": "editor"});
    let invited = post(&app, &account, "invites", invited).await;
    let token = invited.expect(StatusCode::CREATED)["token"].take();
    let body = json!({"token": token, "password": OTHER_DECOMPOSED, "full_name": "Bo Marin"});
    let accepted = app.client.post("/auth/v1/invites/accept", &body).await;
    accepted.expect(StatusCode::CREATED);
    let signed_in = app.login("bo@example.com", OTHER_COMPOSED, "203.0.113.7");
    assert_eq!(signed_in.await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_hash_of_an_earlier_version_is_opened_by_the_spelling_of_then_and_replaced() {
    let app = TestApp::new().await;
    let account = Account::of(&register(&app, COMPOSED).await.expect(StatusCode::CREATED));
    set_hash(&app, DECOMPOSED).await;
    assert_eq!(sign_in(&app, COMPOSED).await, StatusCode::UNAUTHORIZED);
    let confirmed = post(&app, &account, "totp", json!({"password": DECOMPOSED})).await;
    assert_eq!(
        confirmed.status,
        StatusCode::CREATED,
        "{}",
        confirmed.text()
    );
    assert_eq!(sign_in(&app, DECOMPOSED).await, StatusCode::OK);
    assert_eq!(sign_in(&app, COMPOSED).await, StatusCode::OK, "replaced");
    assert_eq!(sign_in(&app, DECOMPOSED).await, StatusCode::OK);
    // A password with a control character was accepted once, and opens its account.
    set_hash(&app, "Cafe\t7-Lantern").await;
    assert_eq!(sign_in(&app, "Cafe\t7-Lantern").await, StatusCode::OK);
}

#[tokio::test]
async fn the_length_of_a_password_is_that_of_its_prepared_spelling() {
    let app = TestApp::with(|config| config.password_min_length = 12).await;
    // Twelve characters as they are typed, and eleven as they are seen.
    let short = "Cafe\u{301}-7-Lamp";
    assert_eq!(short.chars().count(), 12);
    let refused = register(&app, short).await;
    assert_eq!(refused.code(), "weak_password", "{}", refused.text());
    let long = format!("Caf\u{e9}-7-{}", "e\u{301}x".repeat(60));
    assert!(long.chars().count() > 128);
    register(&app, &long).await.expect(StatusCode::CREATED);
    for text in [
        "",
        "Cafe\t7-Lantern",
        "Cafe\0-7-Lantern",
        "Cafe\u{85}7-Lantern",
    ] {
        let refused = register(&app, text).await;
        assert_eq!(refused.code(), "invalid_fields", "{text:?}");
        assert_eq!(refused.json()["errors"][0]["field"], "password", "{text:?}");
    }
}
