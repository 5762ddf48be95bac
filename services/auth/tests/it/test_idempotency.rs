//! Requests with an Idempotency-Key: repeated, concurrent, by another member, and their storage.

use auth_service::commands;
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use shared_models::Role;

use crate::test_app::{Account, PASSWORD, TestApp};

const KEY: &str = "idempotency-key";
const CONSENTS: &str = "/auth/v1/me/consents";
const ERASURES: &str = "/auth/v1/privacy/erasures";

/// An endpoint that creates something, two requests to it, and a query that counts the results.
struct Creates {
    path: &'static str,
    one: Value,
    other: Value,
    count: &'static str,
    /// Whether the response contains a secret.
    secret: Option<&'static str>,
}

fn all(account: &Account) -> Vec<Creates> {
    let key = |name| json!({"name": name, "scopes": ["documents:read"]});
    let invite = |email| json!({"email": email, "role": "viewer"});
    let invitee = |email| json!({"email": email});
    let erasure = |said: Value| json!({"confirmation": said, "password": PASSWORD});
    let consent = |version| json!({"purpose": "marketing", "version": version, "granted": true});
    let kept = |path, one, other, count, secret| Creates {
        path,
        one,
        other,
        count,
        secret,
    };
    vec![
        kept(
            "/auth/v1/api-keys",
            key("Site"),
            key("Shop"),
            "select count(*) from auth.api_keys",
            Some("key"),
        ),
        kept(
            "/auth/v1/invites",
            invite("bo@example.com"),
            invite("cy@example.com"),
            "select count(*) from auth.invites",
            Some("token"),
        ),
        kept(
            "/auth/v1/registration-invitations",
            invitee("dee@example.com"),
            invitee("eve@example.com"),
            "select count(*) from auth.audit_log where action = 'registration.invited'",
            Some("token"),
        ),
        kept(
            ERASURES,
            erasure(json!(account.creator)),
            erasure(json!("Ana Lima")),
            "select count(*) from auth.privacy_requests where kind = 'erasure'",
            None,
        ),
        kept(
            CONSENTS,
            consent("2026-01"),
            consent("2026-02"),
            "select count(*) from platform.consents",
            None,
        ),
    ]
}

async fn administrator(app: &TestApp) -> Account {
    let account = app.register("ana@example.com").await;
    let made = commands::grant_admin(&app.config, "ana@example.com").await;
    made.unwrap();
    account
}

async fn number(app: &TestApp, statement: &'static str) -> i64 {
    let admin = app.admin().await;
    sqlx::query_scalar(statement)
        .fetch_one(&admin)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_repeated_request_gets_the_stored_response_and_has_no_second_effect() {
    let app = TestApp::new().await;
    let account = administrator(&app).await;
    let named = app.client.with_token(&account.access);
    let named = named.with_header(KEY, "the-same-for-all");
    for Creates {
        path,
        one,
        other,
        count,
        secret,
    } in all(&account)
    {
        let first = named.post(path, &one).await;
        assert!(first.status.is_success(), "{path}: {}", first.text());
        let again = named.post(path, &one).await;
        assert_eq!(again.status, first.status, "{path}: {}", again.text());
        assert_eq!(again.body.is_empty(), first.body.is_empty(), "{path}");
        assert_eq!(again.json(), first.json(), "{path}");
        assert_eq!(again.headers["idempotency-replayed"], "true", "{path}");
        assert_eq!(again.headers["cache-control"], "no-store", "{path}");
        let reused = named.post(path, &other).await;
        assert_eq!(reused.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(reused.code(), "idempotency_key_reused", "{path}");
        assert_eq!(number(&app, count).await, 1, "{path}");
        if let Some(field) = secret {
            let text = first.json()[field].as_str().unwrap().to_owned();
            let kept = "select string_agg(k::text, ' ') from platform.idempotency_keys k";
            let admin = app.admin().await;
            let kept: String = sqlx::query_scalar(kept).fetch_one(&admin).await.unwrap();
            assert!(!kept.contains(&text), "{path} keeps its secret in clear");
        }
    }
}

#[tokio::test]
async fn a_repeated_export_request_creates_one_export_even_after_it_has_ended() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let named = app.client.with_token(&account.access);
    let named = named.with_header(KEY, "copy-1");
    let path = "/auth/v1/privacy/exports";
    let body = json!({"password": PASSWORD});
    let first = named.post(path, &body).await;
    let first = first.expect(StatusCode::ACCEPTED);
    sqlx::query("update auth.privacy_requests set state = 'cancelled'")
        .execute(&app.admin().await)
        .await
        .unwrap();
    let again = named.post(path, &body).await;
    assert_eq!(again.expect(StatusCode::ACCEPTED)["id"], first["id"]);
    let count = "select count(*) from auth.privacy_requests";
    assert_eq!(number(&app, count).await, 1);
}

#[tokio::test]
async fn of_many_concurrent_repetitions_one_is_executed() {
    let app = TestApp::new().await;
    let account = administrator(&app).await;
    let named = app.client.with_token(&account.access);
    let named = named.with_header(KEY, "side-by-side");
    for Creates {
        path, one, count, ..
    } in all(&account)
    {
        let answers = join_all((0..4).map(|_| named.post(path, &one))).await;
        for answer in &answers {
            let running = answer.status == StatusCode::CONFLICT;
            let known = running && answer.code() == "request_in_progress";
            assert!(
                known || answer.status.is_success(),
                "{path}: {}",
                answer.text()
            );
        }
        let done = answers.iter().filter(|answer| answer.status.is_success());
        assert!(done.count() > 0, "{path}");
        assert_eq!(number(&app, count).await, 1, "{path}");
    }
}

#[tokio::test]
async fn a_response_with_a_secret_is_repeated_only_to_its_user() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let bo = app.member(&ana, "bo@example.com", Role::Owner).await;
    let (path, body) = (
        "/auth/v1/api-keys",
        json!({"name": "Site", "scopes": ["documents:read"]}),
    );
    let of = |account: &Account| {
        let client = app.client.with_token(&account.access);
        client.with_header(KEY, "site-1")
    };
    let first = of(&ana).post(path, &body).await;
    first.expect(StatusCode::CREATED);
    let refused = of(&bo).post(path, &body).await;
    assert_eq!(refused.code(), "idempotency_key_reused");
    assert!(!refused.text().contains("cpk_"), "{}", refused.text());
}

#[tokio::test]
async fn a_repeated_erasure_request_requires_the_password_again() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let named = app.client.with_token(&account.access);
    let named = named.with_header(KEY, "erasure-1");
    let body = |password| json!({"confirmation": account.creator, "password": password});
    named
        .post(ERASURES, &body(PASSWORD))
        .await
        .expect(StatusCode::ACCEPTED);
    let refused = named.post(ERASURES, &body("Another-7-Harbour")).await;
    assert!(refused.status.is_client_error(), "{}", refused.text());
    assert_ne!(refused.code(), "idempotency_key_reused");
    let count = "select count(*) from auth.privacy_requests";
    assert_eq!(number(&app, count).await, 1);
}
