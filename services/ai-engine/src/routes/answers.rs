//! Answers as a stream of server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use futures_util::{Stream, StreamExt as _};
use shared_ai_client::answer::{MAX_COLLECTIONS, VISITOR};
use shared_ai_client::{AnswerEvent, Question};
use shared_models::{GenerationId, VisitorId};
use shared_web::{Body, Id, Permit, Problem, permit};
use tokio_stream::wrappers::ReceiverStream;

use super::generations;
use crate::app::answer;
use crate::app::answer::event_log::{self, NumberedEvent};
use crate::error::Error;
use crate::state::AppState;

/// Turns of the conversation in one request.
const MAX_HISTORY: usize = 100;
/// Comments keep the connection open while Ollama loads the model.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Makes nginx pass on each event at once.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The header that names a visitor, in the OpenAPI document.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes the header, which is read by hand")]
pub(super) struct AskedBy {
    /// The visitor on whose behalf you ask. Internal documents are left out then, and how much of a
    /// document one visitor is shown has a bound. Without it, you ask as a member of the account.
    #[param(rename = "Visitor-Id", format = Uuid)]
    visitor_id: Option<String>,
}

/// Ask the creator's assistant a question.
///
/// The first event is `sources`, followed by `token` events; the last one is `done` or `error`. The
/// data of each event is JSON. Closing the connection stops the model, unless the answer is
/// `resumable`; a `DELETE` of the path in the header `Location` stops it in any case. The events of
/// a resumable answer have an `id`.
#[utoipa::path(post, path = "/answers", tag = "answers", security(("bearer" = [])),
    request_body = Question, params(AskedBy),
    responses(
        (status = 200, body = AnswerEvent, content_type = "text/event-stream",
            headers(("location" = String, description = "The record of the answer"))),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "No valid token", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 415, description = "The body is not application/json", body = Problem),
        (status = 422, description = "A field is invalid", body = Problem),
        (status = 503, description = "A dependency is unavailable, or the model is overloaded",
            body = Problem)))]
pub(super) async fn create_answer(
    State(app): State<AppState>,
    caller: Permit<permit::AnswersCreate>,
    headers: HeaderMap,
    Body(question): Body<Question>,
) -> Result<Response, Error> {
    let visitor = visitor(&headers)?;
    if question.collections.len() > MAX_COLLECTIONS {
        return Err(Error::InvalidField {
            field: "collections",
            message: "must name at most 20 collections",
        });
    }
    if question.history.len() > MAX_HISTORY {
        return Err(Error::InvalidField {
            field: "history",
            message: "must have at most 100 turns",
        });
    }
    let is_resumable = question.resumable;
    let started = answer::start(app, caller.tenant, visitor, question).await?;
    let headers = [
        (NO_BUFFERING, "no".to_owned()),
        (header::LOCATION, generations::location(started.id)),
    ];
    let numbered = ReceiverStream::new(started.events).enumerate();
    let events = numbered.map(move |(index, event)| {
        if is_resumable {
            to_sse(&event).id((index + 1).to_string())
        } else {
            to_sse(&event)
        }
    });
    Ok((headers, stream(events)).into_response())
}

/// The header of a resumed stream, in the OpenAPI document.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes the header, which is read by hand")]
pub(super) struct ResumeAfter {
    /// The `id` of the last event that you have; without it, the stream begins with the first.
    #[param(rename = "Last-Event-ID", minimum = 0)]
    last_event_id: Option<u32>,
}

/// Resume the stream of an answer.
///
/// Sends the events after the one that `Last-Event-ID` names, from any replica, and those that
/// follow. The answer must have been asked for with `resumable`; its events are kept for two
/// minutes after the last one. Closing the connection does not stop the model.
#[utoipa::path(get, path = "/generations/{id}/events", tag = "answers",
    security(("bearer" = [])),
    params(("id" = GenerationId, Path, description = "The id of the record"), ResumeAfter),
    responses(
        (status = 200, body = AnswerEvent, content_type = "text/event-stream"),
        (status = 400, description = "The id is not a UUID", body = Problem),
        (status = 401, description = "No valid token", body = Problem),
        (status = 404, description = "The generation does not exist", body = Problem),
        (status = 410, description = "The events are not kept", body = Problem),
        (status = 422, description = "Last-Event-ID is invalid", body = Problem),
        (status = 503, description = "A dependency is unavailable", body = Problem)))]
pub(super) async fn resume_answer(
    State(app): State<AppState>,
    caller: Permit<permit::AnswersCreate>,
    Id(id): Id<GenerationId>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let after = last_event_id(&headers)?;
    let events = event_log::resume(&app, caller.tenant, id, after).await?;
    let events = ReceiverStream::new(events)
        .map(|NumberedEvent { number, event }| to_sse(&event).id(number.to_string()));
    Ok(([(NO_BUFFERING, "no")], stream(events)).into_response())
}

fn stream(events: impl Stream<Item = Event> + Send + 'static) -> impl IntoResponse {
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE_INTERVAL);
    Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(keep_alive.text("keep-alive"))
}

fn last_event_id(headers: &HeaderMap) -> Result<usize, Error> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(0);
    };
    let number = value
        .to_str()
        .ok()
        .and_then(|text| text.parse::<u32>().ok());
    let number = number.and_then(|number| usize::try_from(number).ok());
    number.ok_or(Error::InvalidField {
        field: "Last-Event-ID",
        message: "must be the number of an event of this answer",
    })
}

/// The visitor who asks, if the caller asks for one.
fn visitor(headers: &HeaderMap) -> Result<Option<VisitorId>, Error> {
    let Some(value) = headers.get(VISITOR) else {
        return Ok(None);
    };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.map(Some).ok_or(Error::InvalidField {
        field: "Visitor-Id",
        message: "must be a UUID",
    })
}

fn to_sse(event: &AnswerEvent) -> Event {
    let (name, data) = match event {
        AnswerEvent::Sources(sources) => ("sources", serde_json::to_string(sources)),
        AnswerEvent::Token(token) => ("token", serde_json::to_string(token)),
        AnswerEvent::Done(done) => ("done", serde_json::to_string(done)),
        AnswerEvent::Error(failure) => ("error", serde_json::to_string(failure)),
    };
    Event::default().event(name).data(data.unwrap_or_default())
}
