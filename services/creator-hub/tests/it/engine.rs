//! An ai-engine that speaks its wire and fails on demand.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{post, put};
use axum::{Json, Router};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use shared_ai_client::{IngestionEvent, IngestionFailure, NewIngestion, SearchResults, Source};
use shared_auth::TokenVerifier;
use shared_config::Service;
use shared_models::{CreatorId, DocumentId, Retry};
use shared_testkit::TokenMint;
use tokio::net::TcpListener;

/// How a call is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These lines, and the end.
    Lines(Vec<IngestionEvent>),
    /// These lines, and then the connection breaks.
    Breaks(Vec<IngestionEvent>),
    /// These lines, and then nothing, for ever.
    Stalls(Vec<IngestionEvent>),
    /// A problem document.
    Problem(StatusCode, &'static str),
}

/// An ingestion that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) creator: CreatorId,
    pub(crate) document: DocumentId,
    pub(crate) ingestion: NewIngestion,
}

#[derive(Debug, Default)]
struct Script {
    replies: VecDeque<Reply>,
    forgetting: VecDeque<StatusCode>,
    sources: Vec<Source>,
    asked: Vec<Asked>,
    forgotten: Vec<(CreatorId, DocumentId)>,
    searched: Vec<(CreatorId, String)>,
}

/// The played ai-engine.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
    verifier: TokenVerifier,
}

impl Engine {
    pub(crate) async fn start(mint: &TokenMint) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let verifier = mint.verifier(Service::AiEngine);
        let engine = Self {
            url,
            script: Arc::default(),
            verifier,
        };
        let document = put(index)
            .delete(forget)
            .layer(DefaultBodyLimit::max(64 * 1024 * 1024));
        let router = Router::new()
            .route("/ai-engine/internal/v1/documents/{id}", document)
            .route("/ai-engine/v1/search", post(search))
            .with_state(engine.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        engine
    }

    /// Answers the next ingestion like this; without a reply, three passages are indexed.
    pub(crate) fn reply(&self, reply: Reply) {
        self.script.lock().unwrap().replies.push_back(reply);
    }

    /// Answers the next wish to forget with that status; without one, it is done.
    pub(crate) fn forget_with(&self, status: StatusCode) {
        self.script.lock().unwrap().forgetting.push_back(status);
    }

    /// What a search finds.
    pub(crate) fn finds(&self, sources: Vec<Source>) {
        self.script.lock().unwrap().sources = sources;
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.lock().unwrap().asked.clone()
    }

    pub(crate) fn forgotten(&self) -> Vec<(CreatorId, DocumentId)> {
        self.script.lock().unwrap().forgotten.clone()
    }

    pub(crate) fn searched(&self) -> Vec<(CreatorId, String)> {
        self.script.lock().unwrap().searched.clone()
    }

    /// The tenant that the token proves; only a service's token for ai-engine is one.
    async fn tenant(&self, headers: &HeaderMap) -> CreatorId {
        let value = headers[header::AUTHORIZATION].to_str().unwrap();
        let token = value.strip_prefix("Bearer ").unwrap();
        let creator = self.verifier.verify(token).await.unwrap();
        assert_eq!(creator.service().unwrap(), Service::CreatorHub);
        creator.tenant
    }
}

async fn index(
    State(engine): State<Engine>,
    Path(document): Path<DocumentId>,
    headers: HeaderMap,
    Json(ingestion): Json<NewIngestion>,
) -> Response {
    let creator = engine.tenant(&headers).await;
    let reply = {
        let mut script = engine.script.lock().unwrap();
        script.asked.push(Asked {
            creator,
            document,
            ingestion,
        });
        script.replies.pop_front()
    };
    let usual = || Reply::Lines(vec![progress(1, 3), IngestionEvent::Done { chunks: 3 }]);
    match reply.unwrap_or_else(usual) {
        Reply::Lines(events) => Body::from_stream(stream::iter(lines(events))).into_response(),
        Reply::Breaks(events) => {
            let lines =
                stream::iter(lines(events)).map(|line| line.map_err(|never| match never {}));
            // The lines travel before the break: they are flushed while nothing else is ready.
            let broken = stream::once(async {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                Err(io::Error::other("broken"))
            });
            Body::from_stream(lines.chain(broken)).into_response()
        }
        Reply::Stalls(events) => {
            let lines = stream::iter(lines(events)).chain(stream::pending());
            Body::from_stream(lines).into_response()
        }
        Reply::Problem(status, code) => problem(status, code),
    }
}

async fn forget(
    State(engine): State<Engine>,
    Path(document): Path<DocumentId>,
    headers: HeaderMap,
) -> Response {
    let creator = engine.tenant(&headers).await;
    let mut script = engine.script.lock().unwrap();
    if let Some(status) = script.forgetting.pop_front() {
        return problem(status, "dependency_unavailable");
    }
    script.forgotten.push((creator, document));
    StatusCode::NO_CONTENT.into_response()
}

async fn search(
    State(engine): State<Engine>,
    headers: HeaderMap,
    Json(request): Json<shared_ai_client::SearchRequest>,
) -> Json<SearchResults> {
    let creator = engine.tenant(&headers).await;
    let mut script = engine.script.lock().unwrap();
    script
        .searched
        .push((creator, request.query.as_str().to_owned()));
    Json(SearchResults {
        results: script.sources.clone(),
        processing_time_ms: 7,
    })
}

fn problem(status: StatusCode, code: &str) -> Response {
    let body = json!({"code": code, "detail": "words of ai-engine", "status": status.as_u16()});
    (status, Json(body)).into_response()
}

fn lines(events: Vec<IngestionEvent>) -> impl Iterator<Item = Result<Bytes, Infallible>> {
    events
        .into_iter()
        .map(|event| Ok((serde_json::to_string(&event).unwrap() + "\n").into()))
}

pub(crate) const fn progress(done: u32, total: u32) -> IngestionEvent {
    IngestionEvent::Progress { done, total }
}

pub(crate) fn failed(code: IngestionFailure, retry: Retry) -> IngestionEvent {
    IngestionEvent::Failed {
        code,
        reason: format!("it went wrong: {}", code.as_str()),
        retry,
    }
}
