//! What was revoked stays revoked in four running services, though Redis loses everything and auth
//! dies between the commit and Redis.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::StatusCode;
use serde_json::json;
use shared_config::{Service, keys};
use shared_testkit::{Stores, TestDatabase};
use tempfile::TempDir;
use tokio::time::sleep;
use uuid::Uuid;

use crate::own_redis::OwnRedis;
use crate::processes::Processes;
use crate::test_revocation::{READS, is_let_in, post, seen, sign_in};

/// Longer than the TTL of the epoch; a loaded machine takes longer.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(15);

async fn start(redis: &OwnRedis) -> Processes {
    let mut stores = Stores::from_env();
    let database = TestDatabase::new(&stores).await;
    stores.redis = ("127.0.0.1".to_owned(), redis.port);
    let seed = [*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat();
    let seed = (keys::SIGNING_SEED.to_owned(), BASE64_STANDARD.encode(seed));
    let settings = BTreeMap::from([seed]);
    Processes::start_on(stores, database, TempDir::new().unwrap(), settings).await
}

/// Waits until each of these services refuses the token, and asks once more.
async fn is_refused(all: &Processes, services: &[Service], token: &str) {
    for (service, path) in READS {
        if !services.contains(&service) {
            continue;
        }
        let began = Instant::now();
        while seen(all, service, path, token).await != StatusCode::UNAUTHORIZED {
            assert!(
                began.elapsed() < RECOVERY_TIMEOUT,
                "{} accepts it",
                service.name()
            );
            sleep(Duration::from_millis(10)).await;
        }
        for _ in 0..10 {
            let again = seen(all, service, path, token).await;
            assert_eq!(again, StatusCode::UNAUTHORIZED, "{}", service.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_an_emptied_redis_nor_the_death_of_auth_revives_a_session() {
    let mut redis = OwnRedis::start();
    let mut all = start(&redis).await;
    let ana = all.register("ana").await;
    let first = sign_in(&all, &ana.email).await;
    let second = sign_in(&all, &ana.email).await;
    is_let_in(&all, &first.token).await;
    is_let_in(&all, &second.token).await;

    post(&all, "/v1/logout", &first.token, &json!({})).await;
    is_refused(&all, &Service::ALL, &first.token).await;
    redis.kill();
    redis.start_again();
    is_refused(&all, &Service::ALL, &first.token).await;
    is_let_in(&all, &second.token).await;

    // The commit succeeds, Redis never hears of it, and auth dies.
    redis.kill();
    let body = json!({"refresh_token": second.refresh_token});
    post(&all, "/v1/logout", "", &body).await;
    all.kill(Service::Auth);
    redis.start_again();
    let others = [Service::CreatorHub, Service::AiEngine, Service::Channel];
    is_refused(&all, &others, &second.token).await;
    is_refused(&all, &others, &first.token).await;
    all.run(Service::Auth);
    all.ready(Service::Auth).await;
    is_refused(&all, &Service::ALL, &second.token).await;
    is_let_in(&all, &ana.token).await;
}
