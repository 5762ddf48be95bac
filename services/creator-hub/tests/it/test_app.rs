//! One test's creator-hub: its own database, keys of Redis, folder of files, and ai-engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use axum::extract::FromRef as _;
use creator_hub_service::{AppState, Config, jobs};
use http::{Method, StatusCode, header};
use serde_json::Value;
use shared_auth::TokenVerifier;
use shared_cache::Cache;
use shared_config::{Reader, Service, keys};
use shared_db::Db;
use shared_jobs::Runner;
use shared_models::CreatorId;
use shared_testkit::{Answer, Stores, TestClient, TestDatabase, TokenMint, service_keys};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::engine::{self, Engine};

pub(crate) const DOCUMENTS: &str = "/creator-hub/v1/documents";
const BOUNDARY: &str = "a-boundary-of-the-test";

pub(crate) struct TestApp {
    pub(crate) database: TestDatabase,
    pub(crate) folder: TempDir,
    pub(crate) mint: TokenMint,
    pub(crate) engine: Engine,
    pub(crate) config: Config,
    pub(crate) state: AppState,
    pub(crate) stop: CancellationToken,
    pub(crate) anonymous: TestClient,
    pub(crate) creator: CreatorId,
    /// An owner of `creator`.
    pub(crate) ana: TestClient,
    /// An owner of another tenant.
    pub(crate) ben: TestClient,
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let stores = Stores::from_env();
        let (database, folder) = (TestDatabase::new(&stores).await, TempDir::new().unwrap());
        let mint = TokenMint::new();
        let engine = Engine::start(&mint).await;
        let mut config = settings();
        config.database = database.settings(Service::CreatorHub);
        let redis = stores.cache_settings();
        config.cache = stores.as_service(&redis, Service::CreatorHub);
        config.verifier = mint.settings("http://127.0.0.1:1");
        config.ai_engine_url.clone_from(&engine.url);
        config.upload_dir = folder.path().join("uploads");
        config.extractor = PathBuf::from(env!("CARGO_BIN_EXE_creator-hub-service"));
        change(&mut config);
        let stop = CancellationToken::new();
        let state = state(&config, &mint, &stop);
        let anonymous = TestClient::new(creator_hub_service::app(state.clone()));
        let creator = CreatorId::new();
        let ana = anonymous.with_token(&mint.owner(creator));
        let ben = anonymous.with_token(&mint.owner(CreatorId::new()));
        Self {
            database,
            folder,
            mint,
            engine,
            config,
            state,
            stop,
            anonymous,
            creator,
            ana,
            ben,
        }
    }

    /// Another replica on the same stores, which stops by itself.
    pub(crate) fn replica(&self) -> (AppState, CancellationToken) {
        let stop = CancellationToken::new();
        (state(&self.config, &self.mint, &stop), stop)
    }

    /// Runs one job of this service that is due; false when there is none.
    pub(crate) async fn run_own_job(&self) -> bool {
        let (runner, sites) = (jobs::runner(&self.state), jobs::sites_runner(&self.state));
        runner.step(&self.stop).await.unwrap() || sites.step(&self.stop).await.unwrap()
    }

    /// Runs one job of this service or of the played ai-engine; false when none is due.
    pub(crate) async fn run_one_job(&self) -> bool {
        self.run_own_job().await || self.indexing().step(&self.stop).await.unwrap()
    }

    /// The runner of the played ai-engine.
    pub(crate) fn indexing(&self) -> Runner {
        let db = self.database.as_service(Service::AiEngine);
        let cache = Cache::new(&self.config.cache).unwrap();
        engine::runner(&self.engine, db, &cache, self.anonymous.clone())
    }

    /// Runs the jobs of this service and of the played ai-engine until they are told to stop.
    pub(crate) fn work(&self) -> JoinHandle<()> {
        let (own, indexing) = (jobs::run(self.state.clone()), self.indexing());
        let indexing = indexing.run(self.stop.clone());
        tokio::spawn(async move {
            tokio::join!(own, indexing);
        })
    }

    /// Does every job that is due.
    pub(crate) async fn work_off(&self) {
        while self.run_one_job().await {}
    }

    /// Does one job as soon as its wait is over.
    pub(crate) async fn work_next(&self) {
        self.execute("update platform.jobs set run_at = now() where state = 'queued'")
            .await;
        assert!(self.run_one_job().await, "a job is due");
    }

    pub(crate) fn db(&self) -> Db {
        self.database.as_service(Service::CreatorHub)
    }

    /// The database as superuser, to look behind and to move clocks.
    pub(crate) async fn admin(&self) -> PgPool {
        self.database.admin().await
    }

    pub(crate) async fn execute(&self, statement: &'static str) {
        let admin = self.admin().await;
        sqlx::query(statement).execute(&admin).await.unwrap();
    }

    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        use sqlx::Row as _;
        let admin = self.admin().await;
        sqlx::query(statement)
            .fetch_one(&admin)
            .await
            .unwrap()
            .get(0)
    }

    /// Uploads a file as Ana, who is accepted; gives the document's id.
    pub(crate) async fn uploaded(&self, filename: &str, text: &str) -> String {
        let answer = upload(&self.ana, filename, text.as_bytes()).await;
        let body = answer.expect(StatusCode::ACCEPTED);
        body["document"]["id"].as_str().unwrap().to_owned()
    }

    /// The same account, called by another service.
    pub(crate) fn service(&self) -> TestClient {
        let channel = self.mint.verifier(Service::Channel);
        let token = channel
            .signer()
            .tenant_token(Service::CreatorHub, self.creator);
        self.anonymous.with_token(&token.unwrap())
    }

    /// Uploads a file and has it made searchable.
    pub(crate) async fn ready(&self, filename: &str, text: &str) -> String {
        let id = self.uploaded(filename, text).await;
        self.work_off().await;
        assert_eq!(self.status(&id).await["state"], "ready");
        id
    }

    pub(crate) async fn status(&self, id: &str) -> Value {
        self.ana
            .get(&format!("{DOCUMENTS}/{id}/status"))
            .await
            .expect(StatusCode::OK)
    }

    /// All files of the store, marks and parts included.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        collect(self.folder.path(), &mut found);
        found
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn state(config: &Config, mint: &TokenMint, stop: &CancellationToken) -> AppState {
    let state = AppState::new(config, stop.clone()).unwrap();
    TokenVerifier::from_ref(&state).replace_keys(&mint.key_set());
    state
}

