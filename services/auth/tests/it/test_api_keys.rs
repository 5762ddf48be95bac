//! API keys: shown once, limited by their creator's role, refused at once when revoked.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_auth::Principal;
use shared_auth::TokenVerifier;
use shared_config::Service;
use shared_models::Role;
use shared_rpc::http_client;
use shared_testkit::{Answer, TestClient};
use sqlx::Row as _;
use tokio::net::TcpListener;

use crate::test_app::{Account, TestApp, client};

const KEYS: &str = "/auth/v1/api-keys";

async fn make(client: &TestClient, scopes: &[&str]) -> Value {
    let answer = client
        .post(KEYS, &json!({"name": "Site", "scopes": scopes}))
        .await;
    answer.expect(StatusCode::CREATED)
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap()
}

/// The account's owner, as a caller.
fn owner(app: &TestApp, account: &Account) -> TestClient {
    app.client.with_token(&account.access)
}

/// The same user with a lower role, in the token and in the table.
async fn demote(app: &TestApp, account: &Account, role: Role) -> TestClient {
    let mut claims = app.claims(account);
    claims.role = role;
    let statement = "update auth.memberships set role = $1 where user_id = $2";
    let admin = app.admin().await;
    let changed = sqlx::query(statement)
        .bind(role.as_str())
        .bind(account.user);
    changed.execute(&admin).await.unwrap();
    app.client.with_token(&app.sign(&claims).await)
}

#[tokio::test]
async fn a_key_is_shown_once_stored_as_a_hash_and_listed_without_its_secret() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let owner = owner(&app, &account);
    let made = make(
        &owner,
        &["documents:write", "documents:read", "documents:read"],
    )
    .await;
    let key = text(&made, "/key");
    assert!(key.starts_with(text(&made, "/api_key/prefix")));
    assert_eq!(
        made["api_key"]["scopes"],
        json!(["documents:read", "documents:write"])
    );
    let list = owner.get(KEYS).await;
    assert!(!list.text().contains(key));
    assert_eq!(list.json()["items"][0], made["api_key"]);
    let row = sqlx::query("select row_to_json(k)::text from auth.api_keys k")
        .fetch_one(&app.admin().await)
        .await
        .unwrap();
    assert!(!row.get::<String, _>(0).contains(&key[13..]));
}

#[tokio::test]
async fn invalid_key_requests_are_refused() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let owner = owner(&app, &account);
    for (body, field) in [
        (json!({"name": "Site", "scopes": []}), "scopes"),
        (
            json!({"name": "Site", "scopes": ["documents:burn"]}),
            "scopes[0]",
        ),
        (json!({"name": "", "scopes": ["documents:read"]}), "name"),
        (
            json!({"name": "Site", "scopes": ["documents:read"], "role": "owner"}),
            "role",
        ),
        (
            json!({"name": "S", "scopes": ["documents:read"],
                "expires_at": "2020-01-01T00:00:00Z"}),
            "expires_at",
        ),
    ] {
        let answer = owner.post(KEYS, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(
            answer.json()["errors"][0]["field"],
            field,
            "{}",
            answer.text()
        );
    }
    let editor = demote(&app, &account, Role::Editor).await;
    let refused = editor
        .post(KEYS, &json!({"name": "S", "scopes": ["documents:read"]}))
        .await;
    assert_eq!((refused.status, refused.code()), missing());
    let admin = demote(&app, &account, Role::Admin).await;
    let above = admin
        .post(KEYS, &json!({"name": "S", "scopes": ["privacy:manage"]}))
        .await;
    assert_eq!((above.status, above.code()), missing());
    make(&admin, &["api_keys:manage"]).await;
}

fn missing() -> (StatusCode, String) {
    (StatusCode::FORBIDDEN, "permission_missing".to_owned())
}

#[tokio::test]
async fn a_key_creates_no_keys_and_is_limited_to_its_scopes() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let made = make(&owner(&app, &account), &["api_keys:manage"]).await;
    let program = app.client.with_token(text(&made, "/key"));
    program.get(KEYS).await.expect(StatusCode::OK);
    let answer = program
        .post(KEYS, &json!({"name": "S", "scopes": ["api_keys:manage"]}))
        .await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::FORBIDDEN, "users_only".to_owned())
    );
    assert_eq!(program.get("/auth/v1/me").await.code(), "users_only");
    let none = app
        .client
        .with_token("cpk_nobody-knows-this-one")
        .get(KEYS)
        .await;
    assert_eq!(
        (none.status, none.code()),
        (StatusCode::UNAUTHORIZED, "invalid_token".to_owned())
    );
}

#[tokio::test]
async fn a_key_of_another_account_is_not_found() {
    let app = TestApp::new().await;
    let (ana, ben) = (
        app.register("ana@example.com").await,
        app.register("b@example.com").await,
    );
    let made = make(&owner(&app, &ana), &["documents:read"]).await;
    let path = format!("{KEYS}/{}", text(&made, "/api_key/id"));
    let foreign = owner(&app, &ben).delete(&path).await;
    assert_eq!(
        (foreign.status, foreign.code()),
        (StatusCode::NOT_FOUND, "unknown_api_key".into())
    );
    assert_eq!(owner(&app, &ben).get(KEYS).await.json()["items"], json!([]));
}

