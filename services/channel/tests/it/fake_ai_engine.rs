//! A fake ai-engine: it speaks the protocol of `shared-ai-client` over a real socket and replies as
//! a test wants, including failures.

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
use shared_ai_client::answer::{Failure, Token, VISITOR};
use shared_ai_client::{
    AnswerEvent, AnswerFailure, AnswerMode, AppliedPolicy, Done, Question, Source, Usage,
};
use shared_auth::TokenVerifier;
use shared_config::Service;
use shared_document::Position;
use shared_models::{ChunkId, CreatorId, DocumentId, GenerationId, Visibility, VisitorId};
use shared_testkit::TokenMint;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The reply to one question.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Sources, these tokens with a pause before each, and the end of the answer.
    Answer(Vec<String>, Duration),
    /// Sources and these tokens at once, and the end of the answer after a pause.
    Paused(Vec<String>, Duration),
    /// A reply by a policy of the account, without sources.
    Policy(AppliedPolicy),
    /// Sources and a token; the end of the answer when the test says so.
    Held(Arc<Notify>),
    /// A problem document with this status.
    Refuse(StatusCode),
    /// Sources, a token, then an error event.
    Fail(AnswerFailure),
    /// Sources, a token, then the connection ends.
    Cut,
}

impl Reply {
    /// An answer without pauses.
    pub(crate) fn text(text: &str) -> Self {
        let tokens = text.split_inclusive(' ').map(str::to_owned);
        Self::Answer(tokens.collect(), Duration::ZERO)
    }

    /// An answer with a pause before each word.
    pub(crate) fn slow_text(text: &str, pause: Duration) -> Self {
        let tokens = text.split_inclusive(' ').map(str::to_owned);
        Self::Answer(tokens.collect(), pause)
    }
}

/// A question as it was received.
#[derive(Debug, Clone)]
pub(crate) struct ReceivedQuestion {
    pub(crate) creator: CreatorId,
    /// Who asks, as the header says.
    pub(crate) visitor: VisitorId,
    pub(crate) question: Question,
}

#[derive(Debug, Default)]
struct Script {
    replies: VecDeque<Reply>,
    asked: Vec<ReceivedQuestion>,
    running: usize,
    max_concurrent: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeAiEngine {
    script: Arc<Mutex<Script>>,
    verifier: TokenVerifier,
    pub(crate) address: SocketAddr,
}

impl FakeAiEngine {
    /// Starts on a free port.
    pub(crate) async fn start(mint: &TokenMint) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(mint, listener)
    }

    /// Starts on that listener.
    pub(crate) fn on(mint: &TokenMint, listener: TcpListener) -> Self {
        let ai_engine = Self {
            script: Arc::default(),
            verifier: mint.verifier(Service::AiEngine),
            address: listener.local_addr().unwrap(),
        };
        let router = Router::new()
            .route("/ai-engine/v1/answers", post(answer))
            .with_state(ai_engine.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        ai_engine
    }

    /// Queues a reply. Without one, the answer repeats the question.
    pub(crate) fn reply_next(&self, reply: Reply) {
        self.script.lock().unwrap().replies.push_back(reply);
    }

    /// The questions received so far.
    pub(crate) fn questions(&self) -> Vec<ReceivedQuestion> {
        self.script.lock().unwrap().asked.clone()
    }

    /// The questions that are being answered.
    pub(crate) fn running(&self) -> usize {
        self.script.lock().unwrap().running
    }

    /// The largest number of questions that were answered concurrently.
    pub(crate) fn max_concurrent(&self) -> usize {
        self.script.lock().unwrap().max_concurrent
    }
}

async fn answer(
    State(engine): State<FakeAiEngine>,
    headers: HeaderMap,
    Json(question): Json<Question>,
) -> Response {
    let token = headers[header::AUTHORIZATION].to_str().unwrap();
    let creator = engine
        .verifier
        .verify(token.trim_start_matches("Bearer "))
        .await;
    let creator = creator.expect("a valid service token");
    assert_eq!(creator.service().unwrap(), Service::Channel);
    let echo = format!("You asked: {} [1]", question.question.as_str());
    let reply = {
        let mut script = engine.script.lock().unwrap();
        script.asked.push(ReceivedQuestion {
            creator: creator.tenant,
            visitor: headers[VISITOR].to_str().unwrap().parse().unwrap(),
            question,
        });
        script.running += 1;
        script.max_concurrent = script.max_concurrent.max(script.running);
        script.replies.pop_front()
    };
    match reply.unwrap_or_else(|| Reply::text(&echo)) {
        Reply::Refuse(status) => {
            engine.script.lock().unwrap().running -= 1;
            let problem = serde_json::json!({"code": "dependency_unavailable", "detail": "ollama"});
            (status, Json(problem)).into_response()
        }
        Reply::Answer(tokens, pause) => {
            let mut events = vec![sources()];
            events.extend(
                tokens
                    .into_iter()
                    .map(|text| AnswerEvent::Token(Token { text })),
            );
            events.push(done());
            stream(engine, events, pause)
        }
        Reply::Fail(code) => stream(engine, failing(code), Duration::ZERO),
        Reply::Policy(policy) => stream(engine, by_policy(policy), Duration::ZERO),
        Reply::Paused(tokens, pause) => paused(engine, tokens, pause),
        Reply::Held(release) => {
            let (begin, end) = (vec![sources(), partial_text()], vec![done()]);
            held(engine, begin, release, end)
        }
        Reply::Cut => stream(engine, vec![sources(), partial_text()], Duration::ZERO),
    }
}

/// Counts as running until the last event is written or the caller has disconnected.
struct Running(FakeAiEngine);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.script.lock().unwrap().running -= 1;
    }
}

