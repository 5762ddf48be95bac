//! Rate limits: what is counted, the headers, and that replicas share the counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, middleware};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use shared_auth::api_key::{self, KeyIdentity, ResolveKey};
use shared_auth::{AuthError, TokenVerifier};
use shared_cache::{Cache, CacheSettings, Decision, Key, Limit, PrefetchingLimiter};
use shared_config::Service;
use shared_models::CreatorId;
use shared_testkit::{Answer, Stores, TestClient, TokenMint};
use shared_web::{Caller, Limiter, rate_limit};
use uuid::Uuid;

/// A service with a GET and a POST route, both for verified callers.
fn service(mint: &TokenMint, settings: &CacheSettings) -> TestClient {
    service_with(settings, mint.verifier(Service::CreatorHub))
}

fn service_with(settings: &CacheSettings, verifier: TokenVerifier) -> TestClient {
    let cache = Cache::new(settings).unwrap();
    let limiter = Limiter::new(cache, verifier.clone());
    let known = |_: Caller| async { "known" };
    let router = Router::new()
        .route("/thing", get(known))
        .route("/thing", post(known))
        .route("/open", get(|| async { "open" }))
        .layer(middleware::from_fn_with_state(limiter, rate_limit::enforce))
        .with_state::<()>(verifier);
    TestClient::new(router)
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers[name].to_str().unwrap()
}

#[tokio::test]
async fn every_response_states_the_limit_and_a_refusal_the_wait() {
    let (mint, settings) = (TokenMint::new(), Stores::from_env().cache_settings());
    let client = service(&mint, &settings);
    let known = client.with_token(&mint.owner(CreatorId::new()));
    let first = known.get("/thing").await;
    assert_eq!(first.status, StatusCode::OK);
    let policy = "\"caller\";q=1200;w=60, \"account\";q=6000;w=60";
    assert_eq!(header(&first, "ratelimit-policy"), policy);
    assert!(header(&first, "ratelimit").starts_with("\"caller\";r=299;t="));

    let (mut allowed, began) = (1_u32, Instant::now());
    let refused = loop {
        let answer = known.get("/thing").await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        allowed += 1;
    };
    // The burst, and what was refilled meanwhile: twenty a second.
    let most = 301.0 + 20.0 * began.elapsed().as_secs_f64();
    assert!(
        allowed >= 300 && f64::from(allowed) <= most,
        "{allowed} of {most}"
    );
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.code(), "rate_limited");
    assert_eq!(header(&refused, "retry-after"), "1");
    assert!(header(&refused, "ratelimit").starts_with("\"caller\";r=0;t="));
    // Another caller and an anonymous request are not affected.
    let other = client.with_token(&mint.owner(CreatorId::new()));
    assert_eq!(other.get("/thing").await.status, StatusCode::OK);
    let open = client.get("/open").await;
    assert!(header(&open, "ratelimit-policy").starts_with("\"address\";"));
}

#[tokio::test]
async fn a_request_without_a_valid_credential_is_limited_by_address() {
    let (mint, settings) = (TokenMint::new(), Stores::from_env().cache_settings());
    let stranger = service(&mint, &settings).with_token("not.a.token");
    let refused = stranger.post("/thing", &serde_json::json!({})).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(header(&refused, "ratelimit").starts_with("\"address\";r=399"));
}

/// Knows no API key, and counts how often it is asked.
#[derive(Debug, Default)]
struct NoKeys(AtomicU32);

impl ResolveKey for NoKeys {
    fn resolve(&self, _: [u8; 32]) -> BoxFuture<'_, Result<Option<KeyIdentity>, AuthError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(None) })
    }
}

fn invented_key() -> String {
    let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    let text = BASE64_URL_SAFE_NO_PAD.encode(random);
    format!("{}{text}", api_key::PREFIX)
}

#[tokio::test]
async fn invented_api_keys_are_counted_before_auth_is_asked() {
    let (mint, settings) = (TokenMint::new(), Stores::from_env().cache_settings());
    let keys = Arc::new(NoKeys::default());
    let resolver = Arc::clone(&keys) as Arc<dyn ResolveKey>;
    let verifier = mint.verifier(Service::CreatorHub);
    let client = service_with(&settings, verifier.with_api_key_resolver(resolver));
    let asked = || keys.0.load(Ordering::Relaxed);
    // The layer and the handler both ask; auth is not asked about what has not the form of a key.
    for (key, questions) in [
        (invented_key(), 1),
        ("cpk_short".to_owned(), 0),
        (format!("{}==", invented_key()), 0),
    ] {
        let before = asked();
        for _ in 0..3 {
            let refused = client.with_token(&key).get("/thing").await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(asked() - before, questions, "{key}");
    }
    let (before, began, mut allowed) = (asked(), Instant::now(), 0_u32);
    let refused = loop {
        let answer = client.with_token(&invented_key()).get("/thing").await;
        if answer.status != StatusCode::UNAUTHORIZED {
            break answer;
        }
        allowed += 1;
    };
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    // The burst, and what was refilled meanwhile: twenty a second.
    let most = 400.0 + 20.0 * began.elapsed().as_secs_f64();
    assert!(f64::from(allowed) <= most, "{allowed} of {most}");
    assert_eq!(
        asked() - before,
        allowed,
        "auth is not asked about the refused one"
    );
    // Verified callers of the same address are served.
    let known = client.with_token(&mint.owner(CreatorId::new()));
    assert_eq!(known.get("/thing").await.status, StatusCode::OK);
}

#[tokio::test]
async fn services_are_not_limited_and_nobody_is_without_redis() {
    let (mint, mut settings) = (TokenMint::new(), Stores::from_env().cache_settings());
    let token = mint
        .verifier(Service::Channel)
        .signer()
        .tenant_token(Service::CreatorHub, CreatorId::new());
    let client = service(&mint, &settings).with_token(&token.unwrap());
    let answer = client.get("/thing").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!answer.headers.contains_key("ratelimit"));
    settings.port = 1;
    let client = service(&mint, &settings).with_token(&mint.owner(CreatorId::new()));
    let answer = client.get("/thing").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!answer.headers.contains_key("ratelimit"));
}

