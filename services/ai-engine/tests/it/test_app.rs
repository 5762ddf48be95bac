//! The service under test with its own database, Redis prefix and collections, and calls to it.

use ai_engine_service::chroma::Chroma;
use ai_engine_service::{AppState, Calibration, Config, Engines, Queues, app, jobs};
use axum::Router;
use axum::http::StatusCode;
use serde_json::{Value, json};
use shared_ai_client::{
    AnswerEvent, AnswerMode, Done, INDEX_DOCUMENT, IndexDocument, IndexedDocument, IndexingOutcome,
    IngestionFailure, Source, TextArtefact, TextKind,
};
use shared_config::Service;
use shared_jobs::retention::RetentionSettings;
use shared_jobs::{JobRow, JobState, NewJob, rows};
use shared_models::text::SingleLine;
use shared_models::{CreatorId, DocumentId, JobId, Retry};
use shared_testkit::{Answer, Stores, TcpProxy, TestClient, TestDatabase, TokenMint};
use shared_web::cors::CorsOrigins;
use shared_web::serve::ServeSettings;
use sqlx::Row as _;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fake_hub::FakeHub;
use crate::fake_ollama::FakeOllama;

/// 23 paragraphs about habits, with headings.
pub(crate) const HANDBOOK: &str = include_str!("handbook.md");

/// How an attempt to index a document ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// So many passages are searchable.
    Indexed(u32),
    /// It failed.
    Failed(IngestionFailure, Retry),
    /// It has not.
    Running,
}

