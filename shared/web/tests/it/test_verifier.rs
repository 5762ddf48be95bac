//! Which tokens are accepted.

use axum::routing::get;
use axum::{Json, Router};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use shared_auth::Principal;
use shared_auth::TokenVerifier;
use shared_config::{Secret, Service};
use shared_models::{CreatorId, Permission, Role};
use shared_rpc::http_client;
use shared_testkit::TokenMint;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_valid_token_yields_tenant_and_role() {
    let (mint, creator) = (TokenMint::new(), CreatorId::new());
    let token = mint.sign(&mint.claims(creator, Role::Viewer));
    let caller = mint
        .verifier(Service::CreatorHub)
        .verify(&token)
        .await
        .unwrap();
    assert_eq!(caller.tenant, creator);
    assert_eq!(caller.user().unwrap().1, Role::Viewer);
    assert_eq!(
        caller
            .require(Permission::DocumentsWrite)
            .unwrap_err()
            .code(),
        "permission_missing"
    );
    assert_eq!(caller.service().unwrap_err().code(), "services_only");
}

#[tokio::test]
async fn a_token_that_is_not_for_us_is_refused() {
    let (mint, creator) = (TokenMint::new(), CreatorId::new());
    let verifier = mint.verifier(Service::CreatorHub);
    let with = |change: fn(&mut shared_auth::AccessClaims)| {
        let mut claims = mint.claims(creator, Role::Owner);
        change(&mut claims);
        mint.sign(&claims)
    };
    for (token, code) in [
        (with(|claims| claims.exp -= 2000), "expired_token"),
        (
            with(|claims| claims.iss = "elsewhere".to_owned()),
            "invalid_token",
        ),
        (
            with(|claims| claims.aud = "elsewhere".to_owned()),
            "invalid_token",
        ),
        ("not.a.token".to_owned(), "invalid_token"),
        (format!("{}x", mint.owner(creator)), "invalid_token"),
    ] {
        assert_eq!(verifier.verify(&token).await.unwrap_err().code(), code);
    }
    let foreign = TokenMint::new().owner(creator);
    let error = verifier.verify(&foreign).await.unwrap_err();
    assert_eq!(
        error.code(),
        "dependency_unavailable",
        "the key is unknown and auth is unavailable"
    );
}

#[tokio::test]
async fn a_service_token_is_valid_for_its_target_only() {
    let (mint, creator) = (TokenMint::new(), CreatorId::new());
    let token = mint
        .verifier(Service::Channel)
        .signer()
        .tenant_token(Service::AiEngine, creator)
        .unwrap();
    let caller = mint
        .verifier(Service::AiEngine)
        .verify(&token)
        .await
        .unwrap();
    assert!(matches!(
        caller.principal,
        Principal::Service(Service::Channel)
    ));
    assert_eq!(caller.tenant, creator);
    let elsewhere = mint
        .verifier(Service::CreatorHub)
        .verify(&token)
        .await
        .unwrap_err();
    assert_eq!(elsewhere.code(), "invalid_token");
}

/// The key that all services had together.
const FORMER_KEY: &str = "the-key-that-all-services-had-together";

/// A service whose keys also are those, or the key that all had together.
fn with_former(mint: &TokenMint, service: Service, accepted: bool) -> TokenVerifier {
    let mut settings = mint.settings("http://127.0.0.1:1");
    let former = Secret::new(FORMER_KEY.to_owned());
    settings.service_keys = settings.service_keys.with_former(former, accepted);
    TokenVerifier::new(service, settings, http_client::new().unwrap())
}

/// What a service of an earlier version reads and signs: it knows one key and no other claim.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct FormerClaims {
    sub: String,
    creator_id: Option<CreatorId>,
    aud: String,
    iat: i64,
    exp: i64,
}

