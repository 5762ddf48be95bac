//! A model server that speaks OpenAI's API and does what a test wants: answers, or a fault.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ai_engine_service::{ModelServerSettings, ServerKind};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What every call gets.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Streams these pieces of text, then the end with its counts.
    Says(&'static [&'static str]),
    /// Streams these bytes and ends the response properly.
    Sends(String),
    /// Streams these bytes and breaks the connection.
    Breaks(String),
    /// Streams this text again and again until the client leaves.
    Repeats(&'static str),
    /// This status, with an error in OpenAI's form that repeats the key.
    Refuses(u16),
    /// 429, and when to come again.
    Limits(u64),
    /// Accepts the request and never answers.
    Hangs,
    /// Sends headers, then nothing.
    HangsAfterHeaders,
    /// Vectors of so many numbers.
    Embeds(usize),
}

#[derive(Clone)]
pub(crate) struct FaultyServer(Arc<Inner>);

struct Inner {
    url: String,
    does: Mutex<Does>,
    calls: AtomicUsize,
    last: Mutex<Value>,
    authorization: Mutex<Option<String>>,
    client_left: AtomicBool,
}

impl FaultyServer {
    pub(crate) async fn that(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inner = Inner {
            url: format!("http://{}/v1", listener.local_addr().unwrap()),
            does: Mutex::new(does),
            calls: AtomicUsize::new(0),
            last: Mutex::default(),
            authorization: Mutex::default(),
            client_left: AtomicBool::new(false),
        };
        let this = Self(Arc::new(inner));
        let router = Router::new().fallback(serve).with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        this
    }

    /// From now on.
    pub(crate) fn does(&self, does: Does) {
        *self.0.does.lock().unwrap() = does;
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// The body of the last call.
    pub(crate) fn last(&self) -> Value {
        self.0.last.lock().unwrap().clone()
    }

    /// The header of the last call.
    pub(crate) fn authorization(&self) -> Option<String> {
        self.0.authorization.lock().unwrap().clone()
    }

    /// Whether the client of a repeated text has closed the connection.
    pub(crate) fn client_left(&self) -> bool {
        self.0.client_left.load(Ordering::SeqCst)
    }

    /// The settings with this server for answers.
    pub(crate) fn for_chat(&self) -> ModelServerSettings {
        server(&self.0.url, Some("big-chat"), None)
    }

    /// The settings with this server for vectors.
    pub(crate) fn for_embeddings(&self) -> ModelServerSettings {
        server(&self.0.url, None, Some("all-minilm"))
    }
}

/// A server without key and CA, called `other`.
pub(crate) fn server(url: &str, chat: Option<&str>, embed: Option<&str>) -> ModelServerSettings {
    ModelServerSettings {
        name: "other".to_owned(),
        kind: ServerKind::OpenAi,
        url: url.to_owned(),
        key: None,
        needs_key: false,
        ca: None,
        needs_ca: false,
        chat_model: chat.map(str::to_owned),
        embedding_model: embed.map(str::to_owned),
    }
}

/// A piece of a stream with that delta.
pub(crate) fn chunk(delta: &Value) -> String {
    event(&json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]}))
}

/// The end of a stream: why it ended, how many tokens there were, and the last mark.
pub(crate) fn ending(reason: &str) -> String {
    let finish = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]});
    let counts = json!({"prompt_tokens": 31, "completion_tokens": 9, "total_tokens": 40});
    let usage = json!({"choices": [], "usage": counts});
    format!("{}{}data: [DONE]\n\n", event(&finish), event(&usage))
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn said(pieces: &[&str]) -> String {
    let pieces = pieces.iter().map(|text| chunk(&json!({"content": text})));
    pieces.collect::<String>() + &ending("stop")
}

async fn serve(State(this): State<FaultyServer>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let texts = body["input"].as_array().map_or(0, Vec::len);
    this.0.calls.fetch_add(1, Ordering::SeqCst);
    *this.0.last.lock().unwrap() = body;
    let authorization = parts.headers.get(header::AUTHORIZATION);
    let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
    (*this.0.authorization.lock().unwrap()).clone_from(&authorization);
    let does = this.0.does.lock().unwrap().clone();
    match does {
        Does::Says(pieces) => stream(said(pieces), false),
        Does::Sends(text) => stream(text, false),
        Does::Breaks(text) => stream(text, true),
        Does::Repeats(text) => Response::new(Body::from_stream(endless(this, text))),
        Does::Refuses(status) => {
            let status = StatusCode::from_u16(status).unwrap();
            let message = format!("refused by a test: {}", authorization.unwrap_or_default());
            (status, Json(json!({"error": {"message": message}}))).into_response()
        }
        Does::Limits(seconds) => {
            let wait = [(header::RETRY_AFTER, seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, wait, "{}").into_response()
        }
        Does::Hangs => std::future::pending().await,
        Does::HangsAfterHeaders => {
            let nothing = futures_util::stream::pending::<Result<Bytes, Infallible>>();
            Response::new(Body::from_stream(nothing))
        }
        Does::Embeds(length) => {
            let embedding = vec![0.5_f32; length];
            let data: Vec<Value> = (0..texts)
                .map(|index| json!({"index": index, "embedding": embedding}))
                .collect();
            Json(json!({"data": data})).into_response()
        }
    }
}

/// The text byte by byte in small pieces, so that no event and no character arrives as one.
fn stream(text: String, breaks: bool) -> Response {
    let pieces: Vec<Bytes> = text
        .into_bytes()
        .chunks(7)
        .map(Bytes::copy_from_slice)
        .collect();
    let pieces = futures_util::stream::iter(pieces.into_iter().map(Ok)).then(|piece| async move {
        tokio::task::yield_now().await;
        piece
    });
    let broken = std::io::Error::other("connection broken by the test");
    let end = futures_util::stream::iter(breaks.then_some(Err(broken))).then(|end| async move {
        // Or else the connection breaks before what was written is sent.
        tokio::time::sleep(Duration::from_millis(50)).await;
        end
    });
    Response::new(Body::from_stream(pieces.chain(end)))
}

fn endless(
    this: FaultyServer,
    text: &'static str,
) -> impl futures_util::Stream<Item = Result<String, Infallible>> {
    struct DropGuard(FaultyServer);
    impl Drop for DropGuard {
        fn drop(&mut self) {
            self.0.0.client_left.store(true, Ordering::SeqCst);
        }
    }
    futures_util::stream::unfold(DropGuard(this), move |guard| async move {
        tokio::time::sleep(Duration::from_millis(2)).await;
        Some((Ok(chunk(&json!({"content": text}))), guard))
    })
}
