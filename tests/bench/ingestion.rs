//! How much of the time in which documents become searchable is that of the embedding model, which
//! nothing can save: the same calls are made once more, and nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{StreamExt as _, stream};
use reqwest::Client;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use shared_config::{Service, keys};
use tempfile::TempDir;

use crate::processes::{Account, Processes};
use crate::report::{Goal, Unit, compare, line};
use crate::rounds::{Series, number};
use crate::servers::Platform;

/// Rounds of each size; each takes seconds, of which the model needs most.
const ROUNDS: usize = 3;
/// Uploads at the same time.
const UPLOADS: usize = 4;
/// Ours may take a ninth longer than the model alone.
const GOAL: f64 = 0.9;
/// Of which the texts are made: no two passages are the same, since equal ones share a vector.
const WORDS: [&str; 24] = [
    "lantern", "harbour", "bread", "winter", "river", "teacher", "garden", "invoice", "violin",
    "engine", "market", "forest", "recipe", "window", "patient", "ticket", "mountain", "letter",
    "battery", "season", "library", "exercise", "kitchen", "journey",
];

/// Many small documents, or a large one.
struct Size {
    name: &'static str,
    documents: usize,
    sentences: usize,
}

const SIZES: [Size; 2] = [
    Size {
        name: "200 documents of 1 KB",
        documents: 200,
        sentences: 14,
    },
    Size {
        name: "one document of 200 KB",
        documents: 1,
        sentences: 2_900,
    },
];

/// The binaries, which embed through a server that keeps the calls.
pub(crate) fn run(platform: &Platform) {
    platform.runtime.block_on(async {
        let recorder = Recorder::start(&platform.stores.ollama).await;
        let library = Library::start(&recorder).await;
        for (place, size) in SIZES.iter().enumerate() {
            let (mut ours, mut alone) = (Series::default(), Series::default());
            let mut calls = 0;
            for round in 0..=ROUNDS {
                let texts = texts(size, place * 1_000 + round);
                recorder.take();
                let ingested = library.ingest(&texts).await;
                let embedding = recorder.take();
                calls = embedding.len();
                let embedded = recorder.replay(&embedding).await;
                if round > 0 {
                    ours.push(ingested);
                    alone.push(embedded);
                }
            }
            let name = format!("{}: ingestion / {calls} embedding calls", size.name);
            compare(&name, Goal::Least(GOAL), Unit::Milliseconds, &ours, &alone);
        }
        let memory = library.all.most_memory_kib(Service::AiEngine);
        let memory = number(usize::try_from(memory).unwrap()) / 1024.0;
        let name = "ai-engine: most memory during these";
        line(
            name,
            Goal::Most(64.0),
            Unit::Megabytes,
            &Series::of(memory),
            "VmHWM",
        );
    });
}

/// Seeded texts, each sentence different from all others.
fn texts(size: &Size, seed: usize) -> Vec<String> {
    let word = |place: usize| WORDS[place % WORDS.len()];
    let sentence = |document: usize, at: usize| {
        let place = seed * 7_919 + document * 104_729 + at * 1_299_709;
        format!(
            "The {} near the {} keeps number {place} for the {} until {} comes.",
            word(place),
            word(place / 24),
            word(place / 576),
            word(place / 13_824)
        )
    };
    let text = |document| {
        let sentences = (0..size.sentences).map(|at| sentence(document, at));
        // A paragraph of seven sentences.
        let sentences: Vec<String> = sentences.collect();
        let paragraphs = sentences.chunks(7).map(|some| some.join(" "));
        paragraphs.collect::<Vec<_>>().join("\n\n")
    };
    (0..size.documents).map(text).collect()
}

/// The services with one account.
struct Library {
    all: Processes,
    account: Account,
}

