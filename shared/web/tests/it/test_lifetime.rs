//! A response that goes on ends with the right of its caller.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::FromRef;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use shared_auth::api_key::{KeyIdentity, ResolveKey};
use shared_auth::{AccessClaims, AuthError, Subject, TokenVerifier};
use shared_config::Service;
use shared_models::{ApiKeyId, CreatorId, Permission, Role, UserId};
use shared_rpc::http_client;
use shared_web::{Caller, app};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use crate::test_revocation::{ONE_KEY, Platform};

/// Longest wait for something that must happen.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// A token is accepted for this time after its end; so is what it has begun.
const LEEWAY_SECONDS: i64 = 5;

#[derive(Clone, FromRef)]
struct State {
    verifier: TokenVerifier,
}

/// Events without end.
async fn events(_: Caller) -> impl axum::response::IntoResponse {
    let ticks = stream::unfold(0_u32, |number| async move {
        sleep(Duration::from_millis(20)).await;
        let event = Event::default().data(number.to_string());
        Some((Ok::<_, std::convert::Infallible>(event), number + 1))
    });
    Sse::new(ticks)
}

/// A file without end.
async fn file(_: Caller) -> Response {
    let pieces = stream::unfold((), |()| async {
        sleep(Duration::from_millis(20)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b"piece")), ()))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(pieces)).into_response()
}

/// A service on a port of this machine.
struct Serving {
    base: String,
    http: reqwest::Client,
}

impl Serving {
    async fn start(verifier: TokenVerifier) -> Self {
        let router = Router::new()
            .route("/events", get(events))
            .route("/file", get(file))
            .with_state(State { verifier });
        let router = app::with_default_layers(router);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            base,
            http: http_client::new().unwrap(),
        }
    }

    async fn open(&self, path: &str, token: &str) -> reqwest::Response {
        let request = self.http.get(format!("{}{path}", self.base));
        request.bearer_auth(token).send().await.unwrap()
    }
}

/// How a response ended: as if it were whole, or broken off.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Whole,
    Broken,
}

/// Reads until the response ends.
async fn to_end(response: reqwest::Response) -> Ended {
    assert_eq!(response.status(), StatusCode::OK);
    let mut content = response.bytes_stream();
    let read = async {
        while let Some(piece) = content.next().await {
            if piece.is_err() {
                return Ended::Broken;
            }
        }
        Ended::Whole
    };
    timeout(READ_TIMEOUT, read).await.unwrap()
}

/// Reads a little, and asserts that the response goes on.
async fn goes_on(response: &mut reqwest::Response) {
    for _ in 0..10 {
        let piece = timeout(READ_TIMEOUT, response.chunk()).await.unwrap();
        assert!(piece.unwrap().is_some(), "it goes on");
    }
}

#[tokio::test]
async fn what_goes_on_ends_at_each_revocation_of_its_caller() {
    let platform = Platform::new().await;
    let _running = platform.auth.run();
    let serving = Serving::start(platform.verifier(Service::CreatorHub)).await;
    let subjects: [fn(&AccessClaims) -> Subject; 3] = [
        |claims| Subject::Session(claims.sid),
        |claims| Subject::User(claims.sub),
        |claims| Subject::Tenant(claims.creator_id),
    ];
    for (path, ended) in [("/events", Ended::Whole), ("/file", Ended::Broken)] {
        for subject in subjects {
            let claims = platform.mint.claims(CreatorId::new(), Role::Owner);
            let token = platform.mint.sign(&claims);
            let mut response = serving.open(path, &token).await;
            let other = platform.mint.owner(CreatorId::new());
            let mut others = serving.open(path, &other).await;
            goes_on(&mut response).await;
            platform.auth.revoke(subject(&claims)).await;
            assert_eq!(to_end(response).await, ended, "{path}");
            goes_on(&mut others).await;
        }
    }
}

