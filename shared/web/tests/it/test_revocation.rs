//! A revocation takes effect in every service; API keys are resolved once and revoked likewise.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::http::Method;
use futures_util::future::BoxFuture;
use shared_auth::Principal;
use shared_auth::api_key::{KeyIdentity, ResolveKey};
use shared_auth::{AuthError, Revocations, Subject, TokenVerifier};
use shared_cache::{Cache, CacheSettings};
use shared_config::Service;
use shared_models::{ApiKeyId, CreatorId, Permission, Role, UserId};
use shared_testkit::{DeadConnectionProxy, Stores, TokenMint};

const TOKEN_TTL: Duration = Duration::from_mins(15);

/// Waits until verification fails with that code, or succeeds, and returns how long it took.
async fn until(verifier: &TokenVerifier, token: &str, code: Option<&str>) -> Duration {
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
    let (mint, settings) = (TokenMint::new(), Stores::from_env().cache_settings());
    let cache = || Cache::new(&settings).unwrap();
    let services = Service::ALL.map(|service| mint.verifier(service).with_revocations(cache()));
    let auth = Revocations::listen(cache());
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
        auth.revoke(subject, TOKEN_TTL).await.unwrap();
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
    let (mint, cache) = (TokenMint::new(), Stores::from_env().cache());
    let verifier = mint.verifier(Service::CreatorHub).with_revocations(cache);
    let revocations = verifier.revocations().unwrap();
    let mut claims = mint.claims(CreatorId::new(), Role::Owner);
    let token = mint.sign(&claims);

    let account = Subject::Tenant(claims.creator_id);
    revocations.revoke(account, TOKEN_TTL).await.unwrap();
    until(&verifier, &token, Some("tenant_suspended")).await;
    revocations.lift(account).await.unwrap();
    until(&verifier, &token, None).await;

    let user = Subject::User(claims.sub);
    revocations.revoke(user, TOKEN_TTL).await.unwrap();
    until(&verifier, &token, Some("revoked_token")).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    claims.jti = uuid::Uuid::now_v7();
    claims.role = Role::Viewer;
    let fresh = verifier.verify(&mint.sign(&claims)).await.unwrap();
    assert!(!fresh.has(Permission::DocumentsWrite), "with the new role");
}

#[tokio::test]
async fn a_revocation_before_the_subscription_counts() {
    let (mint, settings) = (TokenMint::new(), Stores::from_env().cache_settings());
    let verifier = mint
        .verifier(Service::Channel)
        .with_revocations(Cache::new(&settings).unwrap());
    let claims = mint.claims(CreatorId::new(), Role::Owner);
    let token = mint.sign(&claims);
    until(&verifier, &token, None).await;
    // Only the key is set and nothing published, as after an interrupted subscription.
    let key = shared_cache::Key::revoked("session", claims.sid.as_uuid());
    let cache = Cache::new(&settings).unwrap();
    cache.write(&key, &1_i64, TOKEN_TTL).await.unwrap();
    let other = mint
        .verifier(Service::Channel)
        .with_revocations(Cache::new(&settings).unwrap());
    until(&other, &token, Some("session_ended")).await;
}

#[tokio::test]
async fn without_redis_reads_pass_and_writes_are_refused() {
    let (mint, nowhere) = (TokenMint::new(), closed_port());
    let settings = CacheSettings {
        host: "127.0.0.1".to_owned(),
        port: nowhere,
        ..CacheSettings::default()
    };
    let cache = Cache::new(&settings).unwrap();
    let verifier = mint.verifier(Service::AiEngine).with_revocations(cache);
    let token = mint.owner(CreatorId::new());
    verifier.verify_for(&token, &Method::GET).await.unwrap();
    let refused = verifier.verify_for(&token, &Method::POST).await;
    assert_eq!(refused.unwrap_err().code(), "dependency_unavailable");
}

#[tokio::test]
async fn a_dead_subscription_is_detected() {
    let (mint, settings) = (TokenMint::new(), Stores::from_env().cache_settings());
    let wire = DeadConnectionProxy::to(&settings.host, settings.port).await;
    let far = CacheSettings {
        host: "127.0.0.1".to_owned(),
        port: wire.port,
        ..settings.clone()
    };
    let verifier = mint
        .verifier(Service::CreatorHub)
        .with_revocations(Cache::new(&far).unwrap());
    let revocations = verifier.revocations().unwrap();
    let claims = mint.claims(CreatorId::new(), Role::Owner);
    let token = mint.sign(&claims);
    until(&verifier, &token, None).await;
    let mut changes = revocations.changes();
    let subscribed = changes.wait_for(|number| number % 2 == 1).await;
    let before = *subscribed.unwrap();

    wire.go_dead();
    let auth = Revocations::listen(Cache::new(&settings).unwrap());
    auth.revoke(Subject::Session(claims.sid), TOKEN_TTL)
        .await
        .unwrap();
    let took = until(&verifier, &token, Some("session_ended")).await;
    println!("measured: a revocation behind a dead wire is known after {took:?}");
    let next = changes.wait_for(|number| *number == before + 2);
    let again = tokio::time::timeout(Duration::from_secs(5), next).await;
    again.expect("it subscribes again").unwrap();
}

fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
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

#[tokio::test]
async fn an_api_key_is_resolved_once_and_again_when_its_creator_changes() {
    let (mint, cache) = (TokenMint::new(), Stores::from_env().cache());
    let maker = UserId::new();
    let keys = Arc::new(OneKey {
        identity: KeyIdentity {
            creator_id: CreatorId::new(),
            id: ApiKeyId::new(),
            scopes: vec![Permission::DocumentsRead],
            created_by: Some(maker),
        },
        asked: AtomicUsize::new(0),
    });
    let verifier = mint
        .verifier(Service::Auth)
        .with_revocations(cache)
        .with_api_key_resolver(Arc::clone(&keys) as Arc<dyn ResolveKey>);
    let revocations = verifier.revocations().unwrap();
    let asked = || keys.asked.load(Ordering::Relaxed);
    // Nothing is cached until the subscription is up.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        let before = asked();
        verifier.verify("cpk_one").await.unwrap();
        if asked() == before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = asked();
    let caller = verifier.verify("cpk_one").await.unwrap();
    assert_eq!(asked(), before, "out of the memory");
    assert!(matches!(caller.principal, Principal::ApiKey { .. }));
    assert!(caller.has(Permission::DocumentsRead) && !caller.has(Permission::DocumentsWrite));
    assert_eq!(caller.user().unwrap_err().code(), "users_only");

    revocations
        .revoke(Subject::User(maker), TOKEN_TTL)
        .await
        .unwrap();
    let began = Instant::now();
    while asked() == before {
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "never asked again"
        );
        verifier.verify("cpk_one").await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let key = Subject::ApiKey(keys.identity.id);
    revocations.revoke(key, TOKEN_TTL).await.unwrap();
    until(&verifier, "cpk_one", Some("revoked_token")).await;
}
