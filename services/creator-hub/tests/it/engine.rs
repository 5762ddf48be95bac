//! An ai-engine that speaks its wire, runs the jobs of its queue and fails on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, post, put};
use axum::{Json, Router};
use serde_json::json;
use shared_ai_client::{
    DetectedLanguage, DocumentAccess, INDEX_DOCUMENT, IndexDocument, IndexedDocument,
    IndexingOutcome, IngestionFailure, QaPairChanges, SearchResults, SetDocumentAccess, Source,
};
use shared_auth::TokenVerifier;
use shared_cache::Cache;
use shared_config::Service;
use shared_db::{Db, TenantTx};
use shared_jobs::{Job, JobContext, JobError, JobQueue, NewJob, Outcome, Runner};
use shared_models::{CreatorId, DocumentId, Retry};
use shared_testkit::{TestClient, TokenMint};
use tokio::net::TcpListener;

/// How an indexing ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// So many passages are searchable.
    Done(u32),
    /// It fails.
    Fails(IngestionFailure, Retry),
    /// It gets so far, in percent, and no further until it is cancelled.
    Stalls(i16),
}

/// An indexing that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) creator: CreatorId,
    pub(crate) document: DocumentId,
    pub(crate) wanted: IndexDocument,
    /// The text, as creator-hub gives it.
    pub(crate) text: String,
}

#[derive(Debug, Default)]
struct Script {
    replies: VecDeque<Reply>,
    forgetting: VecDeque<StatusCode>,
    sources: Vec<Source>,
    asked: Vec<Asked>,
    forgotten: Vec<(CreatorId, DocumentId)>,
    access: Vec<(CreatorId, DocumentAccess)>,
    pairs: Vec<(CreatorId, QaPairChanges)>,
    searched: Vec<(CreatorId, String)>,
    language: Option<DetectedLanguage>,
}

/// The played ai-engine.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
    verifier: TokenVerifier,
}

impl Engine {
    /// Takes all documents for ones in this language from now on.
    pub(crate) fn detect(&self, name: &str, is_understood: bool) {
        let name = name.to_owned();
        self.script.lock().unwrap().language = Some(DetectedLanguage {
            name,
            is_understood,
        });
    }

    fn language(&self) -> Option<DetectedLanguage> {
        self.script.lock().unwrap().language.clone()
    }

    pub(crate) async fn start(mint: &TokenMint) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let verifier = mint.verifier(Service::AiEngine);
        let engine = Self {
            url,
            script: Arc::default(),
            verifier,
        };
        let router = Router::new()
            .route("/ai-engine/internal/v1/documents/{id}", delete(forget))
            .route("/ai-engine/internal/v1/document-access", put(set_access))
            .route("/ai-engine/internal/v1/qa-pairs", put(set_pairs))
            .route("/ai-engine/v1/search", post(search))
            .with_state(engine.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        engine
    }

    /// Ends the next indexing like this; without a reply, three passages are indexed.
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

    /// Who may see documents, as it was told by requests.
    pub(crate) fn access(&self) -> Vec<(CreatorId, DocumentAccess)> {
        self.script.lock().unwrap().access.clone()
    }

    /// The changes of pairs that it has received.
    pub(crate) fn pairs(&self) -> Vec<(CreatorId, QaPairChanges)> {
        self.script.lock().unwrap().pairs.clone()
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

async fn set_access(
    State(engine): State<Engine>,
    headers: HeaderMap,
    Json(body): Json<SetDocumentAccess>,
) -> StatusCode {
    let creator = engine.tenant(&headers).await;
    let mut script = engine.script.lock().unwrap();
    let told = body.documents.into_iter().map(|access| (creator, access));
    script.access.extend(told);
    StatusCode::NO_CONTENT
}

async fn set_pairs(
    State(engine): State<Engine>,
    headers: HeaderMap,
    Json(body): Json<QaPairChanges>,
) -> StatusCode {
    let creator = engine.tenant(&headers).await;
    engine.script.lock().unwrap().pairs.push((creator, body));
    StatusCode::NO_CONTENT
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
        degraded: Vec::new(),
        results: script.sources.clone(),
        processing_time_ms: 7,
    })
}

