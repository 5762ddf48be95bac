//! A fake Ollama: forwards calls to the real one and injects the faults that a test sets.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use shared_rpc::http_client;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The vectors that the real Ollama made in this run, by model and input. All tests index the same
/// handbook, so it is embedded only once.
static CACHED_VECTORS: LazyLock<Mutex<HashMap<String, Value>>> = LazyLock::new(Mutex::default);

/// Held while the real Ollama makes vectors.
static EMBEDDING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Most tokens of an answer of the real model, which has random weights and never ends by itself.
const MAX_REAL_TOKENS: u32 = 24;

/// The response to a chat.
#[derive(Debug, Clone)]
pub(crate) enum ChatScript {
    /// The response of the real Ollama.
    Real,
    /// An error with that status.
    Status(u16),
    /// Streams each element as a separate network chunk and ends the response properly.
    Chunks(Vec<Bytes>),
    /// Streams each element and breaks the connection.
    Truncated(Vec<Bytes>),
    /// Streams this text, then nothing until the client closes the connection.
    Endless(&'static str),
    /// This text again and again, until the client leaves.
    Repeated(&'static str),
}

#[derive(Clone)]
pub(crate) struct FakeOllama(Arc<Inner>);

struct Inner {
    url: String,
    real_url: String,
    http: reqwest::Client,
    chat: Mutex<ChatScript>,
    last_chat: Mutex<Value>,
    /// The last messages of all chats, in order of arrival.
    asked: Mutex<Vec<String>>,
    allowed_chats: watch::Sender<usize>,
    failing_word: Mutex<Option<String>>,
    tags: Mutex<Option<String>>,
    embedded_texts: AtomicUsize,
    batches: AtomicUsize,
    held_batches: AtomicUsize,
    allowed_batches: watch::Sender<usize>,
    held_word: watch::Sender<Option<String>>,
    client_left: AtomicBool,
    invents: AtomicBool,
    /// A model that it does not have.
    missing_model: Mutex<Option<String>>,
    /// The texts that it embedded, each with the model.
    embedded: Mutex<Vec<(String, String)>>,
}

impl FakeOllama {
    /// A fake before the Ollama at that URL.
    pub(crate) async fn before(url: &str) -> Self {
        http_client::install_tls_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inner = Inner {
            url: format!("http://{}", listener.local_addr().unwrap()),
            real_url: url.to_owned(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            chat: Mutex::new(ChatScript::Real),
            last_chat: Mutex::default(),
            asked: Mutex::default(),
            allowed_chats: watch::channel(usize::MAX).0,
            failing_word: Mutex::default(),
            tags: Mutex::default(),
            embedded_texts: AtomicUsize::new(0),
            batches: AtomicUsize::new(0),
            held_batches: AtomicUsize::new(0),
            allowed_batches: watch::channel(usize::MAX).0,
            held_word: watch::channel(None).0,
            client_left: AtomicBool::new(false),
            invents: AtomicBool::new(false),
            missing_model: Mutex::default(),
            embedded: Mutex::default(),
        };
        let this = Self(Arc::new(inner));
        let router = Router::new().fallback(serve).with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        this
    }

    pub(crate) fn url(&self) -> String {
        self.0.url.clone()
    }

    /// Sets the response to further chats.
    pub(crate) fn script_chat(&self, chat: ChatScript) {
        *self.0.chat.lock().unwrap() = chat;
    }

    /// The last request for a chat.
    pub(crate) fn last_chat(&self) -> Value {
        self.0.last_chat.lock().unwrap().clone()
    }

    /// What was asked in all chats, in order of arrival.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.asked.lock().unwrap().clone()
    }

    /// Answers only the first `chats` chats; further ones wait.
    pub(crate) fn allow_chats(&self, chats: usize) {
        self.0.allowed_chats.send_replace(chats);
    }

    /// Lets every batch that contains this word fail with status 500, like Ollama does for a vector
    /// that is not a number.
    pub(crate) fn fail_on_word(&self, word: &str) {
        *self.0.failing_word.lock().unwrap() = Some(word.to_owned());
    }

    /// Sets the response of `/api/tags`.
    pub(crate) fn script_models(&self, body: &str) {
        *self.0.tags.lock().unwrap() = Some(body.to_owned());
    }

    /// Invents vectors from now on: a real model takes minutes for thousands of texts.
    pub(crate) fn answer_at_once(&self) {
        self.0.invents.store(true, Ordering::SeqCst);
    }

    /// Handles only the first `batches` batches; further ones wait.
    pub(crate) fn allow_batches(&self, batches: usize) {
        self.0.allowed_batches.send_replace(batches);
    }

    /// Lets every batch that contains this word wait until it is released.
    pub(crate) fn hold_word(&self, word: &str) {
        self.0.held_word.send_replace(Some(word.to_owned()));
    }

    pub(crate) fn release_word(&self) {
        self.0.held_word.send_replace(None);
    }

    /// The number of batches that are not allowed yet and whose clients still wait.
    pub(crate) fn held_batches(&self) -> usize {
        self.0.held_batches.load(Ordering::SeqCst)
    }

    /// The number of texts that were embedded.
    pub(crate) fn embedded_texts(&self) -> usize {
        self.0.embedded_texts.load(Ordering::SeqCst)
    }

    /// Remembers what a chat asks, and returns its number.
    fn remember_chat(&self, request: Value) -> usize {
        let messages = request["messages"].as_array().unwrap();
        let asked = messages.last().unwrap()["content"].as_str().unwrap();
        let mut all = self.0.asked.lock().unwrap();
        all.push(asked.to_owned());
        *self.0.last_chat.lock().unwrap() = request;
        all.len()
    }

    fn remember(&self, model: &str, request: &Value) {
        let inputs = request["input"].as_array().unwrap().iter();
        let texts = inputs.map(|text| (model.to_owned(), text.as_str().unwrap().to_owned()));
        self.0.embedded.lock().unwrap().extend(texts);
    }

    /// Has no model of that name from now on.
    pub(crate) fn lose_model(&self, model: &str) {
        *self.0.missing_model.lock().unwrap() = Some(model.to_owned());
    }

    /// The texts that a model was given, in order.
    pub(crate) fn texts_of(&self, model: &str) -> Vec<String> {
        let embedded = self.0.embedded.lock().unwrap();
        let of_model = embedded.iter().filter(|(by, _)| by == model);
        of_model.map(|(_, text)| text.clone()).collect()
    }

    /// The number of batches that were received.
    pub(crate) fn batches(&self) -> usize {
        self.0.batches.load(Ordering::SeqCst)
    }

    /// Whether the client of an endless chat has closed the connection.
    pub(crate) fn client_left(&self) -> bool {
        self.0.client_left.load(Ordering::SeqCst)
    }
}

/// Counts a batch while it is held, also when its client leaves.
struct HeldBatch(FakeOllama);

impl HeldBatch {
    fn of(ollama: &FakeOllama) -> Self {
        ollama.0.held_batches.fetch_add(1, Ordering::SeqCst);
        Self(ollama.clone())
    }
}

impl Drop for HeldBatch {
    fn drop(&mut self) {
        self.0.0.held_batches.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A line of a chat with text.
pub(crate) fn delta(text: &str) -> Bytes {
    let content = serde_json::to_string(text).unwrap();
    let line = format!("{{\"message\":{{\"role\":\"assistant\",\"content\":{content}}}}}\n");
    Bytes::from(line)
}

/// The last line of a chat.
pub(crate) fn done_line() -> Bytes {
    let counts = r#""prompt_eval_count":26,"eval_count":7"#;
    Bytes::from(format!(
        "{{\"message\":{{\"content\":\"\"}},\"done\":true,{counts}}}\n"
    ))
}

async fn serve(State(this): State<FakeOllama>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if path == "/api/chat" {
        let number = this.remember_chat(serde_json::from_slice(&body).unwrap());
        let mut allowed = this.0.allowed_chats.subscribe();
        allowed.wait_for(|last| number <= *last).await.unwrap();
        let chat = this.0.chat.lock().unwrap().clone();
        if let Some(response) = scripted(&this, chat) {
            return response;
        }
        return forward(&this, &parts.method, &path, shortened(&body)).await;
    }
    if path == "/api/tags" {
        let tags = this.0.tags.lock().unwrap().clone();
        if let Some(tags) = tags {
            return tags.into_response();
        }
    }
    if path == "/api/embed" {
        let number = this.0.batches.fetch_add(1, Ordering::SeqCst) + 1;
        let mut allowed = this.0.allowed_batches.subscribe();
        let held = HeldBatch::of(&this);
        allowed.wait_for(|last| number <= *last).await.unwrap();
        drop(held);
        let text = String::from_utf8_lossy(&body).into_owned();
        let mut held_word = this.0.held_word.subscribe();
        let is_released =
            |word: &Option<String>| word.as_ref().is_none_or(|word| !text.contains(word));
        held_word.wait_for(is_released).await.unwrap();
        let failing_word = this.0.failing_word.lock().unwrap().clone();
        if failing_word.is_some_and(|word| text.contains(&word)) {
            let error = r#"{"error":"unsupported value: NaN"}"#;
            return (StatusCode::INTERNAL_SERVER_ERROR, error).into_response();
        }
        let parsed: Value = serde_json::from_slice(&body).unwrap();
        let model = parsed["model"].as_str().unwrap().to_owned();
        if this.0.missing_model.lock().unwrap().as_ref() == Some(&model) {
            let error = r#"{"error":"model not found, try pulling it first"}"#;
            return (StatusCode::NOT_FOUND, error).into_response();
        }
        this.remember(&model, &parsed);
        let texts = parsed["input"].as_array().map_or(1, Vec::len);
        this.0.embedded_texts.fetch_add(texts, Ordering::SeqCst);
        if this.0.invents.load(Ordering::SeqCst) {
            let embeddings = vec![vec![0.05_f32; 384]; texts];
            return Json(json!({"embeddings": embeddings})).into_response();
        }
        return embed(&this, parsed, body).await;
    }
    forward(&this, &parts.method, &path, body).await
}

/// Responds with cached vectors, or with those of the real Ollama.
///
/// Only one test at a time asks for vectors: others may want the same, and the model would not
/// answer two of them sooner.
async fn embed(this: &FakeOllama, mut request: Value, body: Bytes) -> Response {
    let model = request["model"].to_string();
    let inputs = request["input"].as_array_mut().unwrap();
    let keys: Vec<String> = inputs.iter().map(|text| format!("{model}{text}")).collect();
    let cached = |keys: &[String]| {
        let vectors = CACHED_VECTORS.lock().unwrap();
        keys.iter()
            .map(|key| vectors.get(key).cloned())
            .collect::<Option<Vec<_>>>()
    };
    if let Some(vectors) = cached(&keys) {
        return Json(json!({"embeddings": vectors})).into_response();
    }
    let _one_at_a_time = EMBEDDING.lock().await;
    if let Some(vectors) = cached(&keys) {
        return Json(json!({"embeddings": vectors})).into_response();
    }
    let response = forward(this, &Method::POST, "/api/embed", body).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(&bytes).unwrap();
    let vectors = answer["embeddings"].as_array().unwrap().clone();
    CACHED_VECTORS
        .lock()
        .unwrap()
        .extend(keys.into_iter().zip(vectors));
    Json(answer).into_response()
}

/// The same request for a shorter answer.
fn shortened(body: &Bytes) -> Bytes {
    let mut request: Value = serde_json::from_slice(body).unwrap();
    request["options"]["num_predict"] = json!(MAX_REAL_TOKENS);
    request.to_string().into()
}

fn scripted(this: &FakeOllama, chat: ChatScript) -> Option<Response> {
    let ok = |chunks: Vec<Bytes>| {
        futures_util::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>)).then(
            |chunk| async move {
                // Without a pause, two chunks would be sent as one.
                tokio::time::sleep(Duration::from_millis(5)).await;
                chunk
            },
        )
    };
    let body = match chat {
        ChatScript::Real => return None,
        ChatScript::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap();
            return Some((status, r#"{"error":"injected by a test"}"#).into_response());
        }
        ChatScript::Chunks(chunks) => Body::from_stream(ok(chunks)),
        ChatScript::Truncated(chunks) => {
            let broken = std::io::Error::other("connection broken by the test");
            let last = futures_util::stream::once(async move { Err::<Bytes, _>(broken) });
            Body::from_stream(ok(chunks).chain(last))
        }
        ChatScript::Endless(text) => Body::from_stream(endless(this.clone(), text, false)),
        ChatScript::Repeated(text) => Body::from_stream(endless(this.clone(), text, true)),
    };
    Some(Response::new(body))
}

/// A text once, or every millisecond. Records when the client closes the connection.
fn endless(
    this: FakeOllama,
    text: &'static str,
    is_repeated: bool,
) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
    struct DropGuard(FakeOllama);
    impl Drop for DropGuard {
        fn drop(&mut self) {
            self.0.0.client_left.store(true, Ordering::SeqCst);
        }
    }
    let start = (DropGuard(this), false);
    futures_util::stream::unfold(start, move |(guard, started)| async move {
        match (started, is_repeated) {
            (false, _) => {}
            (true, true) => tokio::time::sleep(Duration::from_millis(1)).await,
            (true, false) => std::future::pending().await,
        }
        Some((Ok(delta(text)), (guard, true)))
    })
}

async fn forward(this: &FakeOllama, method: &Method, path: &str, body: Bytes) -> Response {
    let url = format!("{}{path}", this.0.real_url);
    let call = this.0.http.request(method.clone(), url).body(body);
    let response = call.send().await.unwrap();
    let status = response.status();
    (status, Body::from_stream(response.bytes_stream())).into_response()
}
