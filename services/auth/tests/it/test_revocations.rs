//! A revocation follows from its change, whatever happens to Redis in between.

use std::time::{Duration, Instant};

use auth_service::{Config, tenants_api};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_auth::{AccessClaims, TokenVerifier};
use shared_cache::{Cache, CacheSettings};
use shared_config::{Secret, Service};
use shared_models::{Permission, Role};
use shared_rpc::http_client;
use shared_testkit::{TcpProxy, TestClient};
use sqlx::{ConnectOptions as _, Row as _};
use uuid::Uuid;

use crate::mailbox::Worker;
use crate::test_app::{Account, PASSWORD, TestApp, client};

/// The token of the operator, here.
const OPERATOR: &str = "T7rQ2mZ9vK4xW1cB8nL5sD3fG6hJ0pYa";

/// Another service of the same platform, which knows auth's keys.
async fn hub(app: &TestApp) -> TokenVerifier {
    hub_by(app, &app.config).await
}

/// A service that knows auth's keys and reaches Redis in the way of that configuration.
async fn hub_by(app: &TestApp, config: &Config) -> TokenVerifier {
    let http = http_client::new().unwrap();
    let verifier = TokenVerifier::new(Service::CreatorHub, config.verifier.clone(), http);
    verifier.replace_keys(&app.key_set().await);
    let cache = Cache::new(&config.cache).unwrap();
    verifier.with_revocations(cache, &app.database.as_service(Service::CreatorHub))
}

/// A replica of auth behind a way to Redis that the test closes.
async fn cut_off_later(app: &TestApp) -> (TcpProxy, Config) {
    let redis = &app.config.cache;
    let mut way = TcpProxy::closed((redis.host.clone(), redis.port));
    way.open().await;
    let mut config = app.config.clone();
    config.cache = CacheSettings {
        port: way.port,
        ..redis.clone()
    };
    (way, config)
}

