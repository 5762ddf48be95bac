//! Stands before the real engines and breaks what a test asks it to break.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use shared_rpc::http_client;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Vectors that the real Ollama made in this run, by the input they were made of: every test reads
/// the same handbook, and it is read once.
static MADE: LazyLock<Mutex<HashMap<String, Value>>> = LazyLock::new(Mutex::default);

/// A TCP door before a store: open, or shut for old and new connections alike.
pub(crate) struct Door {
    pub(crate) url: String,
    open: watch::Sender<bool>,
}

impl Door {
    /// A door before the server of that URL, open or shut.
    pub(crate) async fn before(url: &str, open: bool) -> Self {
        let behind: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, state) = watch::channel(open);
        tokio::spawn(async move {
            while let Ok((mut caller, _)) = listener.accept().await {
                let mut state = state.clone();
                tokio::spawn(async move {
                    if !*state.borrow() {
                        return;
                    }
                    let mut server = TcpStream::connect(behind).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut caller, &mut server) => {}
                        _ = state.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self {
            url: format!("http://{address}"),
            open: sender,
        }
    }

    pub(crate) fn shut(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }
}

/// What the stand-in does to a chat.
#[derive(Debug, Clone)]
pub(crate) enum Chat {
    /// Passes it on to the real Ollama.
    Real,
    /// Answers with that status.
    Status(u16),
    /// Streams these bytes, each as a network chunk of its own, and ends in good order.
    Chunks(Vec<Bytes>),
    /// Streams these bytes and breaks the connection.
    Cut(Vec<Bytes>),
    /// Streams one token and then nothing, for as long as somebody listens.
    Endless,
}

/// An Ollama between the service and the real one.
#[derive(Clone)]
pub(crate) struct StandIn(Arc<Inner>);

struct Inner {
    url: String,
    behind: String,
    http: reqwest::Client,
    chat: Mutex<Chat>,
    poison: Mutex<Option<String>>,
    tags: Mutex<Option<String>>,
    embedded: AtomicUsize,
    batches: AtomicUsize,
    allowed: watch::Sender<usize>,
    left: AtomicBool,
}

impl StandIn {
    /// Before the Ollama of that URL.
    pub(crate) async fn before(url: &str) -> Self {
        http_client::install_tls_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inner = Inner {
            url: format!("http://{}", listener.local_addr().unwrap()),
            behind: url.to_owned(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            chat: Mutex::new(Chat::Real),
            poison: Mutex::default(),
            tags: Mutex::default(),
            embedded: AtomicUsize::new(0),
            batches: AtomicUsize::new(0),
            allowed: watch::channel(usize::MAX).0,
            left: AtomicBool::new(false),
        };
        let this = Self(Arc::new(inner));
        let router = Router::new().fallback(serve).with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        this
    }

    pub(crate) fn url(&self) -> String {
        self.0.url.clone()
    }

    /// What the next chats meet.
    pub(crate) fn chat(&self, chat: Chat) {
        *self.0.chat.lock().unwrap() = chat;
    }

    /// A batch with this word fails with status 500, as when its vector is not a number.
    pub(crate) fn poison(&self, word: &str) {
        *self.0.poison.lock().unwrap() = Some(word.to_owned());
    }

    /// What `/api/tags` answers.
    pub(crate) fn tags(&self, body: &str) {
        *self.0.tags.lock().unwrap() = Some(body.to_owned());
    }

    /// Lets so many batches through from the first on; further ones wait.
    pub(crate) fn allow(&self, batches: usize) {
        self.0.allowed.send_replace(batches);
    }

    /// Texts that were embedded.
    pub(crate) fn embedded(&self) -> usize {
        self.0.embedded.load(Ordering::SeqCst)
    }

    /// Batches that came.
    pub(crate) fn batches(&self) -> usize {
        self.0.batches.load(Ordering::SeqCst)
    }

    /// Whether the reader of an endless chat has left.
    pub(crate) fn left(&self) -> bool {
        self.0.left.load(Ordering::SeqCst)
    }
}

/// Lines of a chat, as Ollama writes them.
pub(crate) fn delta(text: &str) -> Bytes {
    let content = serde_json::to_string(text).unwrap();
    let line = format!("{{\"message\":{{\"role\":\"assistant\",\"content\":{content}}}}}\n");
    Bytes::from(line)
}

pub(crate) fn end() -> Bytes {
    let counts = r#""prompt_eval_count":26,"eval_count":7"#;
    Bytes::from(format!(
        "{{\"message\":{{\"content\":\"\"}},\"done\":true,{counts}}}\n"
    ))
}

async fn serve(State(this): State<StandIn>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if path == "/api/chat" {
        let chat = this.0.chat.lock().unwrap().clone();
        if let Some(response) = scripted(&this, chat) {
            return response;
        }
    }
    if path == "/api/tags" {
        let tags = this.0.tags.lock().unwrap().clone();
        if let Some(tags) = tags {
            return tags.into_response();
        }
    }
    if path == "/api/embed" {
        let number = this.0.batches.fetch_add(1, Ordering::SeqCst) + 1;
        let mut allowed = this.0.allowed.subscribe();
        allowed.wait_for(|last| number <= *last).await.unwrap();
        let poison = this.0.poison.lock().unwrap().clone();
        let text = String::from_utf8_lossy(&body).into_owned();
        if poison.is_some_and(|word| text.contains(&word)) {
            let error = r#"{"error":"unsupported value: NaN"}"#;
            return (StatusCode::INTERNAL_SERVER_ERROR, error).into_response();
        }
        let asked: Value = serde_json::from_slice(&body).unwrap();
        let texts = asked["input"].as_array().map_or(1, Vec::len);
        this.0.embedded.fetch_add(texts, Ordering::SeqCst);
        return embed(&this, asked, body).await;
    }
    forward(&this, &parts.method, &path, body).await
}

/// Answers with vectors that were made before, or lets the real Ollama make them.
async fn embed(this: &StandIn, mut asked: Value, body: Bytes) -> Response {
    let model = asked["model"].to_string();
    let inputs = asked["input"].as_array_mut().unwrap();
    let keys: Vec<String> = inputs.iter().map(|text| format!("{model}{text}")).collect();
    let known = |keys: &[String]| {
        let made = MADE.lock().unwrap();
        keys.iter()
            .map(|key| made.get(key).cloned())
            .collect::<Option<Vec<_>>>()
    };
    if let Some(vectors) = known(&keys) {
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
    MADE.lock().unwrap().extend(keys.into_iter().zip(vectors));
    Json(answer).into_response()
}

fn scripted(this: &StandIn, chat: Chat) -> Option<Response> {
    let ok = |chunks: Vec<Bytes>| {
        futures_util::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>)).then(
            |chunk| async move {
                // Two chunks at once would travel as one.
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                chunk
            },
        )
    };
    let body = match chat {
        Chat::Real => return None,
        Chat::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap();
            return Some((status, r#"{"error":"as the test asked"}"#).into_response());
        }
        Chat::Chunks(chunks) => Body::from_stream(ok(chunks)),
        Chat::Cut(chunks) => {
            let broken = std::io::Error::other("cut");
            let last = futures_util::stream::once(async move { Err::<Bytes, _>(broken) });
            Body::from_stream(ok(chunks).chain(last))
        }
        Chat::Endless => Body::from_stream(endless(this.clone())),
    };
    Some(Response::new(body))
}

/// Notes when its reader is gone.
fn endless(this: StandIn) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
    struct Leaves(StandIn);
    impl Drop for Leaves {
        fn drop(&mut self) {
            self.0.0.left.store(true, Ordering::SeqCst);
        }
    }
    let start = (Leaves(this), false);
    futures_util::stream::unfold(start, |(leaves, begun)| async move {
        if begun {
            std::future::pending::<()>().await;
        }
        Some((Ok(delta("word ")), (leaves, true)))
    })
}

async fn forward(this: &StandIn, method: &Method, path: &str, body: Bytes) -> Response {
    let url = format!("{}{path}", this.0.behind);
    let call = this.0.http.request(method.clone(), url).body(body);
    let response = call.send().await.unwrap();
    let status = response.status();
    (status, Body::from_stream(response.bytes_stream())).into_response()
}
