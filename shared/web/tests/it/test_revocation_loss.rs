//! Neither a crash of auth nor a loss of Redis brings a revoked credential back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::Method;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use shared_auth::api_key::{KeyIdentity, ResolveKey};
use shared_auth::{AccessClaims, AuthError, Subject, TokenVerifier};
use shared_cache::{Cache, CacheSettings, Key};
use shared_config::{Secret, Service};
use shared_db::{DatabaseSettings, Db};
use shared_models::{ApiKeyId, CreatorId, Role};
use shared_testkit::{Revoker, TcpProxy};
use sqlx::Row as _;

use crate::test_revocation::{ONE_KEY, Platform, until};

/// A credential, what is revoked, and the code of its refusal.
type Case = (String, Subject, &'static str);

/// What of a token is revoked.
type SubjectOf = fn(&AccessClaims) -> Subject;

/// Resolves every key to the same identity, as auth does with a key that it cannot yet refuse.
#[derive(Debug)]
struct AnyKey(KeyIdentity);

impl ResolveKey for AnyKey {
    fn resolve(&self, _: [u8; 32]) -> BoxFuture<'_, Result<Option<KeyIdentity>, AuthError>> {
        Box::pin(async { Ok(Some(self.0.clone())) })
    }
}

fn key_identity() -> KeyIdentity {
    KeyIdentity {
        creator_id: CreatorId::new(),
        id: ApiKeyId::new(),
        scopes: Vec::new(),
        created_by: None,
        read_at: None,
        expires_at: None,
    }
}

/// One credential for each kind of subject.
fn cases(platform: &Platform, key: &KeyIdentity) -> Vec<Case> {
    let mint = &platform.mint;
    let kid = mint.key_set().keys[0].common.key_id.clone().unwrap();
    let mut cases = vec![(ONE_KEY.to_owned(), Subject::ApiKey(key.id), "revoked_token")];
    let subjects: [(SubjectOf, _); 3] = [
        (|claims| Subject::Session(claims.sid), "session_ended"),
        (|claims| Subject::User(claims.sub), "revoked_token"),
        (
            |claims| Subject::Tenant(claims.creator_id),
            "tenant_suspended",
        ),
    ];
    for (subject, code) in subjects {
        let claims = mint.claims(CreatorId::new(), Role::Owner);
        cases.push((mint.sign(&claims), subject(&claims), code));
    }
    // The last one, since it ends the others too.
    let token = mint.owner(CreatorId::new());
    cases.push((token, Subject::signing_key(&kid), "revoked_token"));
    cases
}

fn verifier(platform: &Platform, redis: &CacheSettings, key: &KeyIdentity) -> TokenVerifier {
    let verifier = platform.verifier_by(Service::Channel, redis);
    verifier.with_api_key_resolver(Arc::new(AnyKey(key.clone())))
}

async fn until_caching(verifier: &TokenVerifier) {
    let revocations = verifier.revocations().unwrap();
    let mut changes = revocations.changes();
    let caching = changes.wait_for(|_| revocations.is_caching());
    let caching = tokio::time::timeout(Duration::from_secs(10), caching).await;
    assert!(caching.is_ok(), "no epoch");
}

