//! A revocation takes effect in every service; API keys are resolved once and revoked likewise.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use shared_auth::Principal;
use shared_auth::api_key::{KeyIdentity, ResolveKey};
use shared_auth::{AuthError, Subject, TokenVerifier};
use shared_cache::{Cache, CacheSettings};
use shared_config::Service;
use shared_models::{ApiKeyId, CreatorId, Permission, Role, UserId};
use shared_testkit::{DeadConnectionProxy, Revoker, Stores, TestDatabase, TokenMint};

/// An API key in form.
pub(crate) const ONE_KEY: &str = "cpk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// A platform of one test: its database, its keys in Redis, and what auth does.
pub(crate) struct Platform {
    pub(crate) mint: TokenMint,
    pub(crate) database: TestDatabase,
    pub(crate) redis: CacheSettings,
    pub(crate) auth: Revoker,
}

impl Platform {
    pub(crate) async fn new() -> Self {
        let stores = Stores::from_env();
        let (database, redis) = (TestDatabase::new(&stores).await, stores.cache_settings());
        Self {
            mint: TokenMint::new(),
            auth: Revoker::new(&database, &redis),
            database,
            redis,
        }
    }

    /// What verifies the callers of a service, with the rights in Redis that it has on a platform.
    pub(crate) fn verifier(&self, service: Service) -> TokenVerifier {
        let redis = Stores::from_env().as_service(&self.redis, service);
        self.verifier_by(service, &redis)
    }

    /// The same, with another way to Redis.
    pub(crate) fn verifier_by(&self, service: Service, redis: &CacheSettings) -> TokenVerifier {
        let cache = Cache::new(redis).unwrap();
        let db = self.database.as_service(service);
        self.mint.verifier(service).with_revocations(cache, &db)
    }
}

