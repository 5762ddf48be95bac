//! creator-hub as far as ai-engine reads from it: texts of documents, by range, and faults.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use shared_ai_client::TextArtefact;
use shared_auth::TokenVerifier;
use shared_config::Service;
use shared_hub_client::TEXT_ROUTE;
use shared_models::{ContentHash, CreatorId, DocumentId};
use shared_testkit::TokenMint;
use tokio::net::TcpListener;

/// What happens to the next request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The connection breaks after so many bytes.
    BreaksAfter(usize),
    /// The range is answered with that status.
    Status(u16),
}

#[derive(Debug, Default)]
struct Script {
    texts: HashMap<(CreatorId, DocumentId, ContentHash), Bytes>,
    faults: Vec<Fault>,
    /// The ranges that were asked for.
    asked: Vec<(usize, usize)>,
}

/// The fake.
#[derive(Debug, Clone)]
pub(crate) struct FakeHub {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
    verifier: TokenVerifier,
}

impl FakeHub {
    pub(crate) async fn start(mint: &TokenMint) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let hub = Self {
            url,
            script: Arc::default(),
            verifier: mint.verifier(Service::CreatorHub),
        };
        let route = format!("/creator-hub{TEXT_ROUTE}");
        let router = Router::new().route(&route, get(read));
        let router = router.with_state(hub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        hub
    }

    /// Stores the text of a document.
    pub(crate) fn store(
        &self,
        tenant: CreatorId,
        document: DocumentId,
        text: &[u8],
    ) -> TextArtefact {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let hash = ContentHash::from(digest);
        let bytes = Bytes::copy_from_slice(text);
        let key = (tenant, document, hash);
        self.script.lock().unwrap().texts.insert(key, bytes);
        let size = text.len() as u64;
        TextArtefact { hash, size }
    }

    /// Replaces the stored bytes, as a damaged disk does.
    pub(crate) fn damage(&self, tenant: CreatorId, document: DocumentId, text: &TextArtefact) {
        let mut script = self.script.lock().unwrap();
        let key = (tenant, document, text.hash);
        let length = script.texts[&key].len();
        script.texts.insert(key, Bytes::from(vec![b'x'; length]));
    }

    /// What happens to the next requests, last one first.
    pub(crate) fn fail_with(&self, faults: Vec<Fault>) {
        self.script.lock().unwrap().faults = faults;
    }

    pub(crate) fn asked(&self) -> Vec<(usize, usize)> {
        self.script.lock().unwrap().asked.clone()
    }
}

async fn read(
    State(hub): State<FakeHub>,
    Path((document, hash)): Path<(DocumentId, ContentHash)>,
    headers: HeaderMap,
) -> Response {
    let token = headers[header::AUTHORIZATION].to_str().unwrap();
    let token = token.strip_prefix("Bearer ").unwrap();
    let caller = hub.verifier.verify(token).await.unwrap();
    assert_eq!(caller.service().unwrap(), Service::AiEngine);
    let range = headers[header::RANGE].to_str().unwrap();
    let (first, last) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    let mut script = hub.script.lock().unwrap();
    script.asked.push((first, last));
    let fault = script.faults.pop();
    let Some(text) = script.texts.get(&(caller.tenant, document, hash)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let bytes = text.slice(first..text.len().min(last + 1));
    match fault {
        None => (StatusCode::PARTIAL_CONTENT, bytes).into_response(),
        Some(Fault::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Fault::BreaksAfter(length)) => {
            let part = stream::iter([Ok(bytes.slice(..length))]);
            let broken = stream::once(async {
                // The part travels before the break: it is flushed while nothing else is ready.
                tokio::time::sleep(Duration::from_millis(100)).await;
                Err(io::Error::other("broken"))
            });
            let body = Body::from_stream(part.chain(broken));
            (StatusCode::PARTIAL_CONTENT, body).into_response()
        }
    }
}