/// auth on a socket, and the verifier of another service that calls it.
async fn another_service(app: &TestApp) -> (TokenVerifier, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = app.config.verifier.clone();
    settings.auth_url = format!("http://{}", listener.local_addr().unwrap());
    let state = auth_service::AppState::new(&app.config).unwrap();
    let router = auth_service::app(state);
    let served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let cache = shared_cache::Cache::new(&app.config.cache).unwrap();
    let http = http_client::new().unwrap();
    let db = app.database.as_service(Service::CreatorHub);
    (
        TokenVerifier::new(Service::CreatorHub, settings, http).with_revocations(cache, &db),
        served,
    )
}

#[tokio::test]
async fn every_service_accepts_a_key_until_it_is_revoked() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let owner = owner(&app, &account);
    let (hub, served) = another_service(&app).await;
    let made = make(&owner, &["documents:read"]).await;
    let key = text(&made, "/key");
    for _ in 0..3 {
        let caller = hub.verify(key).await.unwrap();
        assert_eq!(caller.tenant, account.creator);
        assert!(matches!(caller.principal, Principal::ApiKey { .. }));
    }
    let path = format!("{KEYS}/{}", text(&made, "/api_key/id"));
    let none: Answer = owner.delete(&path).await;
    assert_eq!(none.status, StatusCode::NO_CONTENT);
    let started = std::time::Instant::now();
    while hub.verify(key).await.is_ok() {
        assert!(
            started.elapsed().as_millis() < 1000,
            "still accepted after a second"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(
        owner.delete(&path).await.status,
        StatusCode::NO_CONTENT,
        "again"
    );
    let listed = owner.get(KEYS).await.json();
    assert_ne!(listed["items"][0]["last_used_at"], Value::Null);
    assert_ne!(listed["items"][0]["revoked_at"], Value::Null);
    served.abort();
}

#[tokio::test]
async fn a_key_loses_the_permissions_that_its_creator_loses() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let made = make(
        &owner(&app, &account),
        &["documents:read", "documents:write"],
    )
    .await;
    let (hub, served) = another_service(&app).await;
    demote(&app, &account, Role::Viewer).await;
    let caller = hub.verify(text(&made, "/key")).await.unwrap();
    assert!(caller.has(shared_models::Permission::DocumentsRead));
    assert!(!caller.has(shared_models::Permission::DocumentsWrite));
    served.abort();
}

#[tokio::test]
async fn a_key_of_a_suspended_account_is_refused_until_the_account_is_resumed() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let made = make(&owner(&app, &account), &["documents:read"]).await;
    let key = text(&made, "/key");
    let admin = app.admin().await;
    // No revocation is published: this is the state after the revocation has expired.
    let shut = "insert into platform.tenant_settings (creator_id, plan, suspended_at)
                values ($1, 'free', now())";
    let shut = sqlx::query(shut).bind(account.creator);
    shut.execute(&admin).await.unwrap();
    let (hub, served) = another_service(&app).await;
    let refused = hub.verify(key).await.unwrap_err();
    assert_eq!(refused.code(), "invalid_token");
    let resume = "update platform.tenant_settings set suspended_at = null";
    sqlx::query(resume).execute(&admin).await.unwrap();
    // A refusal is remembered for two seconds.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(hub.verify(key).await.unwrap().tenant, account.creator);
    served.abort();
}

#[tokio::test]
async fn only_services_may_introspect_a_key() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let path = "/auth/internal/v1/api-keys/introspect";
    let body = json!({"key_hash": "0".repeat(64)});
    let person = owner(&app, &account).json(Method::POST, path, &body).await;
    assert_eq!(person.status, StatusCode::UNAUTHORIZED);
    let nobody = client(&app.config).post(path, &body).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let http = http_client::new().unwrap();
    let hub = TokenVerifier::new(Service::CreatorHub, app.config.verifier.clone(), http);
    let token = hub.signer().service_token(Service::Auth).unwrap();
    let service = app.client.with_token(&token);
    assert_eq!(service.post(path, &body).await.code(), "unknown_api_key");
    let bad = service.post(path, &json!({"key_hash": "nonsense"})).await;
    assert_eq!(bad.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_number_of_active_keys_is_limited() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let owner = owner(&app, &account);
    let made = make(&owner, &["documents:read"]).await;
    let copies = "insert into auth.api_keys
           (creator_id, id, name, prefix, key_hash, scopes, created_by)
         select creator_id, gen_random_uuid(), name, prefix, sha256(n::text::bytea), scopes,
                created_by
         from auth.api_keys, generate_series(2, 100) n where creator_id = $1";
    let admin = app.admin().await;
    let copies = sqlx::query(copies).bind(account.creator);
    assert_eq!(copies.execute(&admin).await.unwrap().rows_affected(), 99);
    let wanted = json!({"name": "Site", "scopes": ["documents:read"]});
    let refused = owner.post(KEYS, &wanted).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.code(), "too_many_api_keys");
    let path = format!("{KEYS}/{}", text(&made, "/api_key/id"));
    assert_eq!(owner.delete(&path).await.status, StatusCode::NO_CONTENT);
    make(&owner, &["documents:read"]).await;
}