fn stream(engine: FakeAiEngine, events: Vec<AnswerEvent>, pause: Duration) -> Response {
    let running = Running(engine);
    let events = futures_util::stream::iter(events).then(move |event| {
        let _ = &running;
        async move {
            if matches!(event, AnswerEvent::Token(_)) {
                tokio::time::sleep(pause).await;
            }
            Ok::<_, Infallible>(sse(&event))
        }
    });
    Sse::new(events).into_response()
}

/// These tokens at once, and the end after a pause.
fn paused(engine: FakeAiEngine, tokens: Vec<String>, pause: Duration) -> Response {
    let mut begin = vec![sources()];
    let texts = tokens.into_iter();
    begin.extend(texts.map(|text| AnswerEvent::Token(Token { text })));
    let release = Arc::new(Notify::new());
    let end = Arc::clone(&release);
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        end.notify_one();
    });
    held(engine, begin, release, vec![done()])
}

/// The first events at once, the others when they are released.
fn held(
    engine: FakeAiEngine,
    begin: Vec<AnswerEvent>,
    release: Arc<Notify>,
    end: Vec<AnswerEvent>,
) -> Response {
    let running = Running(engine);
    let end = futures_util::stream::once(async move {
        release.notified().await;
        futures_util::stream::iter(end)
    });
    let events = futures_util::stream::iter(begin).chain(end.flatten());
    let events = events.map(move |event| {
        let _ = &running;
        Ok::<_, Infallible>(sse(&event))
    });
    Sse::new(events).into_response()
}

fn sse(event: &AnswerEvent) -> Event {
    let wire = serde_json::to_value(event).unwrap();
    let name = wire["event"].as_str().unwrap().to_owned();
    Event::default().event(name).data(wire["data"].to_string())
}

fn failing(code: AnswerFailure) -> Vec<AnswerEvent> {
    let failure = Failure {
        code,
        message: "the chat model is unavailable".to_owned(),
    };
    vec![sources(), partial_text(), AnswerEvent::Error(failure)]
}

fn by_policy(policy: AppliedPolicy) -> Vec<AnswerEvent> {
    let mut end = done();
    if let AnswerEvent::Done(done) = &mut end {
        done.citations.clear();
        done.policy = Some(policy);
    }
    vec![AnswerEvent::Sources(Vec::new()), partial_text(), end]
}

fn partial_text() -> AnswerEvent {
    AnswerEvent::Token(Token {
        text: "Half a".to_owned(),
    })
}

fn sources() -> AnswerEvent {
    let source = |number, title: &str, heading: &str, visibility| Source {
        number,
        document_id: DocumentId::new(),
        title: title.to_owned(),
        chunk_id: ChunkId::new(),
        kind: shared_ai_client::SourceKind::Document,
        ordinal: 0,
        heading: Some(heading.to_owned()),
        position: Some(Position::Page(number + 6)),
        visibility,
        text: "Sleep is where strength is made.".to_owned(),
        score: 0.9,
    };
    AnswerEvent::Sources(vec![
        source(1, "First Twelve Weeks", "Recovery", Visibility::Public),
        source(2, "Kitchen notes", "Protein", Visibility::AnswerOnly),
    ])
}

fn done() -> AnswerEvent {
    AnswerEvent::Done(Done {
        generation_id: GenerationId::new(),
        mode: AnswerMode::Extractive,
        fell_back_reason: None,
        fell_back: true,
        truncated: true,
        citations: vec![1],
        usage: Usage {
            prompt_tokens: 12,
            completion_tokens: 34,
        },
        server: None,
        model: None,
        fallback: false,
        fallback_reason: None,
        policy: None,
    })
}