fn problem(status: StatusCode, code: &str) -> Response {
    let body = json!({"code": code, "detail": "words of ai-engine", "status": status.as_u16()});
    (status, Json(body)).into_response()
}

/// The job of ai-engine, which reads the text and ends as the script says.
struct Indexing {
    engine: Engine,
    /// creator-hub without a caller.
    hub: TestClient,
    hub_jobs: JobQueue,
}

/// A runner of ai-engine's queue.
pub(crate) fn runner(engine: &Engine, db: Db, cache: &Cache, hub: TestClient) -> Runner {
    let indexing = Indexing {
        engine: engine.clone(),
        hub,
        hub_jobs: JobQueue::new(Service::CreatorHub, cache.clone()),
    };
    Runner::new(db, JobQueue::new(Service::AiEngine, cache.clone()), 2).with(indexing)
}

/// Reads a text as ai-engine does.
pub(crate) async fn read_text(
    engine: &Engine,
    hub: &TestClient,
    creator: CreatorId,
    document: DocumentId,
    wanted: &IndexDocument,
) -> (StatusCode, String) {
    let signer = engine.verifier.signer();
    let token = signer.tenant_token(Service::CreatorHub, creator).unwrap();
    let path = shared_hub_client::TEXT_ROUTE
        .replace("{id}", &document.to_string())
        .replace("{hash}", &wanted.text.hash.to_string());
    let request = hub
        .with_token(&token)
        .request(Method::GET, &format!("/creator-hub{path}"))
        .header(header::RANGE, "bytes=0-999999");
    let answer = hub.send(request.body("".into()).unwrap()).await;
    (answer.status, answer.text())
}

impl Indexing {
    async fn record(
        &self,
        tx: &mut TenantTx,
        context: &JobContext,
        wanted: IndexDocument,
        outcome: IndexingOutcome,
    ) {
        let payload = IndexedDocument {
            language: self.engine.language(),
            root: wanted.root,
            version: wanted.version,
            title: wanted.title,
            outcome,
        };
        let job = NewJob::new("ingest_document", context.subject());
        let job = job.payload(&payload).unwrap();
        self.hub_jobs.enqueue(tx, job).await.unwrap();
    }
}

impl Job for Indexing {
    const KIND: &'static str = INDEX_DOCUMENT;
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Payload = IndexDocument;

    async fn run(&self, context: &JobContext, wanted: IndexDocument) -> Result<Outcome, JobError> {
        let (creator, document) = (context.tenant(), DocumentId::from(context.subject()));
        let (status, text) = read_text(&self.engine, &self.hub, creator, document, &wanted).await;
        assert_eq!(status, StatusCode::PARTIAL_CONTENT, "{text}");
        let reply = {
            let mut script = self.engine.script.lock().unwrap();
            script.asked.push(Asked {
                creator,
                document,
                wanted: wanted.clone(),
                text,
            });
            script.replies.pop_front().unwrap_or(Reply::Done(3))
        };
        context.progress("indexing", 5).await?;
        match reply {
            Reply::Done(passages) => {
                let mut tx = context.begin().await?;
                if !context.complete(&mut tx).await? {
                    return Ok(Outcome::LeaseLost);
                }
                let outcome = IndexingOutcome::Indexed(passages);
                self.record(&mut tx, context, wanted, outcome).await;
                tx.commit().await?;
                Ok(Outcome::Completed)
            }
            Reply::Fails(code, retry) => {
                let reason = format!("it went wrong: {}", code.as_str());
                Err(JobError::new(code.as_str(), reason, retry))
            }
            Reply::Stalls(percent) => {
                context.progress("indexing", percent).await?;
                context.cancelled().await;
                Err(JobError::new("cancelled", "it was deleted", Retry::Never))
            }
        }
    }

    async fn on_failure(
        &self,
        tx: &mut TenantTx,
        context: &JobContext,
        error: &JobError,
        failed: bool,
    ) -> sqlx::Result<()> {
        let code = IngestionFailure::of_code(&error.code);
        if failed && code != IngestionFailure::Cancelled {
            let wanted = serde_json::from_value(context.job().payload.clone()).unwrap();
            self.record(tx, context, wanted, IndexingOutcome::Failed(code))
                .await;
        }
        Ok(())
    }
}