pub(crate) struct TestApp {
    pub(crate) stores: Stores,
    pub(crate) database: TestDatabase,
    pub(crate) ollama: FakeOllama,
    pub(crate) creator_hub: FakeHub,
    /// What the process was started with, for further ones.
    pub(crate) config: Config,
    pub(crate) state: AppState,
    pub(crate) router: Router,
    pub(crate) tenant: CreatorId,
    pub(crate) mint: TokenMint,
    /// The prefix of this test's collections.
    pub(crate) collections: String,
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with_config(|_| {}).await
    }

    /// An app with changed settings.
    pub(crate) async fn with_config(change: impl FnOnce(&mut Config)) -> Self {
        let app = Box::pin(Self::uncalibrated(change)).await;
        app.state
            .embedder
            .set_calibration(Box::pin(calibration()).await);
        app
    }

    /// An app whose embedding model has not been calibrated yet.
    pub(crate) async fn uncalibrated(change: impl FnOnce(&mut Config)) -> Self {
        let stores = Stores::from_env();
        let redis = stores.cache_settings();
        let database = TestDatabase::new(&stores).await;
        let ollama = FakeOllama::before(&stores.ollama).await;
        let mint = TokenMint::new();
        let creator_hub = FakeHub::start(&mint).await;
        let any = ([127, 0, 0, 1], 0).into();
        let collections = format!("t{}", Uuid::new_v4().simple());
        let mut config = Config {
            serve: ServeSettings {
                listen: any,
                metrics: any,
                log_level: "warn".to_owned(),
                cors: CorsOrigins::default(),
                proxies: shared_web::TrustedProxies::default(),
            },
            database: database.settings(Service::AiEngine),
            retention: RetentionSettings::defaults(Service::AiEngine),
            cache: stores.as_service(&redis, Service::AiEngine),
            verifier: mint.settings("http://127.0.0.1:1"),
            creator_hub_url: creator_hub.url.clone(),
            engines: Engines {
                ollama_url: ollama.url(),
                chroma_url: stores.chroma.clone(),
                chat_model: "tiny-llama".to_owned(),
                embedding_model: "all-minilm".to_owned(),
                model_servers: Vec::new(),
                answer_mode: AnswerMode::Auto,
                queues: Queues::default(),
                collections: collections.clone(),
            },
        };
        change(&mut config);
        let state = AppState::new(config.clone()).unwrap();
        state.verifier.replace_keys(&mint.key_set());
        Self {
            stores,
            database,
            ollama,
            creator_hub,
            router: app(state.clone()),
            config,
            state,
            tenant: CreatorId::new(),
            mint,
            collections,
        }
    }

    /// An app that has indexed the handbook.
    pub(crate) async fn with_handbook() -> Self {
        let app = Self::new().await;
        app.index(app.tenant, HANDBOOK).await;
        app
    }

    pub(crate) fn owner(&self, tenant: CreatorId) -> TestClient {
        TestClient::new(self.router.clone()).with_token(&self.mint.owner(tenant))
    }

    /// A client with the token of creator-hub for a tenant.
    pub(crate) fn hub(&self, tenant: CreatorId) -> TestClient {
        let hub = self.mint.verifier(Service::CreatorHub);
        let token = hub
            .signer()
            .tenant_token(Service::AiEngine, tenant)
            .unwrap();
        TestClient::new(self.router.clone()).with_token(&token)
    }

    /// Indexes a Markdown text as a new document and asserts success.
    pub(crate) async fn index(&self, tenant: CreatorId, text: &str) -> DocumentId {
        let document = DocumentId::new();
        let ended = self.ingest(tenant, document, 1, text).await;
        assert!(matches!(ended, Ended::Indexed(_)), "{ended:?}");
        document
    }

    /// Runs one attempt to index a Markdown text.
    pub(crate) async fn ingest(
        &self,
        tenant: CreatorId,
        document: DocumentId,
        version: i32,
        text: &str,
    ) -> Ended {
        let job = self.enqueue(tenant, document, version, text).await;
        assert!(self.step().await, "a job is due");
        // Concurrent tests of one app may have run each other's jobs.
        loop {
            let ended = self.ended(tenant, &job).await;
            match ended {
                Ended::Running => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                ended => return ended,
            }
        }
    }

    /// Enqueues the indexing of a Markdown text, as creator-hub does.
    pub(crate) async fn enqueue(
        &self,
        tenant: CreatorId,
        document: DocumentId,
        version: i32,
        text: &str,
    ) -> JobRow {
        let text = self.creator_hub.store(tenant, document, text.as_bytes());
        self.enqueue_stored(tenant, document, version, text).await
    }

    pub(crate) async fn enqueue_stored(
        &self,
        tenant: CreatorId,
        document: DocumentId,
        version: i32,
        text: TextArtefact,
    ) -> JobRow {
        let payload = IndexDocument {
            access: None,
            root: JobId::new(),
            version,
            title: SingleLine::parse("Handbook").unwrap(),
            kind: TextKind::Markdown,
            text,
        };
        let job = NewJob::new(INDEX_DOCUMENT, document.as_uuid());
        let job = job.payload(&payload).unwrap();
        let db = self.database.as_service(Service::AiEngine);
        let mut tx = db.tenant(tenant).await.unwrap();
        let row = self.state.jobs.enqueue(&mut tx, job).await.unwrap();
        tx.commit().await.unwrap();
        row
    }

    /// Runs one job; false when none is due.
    pub(crate) async fn step(&self) -> bool {
        let runner = jobs::runner(&self.state);
        runner.step(&CancellationToken::new()).await.unwrap()
    }

    /// Runs the scheduled work that is due.
    pub(crate) async fn run_schedules(&self) {
        let runner = jobs::runner(&self.state);
        runner.register_schedules().await.unwrap();
        let stop = CancellationToken::new();
        while runner.scheduled_step(&stop).await.unwrap() {}
    }

    /// Embeds everything again that needs it, and deletes the old vectors.
    pub(crate) async fn reembed(&self) {
        reembed(&self.state).await;
    }

    /// Makes what waits due at once, and frees what a dead worker holds.
    pub(crate) async fn hurry(&self) {
        let pool = self.database.admin().await;
        sqlx::query(
            "update platform.jobs set run_at = now(), lease_until = now() - interval '1 s'",
        )
        .execute(&pool)
        .await
        .unwrap();
    }

    pub(crate) async fn job(&self, tenant: CreatorId, job: &JobRow) -> JobRow {
        let db = self.database.as_service(Service::AiEngine);
        let mut tx = db.tenant_read(tenant).await.unwrap();
        rows::find(&mut tx, job.id).await.unwrap().unwrap()
    }

    /// How the last attempt of a job ended.
    pub(crate) async fn ended(&self, tenant: CreatorId, job: &JobRow) -> Ended {
        let row = self.job(tenant, job).await;
        let code = row.error_code.as_deref().map(IngestionFailure::of_code);
        let retry = match (row.state, code) {
            (JobState::Succeeded, _) => return Ended::Indexed(self.recorded(job).await),
            (JobState::Running, _) | (_, None) => return Ended::Running,
            (JobState::Failed, _) => Retry::Never,
            (JobState::Queued, _) if self.max_attempts(job).await > 8 => Retry::UntilAvailable,
            (JobState::Queued, _) => Retry::Limited,
        };
        Ended::Failed(code.unwrap(), retry)
    }

    async fn max_attempts(&self, job: &JobRow) -> i32 {
        let pool = self.database.admin().await;
        let query = sqlx::query("select max_attempts from platform.jobs where id = $1");
        let row = query.bind(job.id).fetch_one(&pool).await.unwrap();
        row.get(0)
    }

    /// What creator-hub learns of documents, oldest first.
    pub(crate) async fn records(&self, document: Uuid) -> Vec<IndexedDocument> {
        let pool = self.database.admin().await;
        let query = "select payload from platform.jobs
                     where subject_id = $1 and queue = 'creator-hub' order by id";
        let rows = sqlx::query(query).bind(document).fetch_all(&pool).await;
        let read = |row: &sqlx::postgres::PgRow| serde_json::from_value(row.get(0)).unwrap();
        rows.unwrap().iter().map(read).collect()
    }

    /// The number of passages that is recorded with creator-hub.
    async fn recorded(&self, job: &JobRow) -> u32 {
        match self.records(job.subject).await.last().unwrap().outcome {
            IndexingOutcome::Indexed(passages) => passages,
            IndexingOutcome::Failed(failure) => panic!("{failure:?}"),
        }
    }

    pub(crate) async fn search(&self, tenant: CreatorId, query: &str) -> Vec<Source> {
        let body = json!({"query": query});
        let answer = self.owner(tenant).post("/ai-engine/v1/search", &body).await;
        let found = answer.expect(StatusCode::OK);
        serde_json::from_value(found["results"].clone()).unwrap()
    }

    /// Asks a question and returns the response.
    pub(crate) async fn ask(&self, tenant: CreatorId, question: &Value) -> Answer {
        let owner = self.owner(tenant);
        owner.post("/ai-engine/v1/answers", question).await
    }

    /// Asks a question and returns the events of the stream.
    pub(crate) async fn events(&self, tenant: CreatorId, question: &Value) -> Vec<AnswerEvent> {
        let answer = self.ask(tenant, question).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        events(&answer.text())
    }

    pub(crate) fn chroma(&self) -> Chroma {
        Chroma::new(&self.stores.chroma).unwrap()
    }
}

