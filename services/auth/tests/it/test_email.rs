//! Proof of an e-mail address, and platforms that ask for it.

use http::StatusCode;
use serde_json::json;

use crate::letters::code;
use crate::world::{PASSWORD, World};

const EMAIL: &str = "ana@example.com";
const SUBJECT: &str = "Confirm your e-mail address";

async fn confirm(world: &World, token: &str) -> shared_testkit::Answer {
    let path = "/auth/v1/email/verification/confirm";
    world.client.post(path, &json!({"token": token})).await
}

#[tokio::test]
async fn the_letter_of_a_registration_proves_the_address_once() {
    let world = World::new().await;
    let account = world.register(EMAIL).await;
    let me = world.me(&account.access).await.expect(StatusCode::OK);
    assert!(me["user"]["email_verified_at"].is_null());
    let token = code(&world, EMAIL, SUBJECT, 1).await;
    assert_eq!(confirm(&world, "made-up").await.code(), "invalid_code");
    assert_eq!(confirm(&world, &token).await.status, StatusCode::NO_CONTENT);
    let me = world.me(&account.access).await.expect(StatusCode::OK);
    assert!(me["user"]["email_verified_at"].is_string());
    assert_eq!(confirm(&world, &token).await.code(), "invalid_code");
    let caller = world.client.with_token(&account.access);
    let again = caller.post("/auth/v1/email/verification", &json!({})).await;
    assert_eq!(
        (again.status.as_u16(), again.code().as_str()),
        (409, "already_verified")
    );
}

#[tokio::test]
async fn a_new_letter_voids_the_one_before_and_their_number_is_limited() {
    let world = World::new().await;
    let account = world.register(EMAIL).await;
    let first = code(&world, EMAIL, SUBJECT, 1).await;
    let caller = world.client.with_token(&account.access);
    let path = "/auth/v1/email/verification";
    let asked = caller.post(path, &json!({})).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    let second = code(&world, EMAIL, SUBJECT, 2).await;
    assert_eq!(confirm(&world, &first).await.code(), "invalid_code");
    let mut last = asked;
    for _ in 0..4 {
        last = caller.post(path, &json!({})).await;
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    let newest = code(&world, EMAIL, SUBJECT, 4).await;
    assert_ne!(newest, second);
    assert_eq!(
        confirm(&world, &newest).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        world.client.post(path, &json!({})).await.code(),
        "missing_token"
    );
}

#[tokio::test]
async fn a_code_for_one_purpose_opens_no_other() {
    let world = World::new().await;
    world.register(EMAIL).await;
    let token = code(&world, EMAIL, SUBJECT, 1).await;
    let body = json!({"token": token, "new_password": "Copper-4-Meadow"});
    let crossed = world
        .client
        .post("/auth/v1/password/reset/confirm", &body)
        .await;
    assert_eq!(crossed.code(), "invalid_code");
}

#[tokio::test]
async fn where_proof_is_asked_for_nobody_stays_without_it() {
    let world = World::with(|config| config.verified_email_required = true).await;
    let account = world.register(EMAIL).await;
    let login = world.login(EMAIL, PASSWORD, "203.0.113.7").await;
    assert_eq!(
        (login.status.as_u16(), login.code().as_str()),
        (403, "email_unverified")
    );
    let wrong = world.login(EMAIL, "Wrong-4-Meadow", "203.0.113.7").await;
    assert_eq!(
        wrong.code(),
        "invalid_credentials",
        "only the password's owner learns of it"
    );
    let refresh = world.refresh(&account.refresh).await;
    assert_eq!(
        (refresh.status.as_u16(), refresh.code().as_str()),
        (403, "email_unverified")
    );
    let token = code(&world, EMAIL, SUBJECT, 2).await;
    assert_eq!(confirm(&world, &token).await.status, StatusCode::NO_CONTENT);
    world
        .login(EMAIL, PASSWORD, "203.0.113.7")
        .await
        .expect(StatusCode::OK);
    world.refresh(&account.refresh).await.expect(StatusCode::OK);
}