/// Waits until the other service answers so; none is success.
async fn until(hub: &TokenVerifier, token: &str, code: Option<&str>) {
    let began = Instant::now();
    loop {
        let answer = hub.verify(token).await;
        let found = answer.as_ref().err().map(shared_auth::AuthError::code);
        if found == code {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn unpublished(app: &TestApp) -> i64 {
    let sql = "select count(*) from platform.revocations where published_at is null";
    let row = sqlx::query(sql).fetch_one(&app.admin().await).await;
    row.unwrap().get(0)
}

#[tokio::test]
async fn a_sign_out_without_redis_is_effective_at_once_and_published_when_redis_is_back() {
    let app = TestApp::new().await;
    let account = app.register("ana@example.com").await;
    let (mut way, config) = cut_off_later(&app).await;
    let cut_off = hub_by(&app, &config).await;
    let replica = client(&config);
    way.close().await;
    let body = json!({"refresh_token": account.refresh});
    let answer = replica.post("/auth/v1/logout", &body).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    assert_eq!(unpublished(&app).await, 1, "committed and not published");
    // Reads and changes alike, by a service without Redis.
    for method in [Method::GET, Method::POST] {
        let answer = cut_off.verify_for(&account.access, &method).await;
        assert_eq!(answer.unwrap_err().code(), "session_ended", "{method}");
    }
    let me = replica.with_token(&account.access).get("/auth/v1/me").await;
    assert_eq!(me.status, StatusCode::UNAUTHORIZED, "{}", me.text());
    // The process that committed it does nothing more; any other replica follows up.
    let _another = Worker::start(&app);
    until(&hub(&app).await, &account.access, Some("session_ended")).await;
    let began = Instant::now();
    while unpublished(&app).await > 0 {
        assert!(began.elapsed() < Duration::from_secs(5), "not published");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The operator's view of an account whose suspension it wants or not.
async fn provision(operator: &TestClient, uid: Uuid, suspended: bool) -> Value {
    let wish = json!({
        "resource": "acme/cleo", "display_name": "Cleo's Coaching", "plan": "pro",
        "owner": {"email": "cleo@example.com", "full_name": "Cleo Lima"},
        "quotas": {}, "allowed_origins": [], "invite": true, "suspended": suspended,
    });
    let path = format!("/internal/v1/tenants/{uid}");
    let answer = operator.json(Method::PUT, &path, &wish).await;
    assert!(answer.status.is_success(), "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_suspension_and_its_end_take_effect_though_redis_is_away_at_the_commit() {
    let app = TestApp::new().await;
    let (mut way, config) = cut_off_later(&app).await;
    let state = auth_service::AppState::new(&config).unwrap();
    let operator = TestClient::new(tenants_api(state, Secret::new(OPERATOR.to_owned())));
    let operator = operator.with_token(OPERATOR);
    let uid = Uuid::new_v4();
    let made = provision(&operator, uid, false).await;
    let accepted = json!({
        "token": made["invitation"]["token"], "password": PASSWORD,
    });
    let signed_in = app
        .client
        .post("/auth/v1/owner-invitations/accept", &accepted);
    let owner = Account::of(&signed_in.await.expect(StatusCode::OK));
    let hub = hub(&app).await;
    until(&hub, &owner.access, None).await;
    let _another = Worker::start(&app);
    for (suspended, code) in [(true, Some("tenant_suspended")), (false, None)] {
        way.close().await;
        provision(&operator, uid, suspended).await;
        until(&hub, &owner.access, code).await;
        way.open().await;
        provision(&operator, uid, suspended).await;
        until(&hub, &owner.access, code).await;
    }
}

#[tokio::test]
async fn a_change_of_role_commits_its_revocation_and_the_new_token_is_newer() {
    let app = TestApp::new().await;
    let _worker = Worker::start(&app);
    let owner = app.register("ana@example.com").await;
    let bo = app.member(&owner, "bo@example.com", Role::Editor).await;
    let hub = hub(&app).await;
    until(&hub, &bo.access, None).await;
    let caller = app.client.with_token(&owner.access);
    let path = format!("/auth/v1/members/{}", bo.user);
    let change = json!({"role": "viewer"});
    let changed = caller.json(Method::PATCH, &path, &change).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.text());
    assert_eq!(unpublished(&app).await, 0, "published before the response");
    until(&hub, &bo.access, Some("revoked_token")).await;
    let renewed = app.refresh(&bo.refresh).await.expect(StatusCode::OK);
    let access = renewed["access_token"].as_str().unwrap();
    hub.verify(access).await.unwrap();
}

/// A role is read, then changed and its revocation published, and only then the token is signed.
#[tokio::test]
async fn a_token_whose_role_was_read_before_a_change_is_ended_by_it() {
    let app = TestApp::new().await;
    let owner = app.register("ana@example.com").await;
    let bo = app.member(&owner, "bo@example.com", Role::Editor).await;
    let (hub, admin) = (hub(&app).await, app.admin().await);
    // The statement that reads the role waits in its middle for the row of the user.
    let mut holder = admin.connect_options().connect().await.unwrap();
    for statement in ["begin", "select from auth.users for no key update"] {
        sqlx::query(statement).execute(&mut holder).await.unwrap();
    }
    let config = app.config.clone();
    let signing_in = tokio::spawn(async move {
        let body = json!({"email": "bo@example.com", "password": PASSWORD});
        client(&config).post("/auth/v1/login", &body).await
    });
    let waiting = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'";
    let began = Instant::now();
    while sqlx::query(waiting)
        .fetch_one(&admin)
        .await
        .unwrap()
        .get::<i64, _>(0)
        == 0
    {
        assert!(began.elapsed() < Duration::from_secs(10), "nobody waits");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let caller = app.client.with_token(&owner.access);
    let path = format!("/auth/v1/members/{}", bo.user);
    let change = json!({"role": "viewer"});
    let changed = caller.json(Method::PATCH, &path, &change).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.text());
    sqlx::query("rollback").execute(&mut holder).await.unwrap();
    let signed_in = signing_in.await.unwrap().expect(StatusCode::OK);
    let late = Account::of(&signed_in);
    let claims = jsonwebtoken::dangerous::insecure_decode::<AccessClaims>(&late.access);
    assert_eq!(claims.unwrap().claims.role, Role::Editor, "the former role");
    until(&hub, &late.access, Some("revoked_token")).await;
    let renewed = app.refresh(&late.refresh).await.expect(StatusCode::OK);
    let caller = hub.verify(renewed["access_token"].as_str().unwrap()).await;
    assert!(
        !caller.unwrap().has(Permission::DocumentsWrite),
        "the new role"
    );
}