/// A part of a form: its name, the name of its file if it is one, its content.
pub(crate) type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

/// Sends a form.
pub(crate) async fn send_form(client: &TestClient, parts: &[Part<'_>]) -> Answer {
    send_raw(client, form(parts)).await
}

/// Sends bytes that say that they are a form.
pub(crate) async fn send_raw(client: &TestClient, body: Vec<u8>) -> Answer {
    send_raw_to(client, DOCUMENTS, body).await
}

async fn send_raw_to(client: &TestClient, path: &str, body: Vec<u8>) -> Answer {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = client
        .request(Method::POST, path)
        .header(header::CONTENT_TYPE, kind);
    client.send(request.body(body.into()).unwrap()).await
}

/// The bytes of a form.
pub(crate) fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, filename, content) in parts {
        let file = filename
            .map(|name| format!("; filename=\"{name}\""))
            .unwrap_or_default();
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// Sends a form that is nothing but a file.
pub(crate) async fn upload(client: &TestClient, filename: &str, content: &[u8]) -> Answer {
    send_form(client, &[("file", Some(filename), content)]).await
}

/// Sends a new file of a document.
pub(crate) async fn upload_version(
    client: &TestClient,
    id: &str,
    filename: &str,
    content: &[u8],
) -> Answer {
    let path = format!("{DOCUMENTS}/{id}/versions");
    send_raw_to(client, &path, form(&[("file", Some(filename), content)])).await
}

/// A body without what differs from one request to the next.
pub(crate) fn without_trace(answer: &Answer) -> Value {
    let mut body = answer.json();
    assert_ne!(body["trace_id"].take(), Value::Null, "{}", answer.text());
    body
}

/// The settings of a test, as the reader reads them.
fn settings() -> Config {
    let values = [
        (keys::DATABASE_HOST, "set-by-the-test"),
        (keys::DATABASE_USER, "set-by-the-test"),
        (keys::DATABASE_PASSWORD, "set-by-the-test-run"),
        (keys::REDIS_HOST, "set-by-the-test"),
        (keys::AUTH_URL, "http://127.0.0.1:1"),
        (keys::TOKEN_ISSUER, "creator-platform"),
        (keys::TOKEN_AUDIENCE, "creator-platform-api"),
        (keys::AI_ENGINE_URL, "http://127.0.0.1:1"),
        (keys::UPLOAD_DIR, "/set-by-the-test"),
    ];
    let values = values.map(|(key, value)| (key, value.to_owned()));
    let values = values.into_iter().chain(service_keys(Service::CreatorHub));
    let values: BTreeMap<_, _> = values.map(|(key, value)| (key.to_owned(), value)).collect();
    Config::from_reader(Reader::from_map(values)).unwrap()
}
