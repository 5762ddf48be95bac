//! Documents, as creator-hub hands them over and takes them back.

use std::convert::Infallible;

use axum::body::{Body as Bytes, Bytes as Chunk};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use shared_ai_client::{IngestionEvent, NewIngestion};
use shared_models::DocumentId;
use shared_web::{Body, Id, ServiceCall, called_by};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument as _;

use crate::error::Error;
use crate::pipeline::ingest;
use crate::state::AppState;

/// Largest text with its title, bytes.
pub const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// Longest title, characters.
const TITLE: usize = 300;
/// Events on their way to a slow reader.
const BUFFER: usize = 16;

/// Makes a document searchable; the answer's lines tell how far it is.
pub(super) async fn index_document(
    State(app): State<AppState>,
    call: ServiceCall<called_by::CreatorHub>,
    Id(document): Id<DocumentId>,
    Body(new): Body<NewIngestion>,
) -> Result<Response, Error> {
    let new = checked(new)?;
    let (events, told) = mpsc::channel(BUFFER);
    let work = ingest::ingest(app, call.tenant, document, new, events);
    tokio::spawn(work.in_current_span());
    let lines = ReceiverStream::new(told).map(|event| Ok::<_, Infallible>(line(&event)));
    let kind = HeaderValue::from_static("application/x-ndjson");
    Ok(([(header::CONTENT_TYPE, kind)], Bytes::from_stream(lines)).into_response())
}

/// Forgets a document. Forgetting it twice is success.
pub(super) async fn forget_document(
    State(app): State<AppState>,
    call: ServiceCall<called_by::CreatorHub>,
    Id(document): Id<DocumentId>,
) -> Result<StatusCode, Error> {
    ingest::forget(&app, call.tenant, document).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn checked(mut new: NewIngestion) -> Result<NewIngestion, Error> {
    let wrong = |field, message| Err(Error::Field { field, message });
    if new.version < 1 {
        return wrong("version", "must be at least 1");
    }
    // The title is shown beside citations: whatever the file was called, it becomes one line.
    let title: Vec<&str> = new.title.split(|c: char| c.is_control()).collect();
    new.title = title.join(" ").trim().chars().take(TITLE).collect();
    if new.title.is_empty() {
        return wrong("title", "must not be empty");
    }
    Ok(new)
}

fn line(event: &IngestionEvent) -> Chunk {
    let mut text = serde_json::to_string(event).unwrap_or_default();
    text.push('\n');
    Chunk::from(text)
}
