//! Answers, as a stream of server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use futures_util::StreamExt as _;
use shared_ai_client::{AnswerEvent, Question};
use shared_web::{Body, Permit, Problem, permit};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument as _;

use crate::error::Error;
use crate::pipeline::answer;
use crate::state::AppState;

/// Events on their way to a slow reader; then the model waits.
const BUFFER: usize = 32;
/// Silence after which a comment keeps connections open, while a cold model loads.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Tells nginx not to collect the stream.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Ask the creator's assistant.
///
/// Events: `sources` first, then `token`s, `done` or `error` last; each with JSON as data. Closing
/// the connection stops the model.
#[utoipa::path(post, path = "/answers", tag = "answers", security(("bearer" = [])),
    request_body = Question,
    responses(
        (status = 200, body = AnswerEvent, content_type = "text/event-stream"),
        (status = 400, description = "The body is no JSON", body = Problem),
        (status = 401, description = "No valid token", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 415, description = "The body is not application/json", body = Problem),
        (status = 422, description = "A field is wrong", body = Problem),
        (status = 503, description = "A dependency is away, or the model is overloaded",
            body = Problem)))]
pub(super) async fn create_answer(
    State(app): State<AppState>,
    caller: Permit<permit::AnswersCreate>,
    Body(question): Body<Question>,
) -> Result<Response, Error> {
    check(&question)?;
    let prepared = answer::prepare(&app, caller.tenant, question).await?;
    let (events, told) = mpsc::channel(BUFFER);
    // In a task of its own, so that the record is written when the caller has left.
    tokio::spawn(answer::run(app, prepared, events).in_current_span());
    let stream = ReceiverStream::new(told).map(|event| Ok::<_, Infallible>(named(&event)));
    let mut response = Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive"))
        .into_response();
    let no = HeaderValue::from_static("no");
    response.headers_mut().insert(NO_BUFFERING, no);
    Ok(response)
}

fn check(question: &Question) -> Result<(), Error> {
    let wrong = |field, message| Err(Error::Field { field, message });
    if question.passages.is_some_and(|n| !(1..=10).contains(&n)) {
        return wrong("passages", "must lie between 1 and 10");
    }
    if question.history.len() > 100 {
        return wrong("history", "must have at most 100 turns");
    }
    Ok(())
}

/// The event with its name; the data are those of its kind alone.
fn named(event: &AnswerEvent) -> Event {
    let (name, data) = match event {
        AnswerEvent::Sources(sources) => ("sources", serde_json::to_string(sources)),
        AnswerEvent::Token(token) => ("token", serde_json::to_string(token)),
        AnswerEvent::Done(done) => ("done", serde_json::to_string(done)),
        AnswerEvent::Error(failure) => ("error", serde_json::to_string(failure)),
    };
    Event::default().event(name).data(data.unwrap_or_default())
}
