//! An unavailable store is named in responses, and its recovery needs no restart.

use http::StatusCode;
use serde_json::json;
use shared_config::Service;
use shared_testkit::{Answer, Stores, TcpProxy, TestDatabase};

use crate::test_app::{PASSWORD, TestApp, client};

const EMAIL: &str = "ana@example.com";

fn assert_unavailable(answer: &Answer, dependency: &str) {
    let seen = (answer.status.as_u16(), answer.code());
    assert_eq!(
        seen,
        (503, "dependency_unavailable".to_owned()),
        "{}",
        answer.text()
    );
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with(dependency), "{detail}");
    assert!(answer.headers.contains_key("retry-after"));
}

fn readiness(answer: &Answer, name: &str) -> bool {
    let body = answer.json();
    let checks = body["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name).unwrap();
    assert_eq!(body["ready"], answer.status == StatusCode::OK);
    check["ready"].as_bool().unwrap()
}

#[tokio::test]
async fn a_database_outage_is_reported_and_recovers_without_restart() {
    let stores = Stores::from_env();
    let direct = TestDatabase::new(&stores).await.settings(Service::Auth);
    let mut proxy = TcpProxy::closed((direct.host.clone(), direct.port));
    let port = proxy.port;
    let app = TestApp::with(|config| {
        config.database.host = "127.0.0.1".to_owned();
        config.database.port = port;
    })
    .await;
    let form = json!({"email": EMAIL, "password": PASSWORD, "full_name": "Ana Lima"});
    // Together, as each of them waits for a connection until it gives up.
    let (registered, ready) = tokio::join!(
        app.client.post("/auth/v1/register", &form),
        app.client.get("/readyz")
    );
    assert_unavailable(&registered, "postgres");
    assert!(!readiness(&ready, "postgres"));
    assert_eq!(app.client.get("/livez").await.status, StatusCode::OK);

    proxy.open().await;
    let account = app.register(EMAIL).await;
    assert!(readiness(&app.client.get("/auth/readyz").await, "postgres"));

    proxy.close().await;
    let (me, refreshed, signed_in) = tokio::join!(
        app.me(&account.access),
        app.refresh(&account.refresh),
        app.login(EMAIL, PASSWORD, "203.0.113.7")
    );
    for answer in [me, refreshed, signed_in] {
        assert_unavailable(&answer, "postgres");
    }

    proxy.open().await;
    app.me(&account.access).await.expect(StatusCode::OK);
    app.refresh(&account.refresh).await.expect(StatusCode::OK);
    app.login(EMAIL, PASSWORD, "203.0.113.7")
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn without_redis_sign_in_is_refused_and_sessions_continue() {
    let stores = Stores::from_env();
    let mut proxy = TcpProxy::closed(stores.redis.clone());
    proxy.open().await;
    let port = proxy.port;
    let app = TestApp::with(|config| {
        config.cache.host = "127.0.0.1".to_owned();
        config.cache.port = port;
    })
    .await;
    let account = app.register(EMAIL).await;

    proxy.close().await;
    assert_unavailable(&app.login(EMAIL, PASSWORD, "203.0.113.7").await, "redis");
    let form = json!({"email": "b@example.com", "password": PASSWORD, "full_name": "Ben Lima"});
    assert_unavailable(&app.client.post("/auth/v1/register", &form).await, "redis");
    assert!(!readiness(&app.client.get("/readyz").await, "redis"));
    let renewed = app.refresh(&account.refresh).await.expect(StatusCode::OK);
    app.me(renewed["access_token"].as_str().unwrap())
        .await
        .expect(StatusCode::OK);

    proxy.open().await;
    let mut answer = app.login(EMAIL, PASSWORD, "203.0.113.7").await;
    for _ in 0..50 {
        if answer.status == StatusCode::OK {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        answer = app.login(EMAIL, PASSWORD, "203.0.113.7").await;
    }
    answer.expect(StatusCode::OK);
    assert!(readiness(&app.client.get("/readyz").await, "redis"));
}

#[tokio::test]
async fn the_audit_log_is_verified_without_redis() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let mut config = app.config.clone();
    config.cache.port = TcpProxy::closed(("127.0.0.1".to_owned(), 1)).port;
    let client = client(&config).with_token(&ana.access);
    let found = client.get("/auth/v1/audit/verification").await;
    let found = found.expect(StatusCode::OK);
    assert_eq!(
        (&found["intact"], &found["complete"]),
        (&json!(true), &json!(true))
    );
}