fn former_token(caller: Service, target: Service, creator: CreatorId) -> String {
    let now = jsonwebtoken::get_current_timestamp().cast_signed();
    let claims = FormerClaims {
        sub: caller.name().to_owned(),
        creator_id: Some(creator),
        aud: target.name().to_owned(),
        iat: now,
        exp: now + 60,
    };
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("internal".to_owned());
    let key = EncodingKey::from_secret(FORMER_KEY.as_bytes());
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

#[tokio::test]
async fn services_of_the_version_before_are_understood_both_ways_while_they_are_replaced() {
    let (mint, creator) = (TokenMint::new(), CreatorId::new());
    let channel = with_former(&mint, Service::Channel, true);
    let token = channel.signer().tenant_token(Service::AiEngine, creator);
    let token = token.unwrap();
    // An earlier version reads the new token with its one key.
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_audience(&["ai-engine"]);
    let key = DecodingKey::from_secret(FORMER_KEY.as_bytes());
    let read = jsonwebtoken::decode::<FormerClaims>(&token, &key, &rules);
    let read = read.unwrap().claims;
    assert_eq!(
        (read.sub.as_str(), read.creator_id),
        ("channel", Some(creator))
    );
    // So do services of this version, with and without that key.
    for ai_engine in [
        with_former(&mint, Service::AiEngine, true),
        with_former(&mint, Service::AiEngine, false),
        mint.verifier(Service::AiEngine),
    ] {
        let caller = ai_engine.verify(&token).await.unwrap();
        assert_eq!(caller.service().unwrap(), Service::Channel);
        assert_eq!(caller.tenant, creator);
        assert_eq!(ai_engine.verify_service(&token).unwrap(), Service::Channel);
    }
    // Its own tokens count while that is allowed, and no longer.
    let old = former_token(Service::CreatorHub, Service::AiEngine, creator);
    let window = with_former(&mint, Service::AiEngine, true);
    let caller = window.verify(&old).await.unwrap();
    assert_eq!(caller.service().unwrap(), Service::CreatorHub);
    for closed in [
        with_former(&mint, Service::AiEngine, false),
        mint.verifier(Service::AiEngine),
    ] {
        assert_eq!(
            closed.verify(&old).await.unwrap_err().code(),
            "invalid_token"
        );
        assert!(closed.verify_service(&old).is_err());
    }
}

#[tokio::test]
async fn a_service_may_do_at_public_endpoints_only_what_it_does() {
    let (mint, creator) = (TokenMint::new(), CreatorId::new());
    let token = |caller: Service, target| {
        let caller = mint.verifier(caller);
        caller.signer().tenant_token(target, creator).unwrap()
    };
    let ai_engine = mint.verifier(Service::AiEngine);
    for (caller, permission) in [
        (Service::Channel, Permission::AnswersCreate),
        (Service::CreatorHub, Permission::KnowledgeSearch),
    ] {
        let caller = ai_engine.verify(&token(caller, Service::AiEngine)).await;
        let caller = caller.unwrap();
        for other in Permission::ALL.iter().copied() {
            assert_eq!(caller.has(other), other == permission, "{other:?}");
        }
    }
    let channel = mint.verifier(Service::Channel);
    assert!(channel.signer().service_token(Service::Channel).is_err());
    let ai_engine = ai_engine.signer();
    assert!(
        ai_engine.service_token(Service::Channel).is_err(),
        "it never calls it"
    );
}

#[tokio::test]
async fn an_unknown_key_is_fetched_once_from_auth() {
    let (mint, creator) = (TokenMint::new(), CreatorId::new());
    let set = mint.key_set();
    let router = Router::new().route(
        "/auth/.well-known/jwks.json",
        get(move || async move { Json(set.clone()) }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let verifier = TokenVerifier::new(
        Service::Channel,
        mint.settings(&url),
        http_client::new().unwrap(),
    );
    assert_eq!(
        verifier.verify(&mint.owner(creator)).await.unwrap().tenant,
        creator
    );
    server.abort();
    assert_eq!(
        verifier.verify(&mint.owner(creator)).await.unwrap().tenant,
        creator,
        "it is known now"
    );
}
