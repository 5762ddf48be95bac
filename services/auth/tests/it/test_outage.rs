//! A store that is away is named, and its return needs no restart.

use http::StatusCode;
use serde_json::json;
use shared_config::Service;
use shared_testkit::{Answer, Stores, TcpProxy, TestDatabase};

use crate::world::{PASSWORD, World};

const EMAIL: &str = "ana@example.com";

fn away(answer: &Answer, dependency: &str) {
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
async fn the_database_goes_and_comes_back() {
    let stores = Stores::from_env();
    let direct = TestDatabase::new(&stores).await.settings(Service::Auth);
    let mut gate = TcpProxy::closed((direct.host.clone(), direct.port));
    let port = gate.port;
    let world = World::with(|config| {
        config.database.host = "127.0.0.1".to_owned();
        config.database.port = port;
    })
    .await;
    let form = json!({"email": EMAIL, "password": PASSWORD, "full_name": "Ana Lima"});
    away(
        &world.client.post("/auth/v1/register", &form).await,
        "postgres",
    );
    assert!(!readiness(&world.client.get("/readyz").await, "postgres"));
    assert_eq!(world.client.get("/livez").await.status, StatusCode::OK);

    gate.open().await;
    let account = world.register(EMAIL).await;
    assert!(readiness(
        &world.client.get("/auth/readyz").await,
        "postgres"
    ));

    gate.close().await;
    away(&world.me(&account.access).await, "postgres");
    away(&world.refresh(&account.refresh).await, "postgres");
    away(
        &world.login(EMAIL, PASSWORD, "203.0.113.7").await,
        "postgres",
    );

    gate.open().await;
    world.me(&account.access).await.expect(StatusCode::OK);
    world.refresh(&account.refresh).await.expect(StatusCode::OK);
    world
        .login(EMAIL, PASSWORD, "203.0.113.7")
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn without_redis_nobody_guesses_and_who_is_signed_in_stays() {
    let stores = Stores::from_env();
    let mut gate = TcpProxy::closed(stores.redis.clone());
    gate.open().await;
    let port = gate.port;
    let world = World::with(|config| {
        config.cache.host = "127.0.0.1".to_owned();
        config.cache.port = port;
    })
    .await;
    let account = world.register(EMAIL).await;

    gate.close().await;
    away(&world.login(EMAIL, PASSWORD, "203.0.113.7").await, "redis");
    let form = json!({"email": "b@example.com", "password": PASSWORD, "full_name": "Ben Lima"});
    away(
        &world.client.post("/auth/v1/register", &form).await,
        "redis",
    );
    assert!(!readiness(&world.client.get("/readyz").await, "redis"));
    let renewed = world.refresh(&account.refresh).await.expect(StatusCode::OK);
    world
        .me(renewed["access_token"].as_str().unwrap())
        .await
        .expect(StatusCode::OK);

    gate.open().await;
    let mut answer = world.login(EMAIL, PASSWORD, "203.0.113.7").await;
    for _ in 0..50 {
        if answer.status == StatusCode::OK {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        answer = world.login(EMAIL, PASSWORD, "203.0.113.7").await;
    }
    answer.expect(StatusCode::OK);
    assert!(readiness(&world.client.get("/readyz").await, "redis"));
}
