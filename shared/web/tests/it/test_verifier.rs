//! Which tokens are accepted.

use axum::routing::get;
use axum::{Json, Router};
use shared_auth::Principal;
use shared_auth::TokenVerifier;
use shared_config::Service;
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