impl Drop for TestApp {
    /// Deletes the collections from the Chroma that all tests share.
    fn drop(&mut self) {
        let chroma = self.chroma();
        let prefix = self.collections.clone();
        let clean = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                for found in chroma.list_collections().await.unwrap_or_default() {
                    if found.name.starts_with(&prefix) {
                        let _ = chroma.delete_collection(&found.name).await;
                    }
                }
            });
        };
        let _ = std::thread::spawn(clean).join();
    }
}

/// Embeds again what the model of a process has not embedded, as far as it is due.
pub(crate) async fn reembed(state: &AppState) {
    let runner = jobs::reembedding_runner(state);
    runner.register_schedules().await.unwrap();
    let stop = CancellationToken::new();
    while runner.scheduled_step(&stop).await.unwrap() {}
    while runner.step(&stop).await.unwrap() {}
}

/// What the similarities of the tests' embedding model mean, measured once for all tests.
async fn calibration() -> Option<Calibration> {
    static MEASURED: OnceCell<Option<Calibration>> = OnceCell::const_new();
    let measure = || async {
        let app = TestApp::uncalibrated(|_| {}).await;
        let measured = app.state.embedder.calibrate().await;
        measured.unwrap().cloned()
    };
    MEASURED.get_or_init(measure).await.clone()
}

/// A closed proxy before the store at that URL.
pub(crate) fn proxy_before(url: &str) -> TcpProxy {
    let address = url.trim_start_matches("http://");
    let (host, port) = address.split_once(':').unwrap();
    TcpProxy::closed((host.to_owned(), port.parse().unwrap()))
}

pub(crate) fn proxy_url(proxy: &TcpProxy) -> String {
    format!("http://127.0.0.1:{}", proxy.port)
}

pub(crate) fn document_path(document: DocumentId) -> String {
    format!("/ai-engine/internal/v1/documents/{document}")
}

pub(crate) fn ingestion(version: i32, text: &str) -> Value {
    json!({"version": version, "title": "Handbook", "kind": "markdown", "text": text})
}

/// Parses server-sent events.
pub(crate) fn events(stream: &str) -> Vec<AnswerEvent> {
    let blocks = stream.split("\n\n").filter(|block| !block.is_empty());
    let read = |block: &str| {
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        let (name, data) = (field("event:"), field("data:"));
        let text = format!(r#"{{"event":"{name}","data":{data}}}"#);
        (!name.is_empty()).then(|| serde_json::from_str(&text).unwrap())
    };
    blocks.filter_map(read).collect()
}

/// The concatenated tokens.
pub(crate) fn text(events: &[AnswerEvent]) -> String {
    let tokens = events.iter().filter_map(|event| match event {
        AnswerEvent::Token(token) => Some(token.text.as_str()),
        _ => None,
    });
    tokens.collect()
}

/// The sources; asserts that they come first and once.
pub(crate) fn sources(events: &[AnswerEvent]) -> Vec<Source> {
    let is_sources = |event: &&AnswerEvent| matches!(event, AnswerEvent::Sources(_));
    assert_eq!(events.iter().filter(is_sources).count(), 1);
    match events.first() {
        Some(AnswerEvent::Sources(sources)) => sources.clone(),
        other => panic!("{other:?} came first"),
    }
}

/// The last event; asserts that the answer succeeded.
pub(crate) fn done(events: &[AnswerEvent]) -> Done {
    match events.last() {
        Some(AnswerEvent::Done(done)) => done.clone(),
        other => panic!("{other:?} came last"),
    }
}