#[tokio::test]
async fn a_revocation_ends_it_without_the_epoch_and_without_redis() {
    let mut platform = Platform::new().await;
    // auth does not keep the epoch: nothing is believed that Redis does not have.
    for _ in 0..2 {
        let serving = Serving::start(platform.verifier(Service::CreatorHub)).await;
        let claims = platform.mint.claims(CreatorId::new(), Role::Owner);
        let mut response = serving.open("/events", &platform.mint.sign(&claims)).await;
        goes_on(&mut response).await;
        platform.auth.revoke(Subject::Session(claims.sid)).await;
        assert_eq!(to_end(response).await, Ended::Whole);
        // The second time, the service cannot reach Redis at all.
        platform.redis.port = 1;
    }
}

#[tokio::test]
async fn events_end_with_their_token_and_a_file_does_not() {
    let platform = Platform::new().await;
    let _running = platform.auth.run();
    let serving = Serving::start(platform.verifier(Service::CreatorHub)).await;
    let mut claims = platform.mint.claims(CreatorId::new(), Role::Owner);
    claims.exp = jsonwebtoken::get_current_timestamp().cast_signed() - LEEWAY_SECONDS + 2;
    let token = platform.mint.sign(&claims);
    let events = serving.open("/events", &token).await;
    let mut file = serving.open("/file", &token).await;
    assert_eq!(to_end(events).await, Ended::Whole);
    let now = jsonwebtoken::get_current_timestamp().cast_signed();
    assert!(now > claims.exp + LEEWAY_SECONDS, "not before its end");
    let again = serving.open("/events", &token).await;
    assert_eq!(
        again.status(),
        StatusCode::UNAUTHORIZED,
        "no loop of one token"
    );
    goes_on(&mut file).await;
    // With a new token of the same session, the events go on.
    claims.exp += 900;
    let mut events = serving.open("/events", &platform.mint.sign(&claims)).await;
    goes_on(&mut events).await;
}

#[tokio::test]
async fn what_a_service_has_begun_goes_on_for_longer_than_its_token() {
    let platform = Platform::new().await;
    let _running = platform.auth.run();
    let serving = Serving::start(platform.verifier(Service::CreatorHub)).await;
    let creator = CreatorId::new();
    let ai_engine = platform.verifier(Service::AiEngine);
    let token = ai_engine
        .signer()
        .tenant_token(Service::CreatorHub, creator);
    let mut response = serving.open("/events", &token.unwrap()).await;
    platform.auth.revoke(Subject::Tenant(creator)).await;
    sleep(Duration::from_secs(2)).await;
    goes_on(&mut response).await;
}

/// Resolves every key to one identity.
#[derive(Debug)]
struct OneKey(KeyIdentity);

impl ResolveKey for OneKey {
    fn resolve(&self, _: [u8; 32]) -> BoxFuture<'_, Result<Option<KeyIdentity>, AuthError>> {
        Box::pin(async { Ok(Some(self.0.clone())) })
    }
}

#[tokio::test]
async fn what_an_api_key_has_opened_ends_with_the_key_or_its_creator() {
    let platform = Platform::new().await;
    let _running = platform.auth.run();
    let now = jsonwebtoken::get_current_timestamp().cast_signed();
    let identity = |expires_at| KeyIdentity {
        creator_id: CreatorId::new(),
        id: ApiKeyId::new(),
        scopes: vec![Permission::DocumentsRead],
        created_by: Some(UserId::new()),
        read_at: None,
        expires_at,
    };
    let (short, deleted, demoted) = (identity(Some(now + 2)), identity(None), identity(None));
    let ends = [
        (short, None),
        (deleted.clone(), Some(Subject::ApiKey(deleted.id))),
        (demoted.clone(), demoted.created_by.map(Subject::User)),
    ];
    for (key, revoked) in ends {
        let verifier = platform.verifier(Service::Auth);
        let verifier = verifier.with_api_key_resolver(Arc::new(OneKey(key)));
        let serving = Serving::start(verifier).await;
        let mut response = serving.open("/events", ONE_KEY).await;
        goes_on(&mut response).await;
        if let Some(subject) = revoked {
            platform.auth.revoke(subject).await;
        }
        assert_eq!(to_end(response).await, Ended::Whole, "{revoked:?}");
    }
}