async fn connection(redis: &CacheSettings) -> redis::aio::MultiplexedConnection {
    let url = format!("redis://{}:{}", redis.host, redis.port);
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Deletes every key of this platform, as FLUSHALL on a Redis of its own does.
async fn empty(redis: &CacheSettings) {
    let mut connection = connection(redis).await;
    let pattern = format!("{}*", redis.prefix);
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(pattern)
        .query_async(&mut connection)
        .await
        .unwrap();
    if !keys.is_empty() {
        let mut delete = redis::cmd("DEL");
        let deleted = delete.arg(keys).query_async::<u64>(&mut connection).await;
        deleted.unwrap();
    }
}

async fn refused(verifier: &TokenVerifier, (token, subject, code): &Case) {
    let answer = verifier.verify_for(token, &Method::GET).await;
    assert_eq!(answer.unwrap_err().code(), *code, "{subject:?}");
}

async fn epoch(platform: &Platform) -> Option<i64> {
    let cache = Cache::new(&platform.redis).unwrap();
    cache.read(&Key::revocation_epoch()).await.unwrap()
}

#[tokio::test]
async fn an_emptied_redis_revives_no_credential() {
    let (platform, key) = (Platform::new().await, key_identity());
    let running = platform.auth.run();
    let service = verifier(&platform, &platform.redis, &key);
    until_caching(&service).await;
    let mut done = Vec::new();
    for case in cases(&platform, &key) {
        until(&service, &case.0, None).await;
        platform.auth.revoke(case.1).await;
        until(&service, &case.0, Some(case.2)).await;
        let before = epoch(&platform).await;
        empty(&platform.redis).await;
        // At once by a service that runs, and by one that has just started.
        refused(&service, &case).await;
        refused(&verifier(&platform, &platform.redis, &key), &case).await;
        // auth writes everything again, under another epoch.
        let began = Instant::now();
        while [None, before].contains(&epoch(&platform).await) {
            assert!(began.elapsed() < Duration::from_secs(10), "no epoch");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        refused(&service, &case).await;
        done.push(case);
    }
    // Also if nobody fills Redis again.
    drop(running);
    empty(&platform.redis).await;
    for case in done.iter().rev().take(1) {
        refused(&service, case).await;
    }
}

#[tokio::test]
async fn a_suspension_is_lifted_after_a_loss_of_redis_and_stays_lifted() {
    let (platform, key) = (Platform::new().await, key_identity());
    let service = verifier(&platform, &platform.redis, &key);
    let claims = platform.mint.claims(CreatorId::new(), Role::Owner);
    let (token, account) = (
        platform.mint.sign(&claims),
        Subject::Tenant(claims.creator_id),
    );
    for emptied_before_lift in [true, false] {
        platform.auth.revoke(account).await;
        until(&service, &token, Some("tenant_suspended")).await;
        if emptied_before_lift {
            empty(&platform.redis).await;
        }
        until(&service, &token, Some("tenant_suspended")).await;
        platform.auth.lift(account).await;
        until(&service, &token, None).await;
        empty(&platform.redis).await;
        until(&service, &token, None).await;
        until(&verifier(&platform, &platform.redis, &key), &token, None).await;
    }
}

#[tokio::test]
async fn a_late_message_does_not_overwrite_a_newer_one() {
    let (platform, key) = (Platform::new().await, key_identity());
    let _running = platform.auth.run();
    let service = verifier(&platform, &platform.redis, &key);
    until_caching(&service).await;
    let claims = platform.mint.claims(CreatorId::new(), Role::Owner);
    let (token, account) = (
        platform.mint.sign(&claims),
        Subject::Tenant(claims.creator_id),
    );
    platform.auth.revoke(account).await;
    platform.auth.lift(account).await;
    until(&service, &token, None).await;
    // What a replica that was paused before the lift still wants to write.
    let stale = "update platform.revocations
                 set version = version - 1000, lifted = false, published_at = null";
    let admin = platform.database.admin().await;
    sqlx::query(stale).execute(&admin).await.unwrap();
    platform.auth.publisher.publish().await.unwrap();
    service.verify(&token).await.unwrap();
}

/// Commits a revocation whose publication fails, as a crash or an unreachable Redis makes it.
async fn commit_unpublished(platform: &Platform, subject: Subject) {
    let nowhere = TcpProxy::closed((platform.redis.host.clone(), platform.redis.port));
    let unreachable = CacheSettings {
        port: nowhere.port,
        ..platform.redis.clone()
    };
    let cut_off = Revoker::new(&platform.database, &unreachable);
    cut_off.revoke(subject).await;
}

async fn unpublished(platform: &Platform) -> i64 {
    let sql = "select count(*) from platform.revocations where published_at is null";
    let admin = platform.database.admin().await;
    sqlx::query(sql).fetch_one(&admin).await.unwrap().get(0)
}

#[tokio::test]
async fn a_crash_between_commit_and_redis_is_made_good_by_another_replica() {
    let (platform, key) = (Platform::new().await, key_identity());
    let _running = platform.auth.run();
    let service = verifier(&platform, &platform.redis, &key);
    until_caching(&service).await;
    for (token, subject, code) in cases(&platform, &key) {
        until(&service, &token, None).await;
        commit_unpublished(&platform, subject).await;
        until(&service, &token, Some(code)).await;
    }
    let began = Instant::now();
    while unpublished(&platform).await > 0 {
        assert!(began.elapsed() < Duration::from_secs(5), "not published");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_crash_between_commit_and_redis_is_noticed_while_auth_is_dead() {
    let (platform, key) = (Platform::new().await, key_identity());
    let running = platform.auth.run();
    let service = verifier(&platform, &platform.redis, &key);
    until_caching(&service).await;
    let cases = cases(&platform, &key);
    for (token, ..) in &cases {
        until(&service, token, None).await;
    }
    drop(running);
    for (_, subject, _) in &cases {
        commit_unpublished(&platform, *subject).await;
    }
    // The epoch expires within seconds, also for credentials that are answered from memory.
    for (token, ..) in &cases {
        let began = Instant::now();
        while service.verify(token).await.is_ok() {
            assert!(began.elapsed() < Duration::from_secs(10), "still accepted");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Of several reasons the signing key is named first.
        let error = service.verify(token).await.unwrap_err();
        assert_eq!(error.code(), "revoked_token");
    }
    assert!(unpublished(&platform).await > 0, "nobody published it");
}

#[tokio::test]
async fn a_subscription_that_was_lost_misses_nothing() {
    let (platform, key) = (Platform::new().await, key_identity());
    let _running = platform.auth.run();
    let mut way = TcpProxy::closed((platform.redis.host.clone(), platform.redis.port));
    way.open().await;
    let redis = CacheSettings {
        port: way.port,
        ..platform.redis.clone()
    };
    let service = verifier(&platform, &redis, &key);
    for case in cases(&platform, &key) {
        until_caching(&service).await;
        until(&service, &case.0, None).await;
        // Redis restarts with an empty disk, and nobody hears the message.
        way.close().await;
        platform.auth.revoke(case.1).await;
        empty(&platform.redis).await;
        way.open().await;
        until(&service, &case.0, Some(case.2)).await;
    }
}

#[tokio::test]
async fn a_redis_that_lost_its_last_writes_is_filled_again() {
    let (platform, key) = (Platform::new().await, key_identity());
    let _running = platform.auth.run();
    let service = verifier(&platform, &platform.redis, &key);
    until_caching(&service).await;
    let claims = platform.mint.claims(CreatorId::new(), Role::Owner);
    let token = platform.mint.sign(&claims);
    platform.auth.revoke(Subject::Session(claims.sid)).await;
    let before = epoch(&platform).await;
    // A restart from an append-only file that lacks the last second keeps the epoch.
    let cache = Cache::new(&platform.redis).unwrap();
    for lost in [
        Key::revoked("session", claims.sid.as_uuid()),
        Key::newest_revocation(),
    ] {
        cache.forget(&lost).await.unwrap();
    }
    let began = Instant::now();
    while epoch(&platform).await == before {
        assert!(began.elapsed() < Duration::from_secs(5), "not noticed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until(&service, &token, Some("session_ended")).await;
}

#[tokio::test]
async fn a_rolled_back_change_revokes_nothing() {
    let platform = Platform::new().await;
    let verifier = platform.verifier(Service::AiEngine);
    let claims = platform.mint.claims(CreatorId::new(), Role::Owner);
    let token = platform.mint.sign(&claims);
    let db = platform.database.as_service(Service::Auth);
    let mut tx = db.tenant(claims.creator_id).await.unwrap();
    let effect = platform
        .auth
        .publisher
        .revoke([Subject::Session(claims.sid)]);
    tx.apply(effect).await.unwrap();
    drop(tx);
    let admin = platform.database.admin().await;
    let rows = sqlx::query("select count(*) from platform.revocations");
    let rows: i64 = rows.fetch_one(&admin).await.unwrap().get(0);
    assert_eq!(rows, 0, "no row");
    let cache = Cache::new(&platform.redis).unwrap();
    let key = Key::revoked("session", claims.sid.as_uuid());
    let copied: Option<i64> = cache.read(&key).await.unwrap();
    assert_eq!(copied, None, "no copy");
    verifier.verify(&token).await.unwrap();
}

#[tokio::test]
async fn without_redis_keys_and_without_postgresql_reads_pass_and_writes_are_refused() {
    let platform = Platform::new().await;
    let nowhere = TcpProxy::closed(("127.0.0.1".to_owned(), 1));
    let unreachable = DatabaseSettings {
        port: nowhere.port,
        password: Secret::new("of nobody, as it is never sent".to_owned()),
        ..platform.database.settings(Service::Channel)
    };
    let cache = Cache::new(&platform.redis).unwrap();
    let verifier = platform.mint.verifier(Service::Channel);
    let verifier = verifier.with_revocations(cache, &Db::new(&unreachable));
    let claims = platform.mint.claims(CreatorId::new(), Role::Owner);
    let token = platform.mint.sign(&claims);
    verifier.verify_for(&token, &Method::GET).await.unwrap();
    let error = verifier
        .verify_for(&token, &Method::POST)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "dependency_unavailable");
    // What Redis does know is refused all the same.
    platform.auth.revoke(Subject::Session(claims.sid)).await;
    let error = verifier.verify_for(&token, &Method::GET).await.unwrap_err();
    assert_eq!(error.code(), "session_ended");
}

#[tokio::test]
async fn a_known_credential_costs_no_round_trip_and_an_unknown_one_costs_one() {
    let (platform, key) = (Platform::new().await, key_identity());
    let _running = platform.auth.run();
    let service = verifier(&platform, &platform.redis, &key);
    until_caching(&service).await;
    // The first request after a change of the epoch loads the rows.
    service
        .verify(&platform.mint.owner(CreatorId::new()))
        .await
        .unwrap();
    let url = format!("redis://{}:{}", platform.redis.host, platform.redis.port);
    let client = redis::Client::open(url).unwrap();
    let monitor = client.get_async_monitor().await.unwrap();
    let claims = platform.mint.claims(CreatorId::new(), Role::Owner);
    let token = platform.mint.sign(&claims);
    for _ in 0..10 {
        service.verify(&token).await.unwrap();
    }
    let cache = Cache::new(&platform.redis).unwrap();
    cache
        .publish(&Key::signing_keys(), "the end")
        .await
        .unwrap();
    let mut seen = Vec::new();
    let mut commands = monitor.into_on_message::<String>();
    while let Some(command) = commands.next().await {
        if command.contains(&platform.redis.prefix) {
            if command.contains("the end") {
                break;
            }
            seen.push(command);
        }
    }
    let session = claims.sid.to_string();
    let about: Vec<_> = seen.iter().filter(|text| text.contains(&session)).collect();
    assert_eq!(about.len(), 1, "{seen:#?}");
    assert!(about[0].contains("\"MGET\""), "{about:?}");
    assert!(about[0].contains("revocations:epoch"), "{about:?}");
}