#[tokio::test]
async fn four_replicas_allow_as_many_requests_as_one() {
    let settings = Stores::from_env().cache_settings();
    let limit = Limit {
        count: 100,
        window: Duration::from_secs(1),
        burst: 10,
    };
    let began = Instant::now();
    let replicas = (0..4).map(|_| {
        let limiter = PrefetchingLimiter::new(Cache::new(&settings).unwrap());
        tokio::spawn(async move {
            let (limits, mut allowed) = ([(Key::limit("exact", "one"), limit)], 0);
            while began.elapsed().as_secs() < 2 {
                let verdict = limiter.take(&limits).await.unwrap();
                allowed += u32::from(matches!(verdict, Decision::Allowed { .. }));
            }
            allowed
        })
    });
    let mut allowed = 0;
    for replica in replicas.collect::<Vec<_>>() {
        allowed += replica.await.unwrap();
    }
    // The burst and a hundred a second, until each replica stopped: after two seconds and, on a
    // machine with other work, some more. Such a machine may also let a full bucket overflow.
    let seconds = began.elapsed().as_secs_f64();
    let (least, most) = (10.0 + 100.0 * 2.0, 10.0 + 100.0 * seconds);
    println!("four replicas: {allowed} of {most:.1} allowed in {seconds:.3} s");
    let allowed = f64::from(allowed);
    assert!(allowed <= most * 1.01 + 1.0, "{allowed} instead of {most}");
    assert!(allowed >= least * 0.95, "{allowed} instead of {least}");
}

/// The permits left of a limit that is not refilled during the test.
async fn left(limiter: &PrefetchingLimiter, limits: &[(Key, Limit)]) -> u32 {
    match limiter.take(limits).await.unwrap() {
        Decision::Allowed { remaining, .. } => remaining,
        Decision::Refused { .. } => panic!("the limit is used up"),
    }
}

/// Limits that a hundred may use up, once.
fn hundred(subject: &str) -> [(Key, Limit); 1] {
    let limit = Limit {
        count: 1,
        window: Duration::from_hours(1),
        burst: 100,
    };
    [(Key::limit("lease", subject), limit)]
}

#[tokio::test]
async fn a_burst_prefetches_and_other_replicas_see_it() {
    let settings = Stores::from_env().cache_settings();
    let [one, other] = [0, 1].map(|_| PrefetchingLimiter::new(Cache::new(&settings).unwrap()));
    // On a machine that pauses longer than a prefetch lives, try again.
    let mut seen = Vec::new();
    for chance in 0..10 {
        let (limits, began) = (hundred(&format!("burst-{chance}")), Instant::now());
        seen.clear();
        for asked in [&one, &one, &other, &one] {
            seen.push(left(asked, &limits).await);
        }
        if began.elapsed() < Duration::from_millis(90) {
            break;
        }
    }
    // One; then one and one prefetched, which the other replica sees as taken; then that one.
    assert_eq!(seen, [99, 98, 96, 97]);
    // It expires unused: an occasional caller is counted one request at a time.
    let limits = hundred("now-and-then");
    for expected in [99, 98, 97] {
        assert_eq!(left(&one, &limits).await, expected);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

#[tokio::test]
async fn prefetched_permits_are_all_used_and_never_exceeded() {
    let settings = Stores::from_env().cache_settings();
    let limiter = PrefetchingLimiter::new(Cache::new(&settings).unwrap());
    let (limits, mut allowed) = (hundred("whole"), 0);
    while let Decision::Allowed { .. } = limiter.take(&limits).await.unwrap() {
        allowed += 1;
    }
    assert_eq!(allowed, 100);
    // No prefetched permit is lost when requests run in parallel.
    let limits = hundred("side-by-side");
    let (limiter, limits) = (&limiter, &limits);
    let asks = (0..150).map(async |_| limiter.take(limits).await.unwrap());
    let verdicts = futures_util::future::join_all(asks).await;
    let allowed = verdicts
        .iter()
        .filter(|verdict| matches!(verdict, Decision::Allowed { .. }));
    assert_eq!(allowed.count(), 100);
}
