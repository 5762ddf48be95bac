//! While Redis fails, the rows of PostgreSQL say what is revoked.

use std::time::{Duration, Instant};

use axum::http::Method;
use shared_auth::{AuthError, Subject, TokenVerifier};
use shared_cache::{Cache, CacheSettings};
use shared_config::Service;
use shared_db::{DatabaseSettings, Db};
use shared_models::{CreatorId, Role};
use shared_testkit::TcpProxy;
use sqlx::{PgPool, Row as _};

use crate::test_revocation::{Platform, until};

/// A way to a store that the test closes.
async fn way_to((host, port): (String, u16)) -> TcpProxy {
    let mut way = TcpProxy::closed((host, port));
    way.open().await;
    way
}

/// A platform and a service of it that loses Redis.
async fn with_way_to_redis() -> (Platform, TcpProxy, TokenVerifier) {
    let platform = Platform::new().await;
    let way = way_to((platform.redis.host.clone(), platform.redis.port)).await;
    let redis = CacheSettings {
        port: way.port,
        ..platform.redis.clone()
    };
    let verifier = platform.verifier_by(Service::AiEngine, &redis);
    (platform, way, verifier)
}

/// The code of the refusal of a request of that method.
async fn refusal(verifier: &TokenVerifier, token: &str, method: Method) -> Option<&'static str> {
    let answer = verifier.verify_for(token, &method).await;
    answer.err().as_ref().map(AuthError::code)
}

#[tokio::test]
async fn what_is_revoked_before_or_while_redis_is_away_is_refused_and_the_rest_is_served() {
    let (platform, mut way, verifier) = with_way_to_redis().await;
    let before = platform.mint.claims(CreatorId::new(), Role::Owner);
    let during = platform.mint.claims(CreatorId::new(), Role::Owner);
    let (before_token, during_token) = (platform.mint.sign(&before), platform.mint.sign(&during));
    platform.auth.revoke(Subject::Session(before.sid)).await;
    way.close().await;
    for method in [Method::GET, Method::POST] {
        let ended = refusal(&verifier, &before_token, method.clone()).await;
        assert_eq!(ended, Some("session_ended"), "{method}");
        let served = refusal(&verifier, &during_token, method.clone()).await;
        assert_eq!(served, None, "{method}");
    }
    platform.auth.revoke(Subject::User(during.sub)).await;
    let took = until(&verifier, &during_token, Some("revoked_token")).await;
    println!("measured: a revocation is known without Redis after {took:?}");
    way.open().await;
    for token in [&before_token, &during_token] {
        assert!(refusal(&verifier, token, Method::GET).await.is_some());
    }
}

#[tokio::test]
async fn a_suspension_is_lifted_without_redis() {
    let (platform, mut way, verifier) = with_way_to_redis().await;
    let _running = platform.auth.run();
    let claims = platform.mint.claims(CreatorId::new(), Role::Owner);
    let account = Subject::Tenant(claims.creator_id);
    let token = platform.mint.sign(&claims);
    until(&verifier, &token, None).await;
    platform.auth.revoke(account).await;
    until(&verifier, &token, Some("tenant_suspended")).await;
    way.close().await;
    until(&verifier, &token, Some("tenant_suspended")).await;
    platform.auth.lift(account).await;
    until(&verifier, &token, None).await;
}

/// How often the rows were read in this database.
async fn loads(admin: &PgPool) -> i64 {
    let sql = "select coalesce(sum(calls), 0)::bigint from pg_stat_user_functions
               where funcname = 'live_revocations'";
    sqlx::query(sql).fetch_one(admin).await.unwrap().get(0)
}

#[tokio::test]
async fn a_thousand_requests_without_redis_load_the_rows_once_a_second() {
    let (platform, mut way, verifier) = with_way_to_redis().await;
    way.close().await;
    let admin = platform.database.admin().await;
    let count = "do $$ begin execute format(
        'alter database %I set track_functions = ''all''', current_database()); end $$";
    sqlx::query(count).execute(&admin).await.unwrap();
    let token = platform.mint.owner(CreatorId::new());
    let began = Instant::now();
    for _ in 0..20 {
        let requests = (0..50).map(|_| verifier.verify_for(&token, &Method::GET));
        for answer in futures_util::future::join_all(requests).await {
            answer.unwrap();
        }
    }
    let seconds = i64::try_from(began.elapsed().as_secs()).unwrap();
    // What a connection has counted is visible when it is idle.
    while loads(&admin).await == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "nothing loaded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let loads = loads(&admin).await;
    assert!(loads <= 2 * (seconds + 1), "{loads} loads in {seconds} s");
}

#[tokio::test]
async fn with_neither_store_reads_pass_changes_wait_and_what_is_known_is_refused() {
    let platform = Platform::new().await;
    let direct = platform.database.settings(Service::Channel);
    let mut redis_way = way_to((platform.redis.host.clone(), platform.redis.port)).await;
    let mut database_way = way_to((direct.host.clone(), direct.port)).await;
    let redis = CacheSettings {
        port: redis_way.port,
        ..platform.redis.clone()
    };
    let db = Db::new(&DatabaseSettings {
        port: database_way.port,
        ..direct
    });
    let cache = Cache::new(&redis).unwrap();
    let verifier = platform.mint.verifier(Service::Channel);
    let verifier = verifier.with_revocations(cache, &db);
    let known = platform.mint.claims(CreatorId::new(), Role::Owner);
    platform.auth.revoke(Subject::Session(known.sid)).await;
    redis_way.close().await;
    let (known, other) = (
        platform.mint.sign(&known),
        platform.mint.owner(CreatorId::new()),
    );
    assert_eq!(refusal(&verifier, &other, Method::POST).await, None);
    database_way.close().await;
    let began = Instant::now();
    while refusal(&verifier, &other, Method::POST).await != Some("dependency_unavailable") {
        assert!(began.elapsed() < Duration::from_secs(20), "changes pass");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(refusal(&verifier, &other, Method::GET).await, None);
    let ended = refusal(&verifier, &known, Method::GET).await;
    assert_eq!(ended, Some("session_ended"));
}