impl Library {
    async fn start(recorder: &Recorder) -> Self {
        let stores = shared_testkit::Stores::from_env();
        let database = shared_testkit::TestDatabase::new(&stores).await;
        let seed = BASE64_STANDARD.encode([7_u8; 32]);
        let settings = BTreeMap::from([
            (keys::SIGNING_SEED.to_owned(), seed),
            (keys::OLLAMA_URL.to_owned(), recorder.url.clone()),
        ]);
        let folder = TempDir::new().unwrap();
        let all = Processes::start_on(stores, database, folder, settings).await;
        let account = all.register("ingestion").await;
        let library = Self { all, account };
        library.wait_until_calibrated().await;
        library
    }

    /// The first thing that ai-engine does with a model is to calibrate it.
    async fn wait_until_calibrated(&self) {
        let url = self.all.url(Service::AiEngine, "/v1/models");
        loop {
            let request = self.all.http.get(&url).bearer_auth(&self.account.token);
            let models = request.send().await.unwrap().text().await.unwrap();
            if models.contains(r#""state":"calibrated""#) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Milliseconds from the first upload until all documents are searchable.
    async fn ingest(&self, texts: &[String]) -> f64 {
        let began = Instant::now();
        let uploads = stream::iter(texts.iter().enumerate());
        let uploads = uploads.map(|(number, text)| self.upload(number, text));
        uploads.buffer_unordered(UPLOADS).collect::<Vec<()>>().await;
        let admin = self.all.database.admin().await;
        loop {
            let open: i64 =
                sqlx::query_scalar("select count(*) from hub.documents where state <> 'ready'")
                    .fetch_one(&admin)
                    .await
                    .unwrap();
            if open == 0 {
                return began.elapsed().as_secs_f64() * 1000.0;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// As a patient client does: an upload over the rate limit is sent again.
    async fn upload(&self, number: usize, text: &str) {
        let url = self.all.url(Service::CreatorHub, "/v1/documents");
        loop {
            let file = Part::text(text.to_owned()).file_name(format!("{number}.txt"));
            let form = Form::new().part("file", file);
            let request = self.all.http.post(&url).bearer_auth(&self.account.token);
            let response = request.multipart(form).send().await.unwrap();
            match response.status() {
                StatusCode::ACCEPTED => return,
                StatusCode::TOO_MANY_REQUESTS => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                status => panic!("{status}: {}", response.text().await.unwrap()),
            }
        }
    }
}

/// Stands before Ollama and keeps the calls that make vectors.
#[derive(Clone)]
struct Recorder {
    http: Client,
    real: String,
    url: String,
    calls: Arc<Mutex<Vec<Bytes>>>,
}

impl Recorder {
    async fn start(real: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let recorder = Self {
            http: shared_rpc::http_client::new().unwrap(),
            real: real.to_owned(),
            url: format!("http://{}", listener.local_addr().unwrap()),
            calls: Arc::default(),
        };
        let router = Router::new().fallback(forward).with_state(recorder.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        recorder
    }

    fn take(&self) -> Vec<Bytes> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// Milliseconds of the same calls, one after the other.
    async fn replay(&self, calls: &[Bytes]) -> f64 {
        let url = format!("{}/api/embed", self.real);
        let began = Instant::now();
        for call in calls {
            let request = self.http.post(&url).body(call.clone());
            let request = request.header("content-type", "application/json");
            let response = request.send().await.unwrap().error_for_status().unwrap();
            let _: Value = response.json().await.unwrap();
        }
        began.elapsed().as_secs_f64() * 1000.0
    }
}

async fn forward(State(recorder): State<Recorder>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if head.uri.path() == "/api/embed" {
        recorder.calls.lock().unwrap().push(body.clone());
    }
    let url = format!("{}{}", recorder.real, head.uri.path());
    let request = recorder.http.request(head.method, url).body(body);
    let request = request.header("content-type", "application/json");
    match request.send().await {
        Ok(found) => {
            let status = found.status();
            (status, found.bytes().await.unwrap_or_default()).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
