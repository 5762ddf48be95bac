//! An Ollama whose vectors are committed: it embeds what it knows from a file, and has the real
//! Ollama embed what it does not. The same text always gets the same vector, so figures can be
//! compared, and nobody waits for 360 documents to be embedded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use reqwest::Client;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Writes the vectors that were used in this run to the committed file.
const RECORD: &str = "QUALITY_RECORD";
/// Vectors have length one, so a number is stored as a share of this.
const SCALE: f32 = 32_767.0;
const KEY_LENGTH: usize = 16;

type Key = [u8; KEY_LENGTH];

/// What the servers of this run have recorded.
static RECORDED: Mutex<BTreeSet<Key>> = Mutex::new(BTreeSet::new());

/// The server and what it knows.
#[derive(Clone)]
pub(crate) struct CachedOllama {
    shared: Arc<Shared>,
}

struct Shared {
    http: Client,
    real: String,
    model: String,
    path: PathBuf,
    known: Mutex<BTreeMap<Key, Vec<i16>>>,
    used: Mutex<BTreeMap<Key, String>>,
    unknown: Mutex<BTreeSet<Key>>,
}

impl CachedOllama {
    /// Starts it before the real one; returns its address as well.
    pub(crate) async fn start(real: &str, model: &str) -> (Self, String) {
        let file = format!("quality/vectors/{}.bin", model.replace(':', "-"));
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
        let bytes = std::fs::read(&path).unwrap_or_default();
        let cached = Self {
            shared: Arc::new(Shared {
                http: shared_rpc::http_client::new().unwrap(),
                real: real.to_owned(),
                model: model.to_owned(),
                path,
                known: Mutex::new(read(&bytes)),
                used: Mutex::default(),
                unknown: Mutex::default(),
            }),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(cached.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (cached, url)
    }

    /// The name of the model.
    pub(crate) fn model(&self) -> &str {
        &self.shared.model
    }

    /// The vectors of texts.
    pub(crate) async fn embed(&self, texts: &[String]) -> Vec<Vec<f32>> {
        let keys: Vec<Key> = texts.iter().map(|text| self.key(text)).collect();
        let unknown: Vec<usize> = {
            let known = self.shared.known.lock().unwrap();
            (0..texts.len())
                .filter(|at| !known.contains_key(&keys[*at]))
                .collect()
        };
        for some in unknown.chunks(8) {
            let input: Vec<&String> = some.iter().map(|at| &texts[*at]).collect();
            let vectors = self.embed_anew(&json!(input)).await;
            for (at, vector) in some.iter().zip(vectors) {
                self.shared.unknown.lock().unwrap().insert(keys[*at]);
                self.shared
                    .known
                    .lock()
                    .unwrap()
                    .insert(keys[*at], stored(&vector));
            }
            self.write(|_| true); // a run that fails later need not embed them again
        }
        let known = self.shared.known.lock().unwrap();
        let mut used = self.shared.used.lock().unwrap();
        used.extend(keys.iter().copied().zip(texts.iter().cloned()));
        keys.iter().map(|key| restored(&known[key])).collect()
    }

    /// The vectors of texts by the real Ollama, whatever is known.
    pub(crate) async fn embed_anew(&self, input: &Value) -> Vec<Vec<f32>> {
        let url = format!("{}/api/embed", self.shared.real);
        let request = json!({"model": self.shared.model, "input": input, "truncate": true});
        let response = self
            .shared
            .http
            .post(url)
            .json(&request)
            .send()
            .await
            .unwrap();
        let found: Value = response.error_for_status().unwrap().json().await.unwrap();
        serde_json::from_value(found["embeddings"].clone()).unwrap()
    }

    fn key(&self, text: &str) -> Key {
        let digest: [u8; 32] = Sha256::digest(format!("{}\n{text}", self.shared.model)).into();
        *digest.first_chunk().unwrap()
    }

    /// The texts embedded in this run, in a fixed order.
    pub(crate) fn used(&self) -> Vec<String> {
        self.shared.used.lock().unwrap().values().cloned().collect()
    }

    /// How many texts of this run are not in the committed file.
    pub(crate) fn unknown(&self) -> usize {
        self.shared.unknown.lock().unwrap().len()
    }

    /// Writes the committed file, if that is asked for, with the vectors of this run alone, those
    /// of all its servers.
    pub(crate) fn record(&self) {
        let mut recorded = RECORDED.lock().unwrap();
        recorded.extend(self.shared.used.lock().unwrap().keys().copied());
        self.write(|key| recorded.contains(key));
    }

    fn write(&self, wanted: impl Fn(&Key) -> bool) {
        if std::env::var_os(RECORD).is_none() {
            return;
        }
        let known = self.shared.known.lock().unwrap();
        let mut bytes = Vec::new();
        for (key, vector) in known.iter().filter(|(key, _)| wanted(key)) {
            bytes.extend(key);
            bytes.extend(u16::try_from(vector.len()).unwrap().to_le_bytes());
            bytes.extend(vector.iter().flat_map(|number| number.to_le_bytes()));
        }
        std::fs::create_dir_all(self.shared.path.parent().unwrap()).unwrap();
        std::fs::write(&self.shared.path, bytes).unwrap();
    }
}

fn read(mut bytes: &[u8]) -> BTreeMap<Key, Vec<i16>> {
    let mut known = BTreeMap::new();
    while let Some((key, rest)) = bytes.split_first_chunk::<KEY_LENGTH>() {
        let (length, rest) = rest.split_first_chunk::<2>().unwrap();
        let (vector, rest) = rest.split_at(2 * usize::from(u16::from_le_bytes(*length)));
        let numbers = vector.as_chunks::<2>().0.iter();
        known.insert(*key, numbers.map(|n| i16::from_le_bytes(*n)).collect());
        bytes = rest;
    }
    known
}

#[expect(clippy::cast_possible_truncation, reason = "shares of one")]
fn stored(vector: &[f32]) -> Vec<i16> {
    vector.iter().map(|n| (n * SCALE).round() as i16).collect()
}

fn restored(vector: &[i16]) -> Vec<f32> {
    vector.iter().map(|n| f32::from(*n) / SCALE).collect()
}

async fn answer(State(cached): State<CachedOllama>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let path = head.uri.path();
    if path == "/api/embed"
        && let Some(texts) = texts(&body, &cached.shared.model)
    {
        let embeddings = cached.embed(&texts).await;
        return axum::Json(json!({"model": cached.shared.model, "embeddings": embeddings}))
            .into_response();
    }
    let url = format!("{}{path}", cached.shared.real);
    let request = cached.shared.http.request(head.method, url).body(body);
    let request = request.header("content-type", "application/json");
    match request.send().await {
        Ok(found) => {
            let status = found.status();
            (status, found.bytes().await.unwrap_or_default()).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// The texts of a request for vectors of the model.
fn texts(body: &Bytes, model: &str) -> Option<Vec<String>> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let is_model = request["model"].as_str()?.split(':').next() == model.split(':').next();
    let input = match &request["input"] {
        Value::String(text) => vec![text.clone()],
        Value::Array(texts) => texts
            .iter()
            .map(|text| text.as_str().map(str::to_owned))
            .collect::<Option<_>>()?,
        _ => return None,
    };
    is_model.then_some(input)
}
