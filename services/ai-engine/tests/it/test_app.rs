//! The service under test with its own database, Redis prefix and collections, and calls to it.

use ai_engine_service::chroma::Chroma;
use ai_engine_service::{AppState, Config, Engines, app};
use axum::Router;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_ai_client::{AnswerEvent, AnswerMode, Done, IngestionEvent, Source};
use shared_config::Service;
use shared_jobs::retention::RetentionSettings;
use shared_models::{CreatorId, DocumentId};
use shared_testkit::{Answer, Stores, TcpProxy, TestClient, TestDatabase, TokenMint};
use shared_web::cors::CorsOrigins;
use shared_web::serve::ServeSettings;
use uuid::Uuid;

use crate::fake_ollama::FakeOllama;

/// 23 paragraphs about habits, with headings.
pub(crate) const HANDBOOK: &str = include_str!("handbook.md");

pub(crate) struct TestApp {
    pub(crate) stores: Stores,
    pub(crate) database: TestDatabase,
    pub(crate) ollama: FakeOllama,
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
        let stores = Stores::from_env();
        let database = TestDatabase::new(&stores).await;
        let ollama = FakeOllama::before(&stores.ollama).await;
        let mint = TokenMint::new();
        let any = ([127, 0, 0, 1], 0).into();
        let collections = format!("t{}", Uuid::new_v4().simple());
        let mut config = Config {
            serve: ServeSettings {
                listen: any,
                metrics: any,
                log_level: "warn".to_owned(),
                cors: CorsOrigins::default(),
            },
            database: database.settings(Service::AiEngine),
            retention: RetentionSettings::defaults(Service::AiEngine),
            cache: stores.cache_settings(),
            verifier: mint.settings("http://127.0.0.1:1"),
            engines: Engines {
                ollama_url: ollama.url(),
                chroma_url: stores.chroma.clone(),
                chat_model: "tiny-llama".to_owned(),
                embedding_model: "all-minilm".to_owned(),
                answer_mode: AnswerMode::Auto,
                collections: collections.clone(),
            },
        };
        change(&mut config);
        let state = AppState::new(config).unwrap();
        state.verifier.replace_keys(&mint.key_set());
        Self {
            stores,
            database,
            ollama,
            router: app(state.clone()),
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
        let events = self.ingest(tenant, document, 1, text).await;
        let last = events.last().unwrap();
        assert!(matches!(last, IngestionEvent::Done { .. }), "{last:?}");
        document
    }

    pub(crate) async fn ingest(
        &self,
        tenant: CreatorId,
        document: DocumentId,
        version: i32,
        text: &str,
    ) -> Vec<IngestionEvent> {
        let body = ingestion(version, text);
        let path = document_path(document);
        let answer = self.hub(tenant).json(Method::PUT, &path, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let text = answer.text();
        let events = text.lines().map(|line| serde_json::from_str(line).unwrap());
        events.collect()
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
