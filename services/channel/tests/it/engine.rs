//! An ai-engine of the test: it speaks the very wire of `shared-ai-client` over a real socket, and
//! plays what a test asks for, faults included.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::StreamExt as _;
use shared_ai_client::answer::{Failure, Token};
use shared_ai_client::{AnswerEvent, AnswerMode, Done, Question, Source, Usage};
use shared_auth::TokenVerifier;
use shared_config::Service;
use shared_models::{ChunkId, CreatorId, DocumentId, GenerationId};
use shared_testkit::TokenMint;
use tokio::net::TcpListener;

/// How one question is answered.
#[derive(Debug, Clone)]
pub(crate) enum Play {
    /// Sources, these tokens with a pause before each, done.
    Answer(Vec<String>, Duration),
    /// This status and a problem document.
    Refuse(StatusCode),
    /// Sources, a token, then an error event.
    Fail(&'static str),
    /// Sources, a token, then the stream ends.
    Cut,
}

impl Play {
    /// An answer at once.
    pub(crate) fn say(text: &str) -> Self {
        let tokens = text.split_inclusive(' ').map(str::to_owned);
        Self::Answer(tokens.collect(), Duration::ZERO)
    }

    /// An answer with a pause before each word.
    pub(crate) fn slowly(text: &str, pause: Duration) -> Self {
        let tokens = text.split_inclusive(' ').map(str::to_owned);
        Self::Answer(tokens.collect(), pause)
    }
}

/// A question as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) creator: CreatorId,
    pub(crate) question: Question,
}

#[derive(Debug, Default)]
struct Script {
    plays: VecDeque<Play>,
    asked: Vec<Asked>,
    running: usize,
    most_running: usize,
}

/// The engine.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    script: Arc<Mutex<Script>>,
    verifier: TokenVerifier,
    pub(crate) address: SocketAddr,
}

impl Engine {
    /// Starts on a free port.
    pub(crate) async fn start(mint: &TokenMint) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(mint, listener)
    }

    /// Starts on that listener.
    pub(crate) fn on(mint: &TokenMint, listener: TcpListener) -> Self {
        let engine = Self {
            script: Arc::default(),
            verifier: mint.verifier(Service::AiEngine),
            address: listener.local_addr().unwrap(),
        };
        let router = Router::new()
            .route("/ai-engine/v1/answers", post(answer))
            .with_state(engine.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        engine
    }

    /// Plays this next; without a play, the question is said back.
    pub(crate) fn next(&self, play: Play) {
        self.script.lock().unwrap().plays.push_back(play);
    }

    /// The questions so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.lock().unwrap().asked.clone()
    }

    /// The most questions that were ever answered at once.
    pub(crate) fn most_running(&self) -> usize {
        self.script.lock().unwrap().most_running
    }
}

async fn answer(
    State(engine): State<Engine>,
    headers: HeaderMap,
    Json(question): Json<Question>,
) -> Response {
    let token = headers[header::AUTHORIZATION].to_str().unwrap();
    let creator = engine
        .verifier
        .verify(token.trim_start_matches("Bearer "))
        .await;
    let creator = creator.expect("a token between services");
    assert_eq!(creator.service().unwrap(), Service::Channel);
    let said_back = format!("You asked: {} [1]", question.question.as_str());
    let play = {
        let mut script = engine.script.lock().unwrap();
        script.asked.push(Asked {
            creator: creator.tenant,
            question,
        });
        script.running += 1;
        script.most_running = script.most_running.max(script.running);
        script.plays.pop_front()
    };
    match play.unwrap_or_else(|| Play::say(&said_back)) {
        Play::Refuse(status) => {
            engine.script.lock().unwrap().running -= 1;
            let problem = serde_json::json!({"code": "dependency_unavailable", "detail": "ollama"});
            (status, Json(problem)).into_response()
        }
        Play::Answer(tokens, pause) => {
            let mut events = vec![sources()];
            events.extend(
                tokens
                    .into_iter()
                    .map(|text| AnswerEvent::Token(Token { text })),
            );
            events.push(done());
            stream(engine, events, pause)
        }
        Play::Fail(code) => {
            let failure = Failure {
                code: code.to_owned(),
                message: "the chat model is away".to_owned(),
            };
            stream(
                engine,
                vec![sources(), half_a_word(), AnswerEvent::Error(failure)],
                Duration::ZERO,
            )
        }
        Play::Cut => stream(engine, vec![sources(), half_a_word()], Duration::ZERO),
    }
}

/// Counts as running until the last event is written or the caller has gone.
struct Running(Engine);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.script.lock().unwrap().running -= 1;
    }
}

fn stream(engine: Engine, events: Vec<AnswerEvent>, pause: Duration) -> Response {
    let running = Running(engine);
    let events = futures_util::stream::iter(events).then(move |event| {
        let _ = &running;
        async move {
            if matches!(event, AnswerEvent::Token(_)) {
                tokio::time::sleep(pause).await;
            }
            let wire = serde_json::to_value(&event).unwrap();
            let name = wire["event"].as_str().unwrap().to_owned();
            let data = wire["data"].to_string();
            Ok::<_, Infallible>(Event::default().event(name).data(data))
        }
    });
    Sse::new(events).into_response()
}

fn half_a_word() -> AnswerEvent {
    AnswerEvent::Token(Token {
        text: "Half a".to_owned(),
    })
}

fn sources() -> AnswerEvent {
    let source = |number, title: &str, heading: &str| Source {
        number,
        document_id: DocumentId::new(),
        title: title.to_owned(),
        chunk_id: ChunkId::new(),
        ordinal: 0,
        heading: Some(heading.to_owned()),
        text: "Sleep is where strength is made.".to_owned(),
        score: 0.9,
    };
    AnswerEvent::Sources(vec![
        source(1, "First Twelve Weeks", "Recovery"),
        source(2, "Kitchen notes", "Protein"),
    ])
}

fn done() -> AnswerEvent {
    AnswerEvent::Done(Done {
        generation_id: GenerationId::new(),
        mode: AnswerMode::Extractive,
        fell_back: true,
        citations: vec![1],
        usage: Usage {
            prompt_tokens: 12,
            completion_tokens: 34,
        },
    })
}