/// Waits until verification fails with that code, or succeeds, and returns how long it took.
pub(crate) async fn until(verifier: &TokenVerifier, token: &str, code: Option<&str>) -> Duration {
    let began = Instant::now();
    loop {
        let answer = verifier.verify(token).await;
        if answer.as_ref().err().map(AuthError::code) == code {
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_revocation_takes_effect_in_every_service_within_a_second() {
    let platform = Platform::new().await;
    let (mint, auth) = (&platform.mint, &platform.auth);
    let _running = auth.run();
    let services = Service::ALL.map(|service| platform.verifier(service));
    let subjects: [fn(&shared_auth::AccessClaims) -> Subject; 3] = [
        |claims| Subject::Session(claims.sid),
        |claims| Subject::User(claims.sub),
        |claims| Subject::Tenant(claims.creator_id),
    ];
    for subject in subjects {
        let claims = mint.claims(CreatorId::new(), Role::Owner);
        let (token, subject) = (mint.sign(&claims), subject(&claims));
        for service in &services {
            // Twice: the second time from the cache.
            until(service, &token, None).await;
            until(service, &token, None).await;
        }
        auth.revoke(subject).await;
        let code = match subject {
            Subject::Tenant(_) => "tenant_suspended",
            Subject::Session(_) => "session_ended",
            _ => "revoked_token",
        };
        for service in &services {
            let took = until(service, &token, Some(code)).await;
            assert!(took < Duration::from_secs(1), "{took:?}");
        }
    }
}

#[tokio::test]
async fn a_resumed_account_works_and_a_user_gets_new_tokens() {
    let platform = Platform::new().await;
    let (mint, auth) = (&platform.mint, &platform.auth);
    let verifier = platform.verifier(Service::CreatorHub);
    let mut claims = mint.claims(CreatorId::new(), Role::Owner);
    let token = mint.sign(&claims);

    let account = Subject::Tenant(claims.creator_id);
    auth.revoke(account).await;
    until(&verifier, &token, Some("tenant_suspended")).await;
    auth.lift(account).await;
    until(&verifier, &token, None).await;

    let user = Subject::User(claims.sub);
    auth.revoke(user).await;
    until(&verifier, &token, Some("revoked_token")).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    claims.jti = uuid::Uuid::now_v7();
    claims.role = Role::Viewer;
    let fresh = verifier.verify(&mint.sign(&claims)).await.unwrap();
    assert!(!fresh.has(Permission::DocumentsWrite), "with the new role");
}

#[tokio::test]
async fn a_revocation_before_the_subscription_counts() {
    let platform = Platform::new().await;
    let claims = platform.mint.claims(CreatorId::new(), Role::Owner);
    let token = platform.mint.sign(&claims);
    until(&platform.verifier(Service::Channel), &token, None).await;
    // Only the key is set and nothing published, as after an interrupted subscription.
    let key = shared_cache::Key::revoked("session", claims.sid.as_uuid());
    let cache = Cache::new(&platform.redis).unwrap();
    let life = Duration::from_mins(15);
    cache.write(&key, &1_i64, life).await.unwrap();
    let other = platform.verifier(Service::Channel);
    until(&other, &token, Some("session_ended")).await;
}

/// While it lasts, revocations are answered from memory. Without any message, too: it is probed.
#[tokio::test]
async fn a_silent_subscription_lasts_in_every_service() {
    let platform = Platform::new().await;
    let _running = platform.auth.run();
    let verifiers = Service::ALL.map(|service| (service, platform.verifier(service)));
    for (service, verifier) in &verifiers {
        let revocations = verifier.revocations().unwrap();
        let mut changes = revocations.changes();
        let caching = changes.wait_for(|_| revocations.is_caching());
        let caching = tokio::time::timeout(Duration::from_secs(5), caching).await;
        let before = *caching.unwrap().unwrap();
        // Several probes long.
        let lost = changes.wait_for(|number| *number != before);
        let lost = tokio::time::timeout(Duration::from_secs(2), lost).await;
        assert!(
            lost.is_err(),
            "{}: the subscription was lost",
            service.name()
        );
    }
}

#[tokio::test]
async fn a_dead_subscription_is_detected() {
    let platform = Platform::new().await;
    let (mint, settings) = (&platform.mint, &platform.redis);
    let _running = platform.auth.run();
    let wire = DeadConnectionProxy::to(&settings.host, settings.port).await;
    let far = CacheSettings {
        host: "127.0.0.1".to_owned(),
        port: wire.port,
        ..settings.clone()
    };
    let verifier = platform.verifier_by(Service::CreatorHub, &far);
    let revocations = verifier.revocations().unwrap();
    let claims = mint.claims(CreatorId::new(), Role::Owner);
    let token = mint.sign(&claims);
    until(&verifier, &token, None).await;
    let mut changes = revocations.changes();
    let caching = changes.wait_for(|_| revocations.is_caching()).await;
    let before = *caching.unwrap();

    wire.go_dead();
    platform.auth.revoke(Subject::Session(claims.sid)).await;
    let took = until(&verifier, &token, Some("session_ended")).await;
    println!("measured: a revocation behind a dead wire is known after {took:?}");
    let next = changes.wait_for(|number| *number > before && revocations.is_caching());
    let again = tokio::time::timeout(Duration::from_secs(5), next).await;
    again.expect("it subscribes again").unwrap();
}

/// Resolves one key and counts the calls.
#[derive(Debug)]
struct OneKey {
    identity: KeyIdentity,
    asked: AtomicUsize,
}

impl ResolveKey for OneKey {
    fn resolve(&self, _: [u8; 32]) -> BoxFuture<'_, Result<Option<KeyIdentity>, AuthError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(Some(self.identity.clone())) })
    }
}

/// Resolves a key until it ends, and counts the calls.
#[derive(Debug)]
struct EndingKey(OneKey);

impl ResolveKey for EndingKey {
    fn resolve(&self, hash: [u8; 32]) -> BoxFuture<'_, Result<Option<KeyIdentity>, AuthError>> {
        let resolved = self.0.resolve(hash);
        let now = jsonwebtoken::get_current_timestamp().cast_signed();
        let has_ended = self.0.identity.expires_at.is_some_and(|end| end <= now);
        Box::pin(async move { Ok(resolved.await?.filter(|_| !has_ended)) })
    }
}

#[tokio::test]
async fn a_cached_api_key_ends_at_its_own_end() {
    let platform = Platform::new().await;
    let _running = platform.auth.run();
    let verifier = platform.verifier(Service::Auth);
    let revocations = verifier.revocations().unwrap().clone();
    let mut changes = revocations.changes();
    let caching = changes.wait_for(|_| revocations.is_caching());
    let caching = tokio::time::timeout(Duration::from_secs(5), caching).await;
    drop(caching.expect("it caches").unwrap());
    let end = jsonwebtoken::get_current_timestamp().cast_signed() + 2;
    let keys = Arc::new(EndingKey(OneKey {
        identity: KeyIdentity {
            creator_id: CreatorId::new(),
            id: ApiKeyId::new(),
            scopes: vec![Permission::DocumentsRead],
            created_by: None,
            read_at: None,
            expires_at: Some(end),
        },
        asked: AtomicUsize::new(0),
    }));
    let resolver = Arc::clone(&keys) as Arc<dyn ResolveKey>;
    let verifier = verifier.with_api_key_resolver(resolver);
    for _ in 0..3 {
        verifier.verify(ONE_KEY).await.unwrap();
    }
    assert_eq!(keys.0.asked.load(Ordering::Relaxed), 1, "out of the memory");
    // Fails after 5 seconds; a key that is trusted for its whole minute lasts longer.
    until(&verifier, ONE_KEY, Some("invalid_token")).await;
    let now = jsonwebtoken::get_current_timestamp().cast_signed();
    assert!(now >= end, "not before its end");
}

#[tokio::test]
async fn an_api_key_is_resolved_once_and_again_when_its_creator_changes() {
    let platform = Platform::new().await;
    let _running = platform.auth.run();
    let maker = UserId::new();
    let keys = Arc::new(OneKey {
        identity: KeyIdentity {
            creator_id: CreatorId::new(),
            id: ApiKeyId::new(),
            scopes: vec![Permission::DocumentsRead],
            created_by: Some(maker),
            read_at: None,
            expires_at: None,
        },
        asked: AtomicUsize::new(0),
    });
    let verifier = platform
        .verifier(Service::Auth)
        .with_api_key_resolver(Arc::clone(&keys) as Arc<dyn ResolveKey>);
    let asked = || keys.asked.load(Ordering::Relaxed);
    // Nothing is cached until the subscription is up.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        let before = asked();
        verifier.verify(ONE_KEY).await.unwrap();
        if asked() == before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = asked();
    let caller = verifier.verify(ONE_KEY).await.unwrap();
    assert_eq!(asked(), before, "out of the memory");
    assert!(matches!(caller.principal, Principal::ApiKey { .. }));
    assert!(caller.has(Permission::DocumentsRead) && !caller.has(Permission::DocumentsWrite));
    assert_eq!(caller.user().unwrap_err().code(), "users_only");

    platform.auth.revoke(Subject::User(maker)).await;
    let began = Instant::now();
    while asked() == before {
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "never asked again"
        );
        verifier.verify(ONE_KEY).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let key = Subject::ApiKey(keys.identity.id);
    platform.auth.revoke(key).await;
    until(&verifier, ONE_KEY, Some("revoked_token")).await;
}
