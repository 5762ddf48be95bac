//! Deletion of documents from the index and who may see them, called by creator-hub; and indexing,
//! as creator-hub of 0.1 asks for it.

use std::convert::Infallible;

use axum::body::{Body as ResponseBody, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use shared_ai_client::{IngestionEvent, NewIngestion, SetDocumentAccess};
use shared_models::DocumentId;
use shared_models::limits::DOCUMENT_TITLE;
use shared_web::{Body, Id, ServiceCall, called_by};
use tokio_stream::wrappers::ReceiverStream;

use crate::app::index::{self, ingest_request};
use crate::error::Error;
use crate::state::AppState;

/// Bytes of the request: the document's text as JSON.
pub(in crate::routes) const MAX_BODY: usize = 64 * 1024 * 1024;

/// Makes a document searchable. The lines of the response report the progress. Only creator-hub of
/// 0.1 calls this, in a rolling upgrade; later ones enqueue a job. To be removed in the release
/// after the next one.
pub(in crate::routes) async fn index_document(
    State(app): State<AppState>,
    call: ServiceCall<called_by::CreatorHub>,
    Id(document): Id<DocumentId>,
    Body(body): Body<NewIngestion>,
) -> Result<Response, Error> {
    let events = ingest_request::start(app, call.tenant, document, validate(body)?);
    let lines = ReceiverStream::new(events).map(|event| Ok::<_, Infallible>(to_line(&event)));
    let media_type = HeaderValue::from_static("application/x-ndjson");
    let headers = [(header::CONTENT_TYPE, media_type)];
    Ok((headers, ResponseBody::from_stream(lines)).into_response())
}

/// Deletes a document from the index. Idempotent.
pub(in crate::routes) async fn delete_document(
    State(app): State<AppState>,
    call: ServiceCall<called_by::CreatorHub>,
    Id(document): Id<DocumentId>,
) -> Result<StatusCode, Error> {
    index::delete_document(&app, call.tenant, document).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Applies who may see documents. Idempotent.
pub(in crate::routes) async fn set_access(
    State(app): State<AppState>,
    call: ServiceCall<called_by::CreatorHub>,
    Body(access): Body<SetDocumentAccess>,
) -> Result<StatusCode, Error> {
    index::set_access(&app, call.tenant, &access.documents).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn validate(mut new: NewIngestion) -> Result<NewIngestion, Error> {
    let invalid = |field, message| Err(Error::InvalidField { field, message });
    if new.version < 1 {
        return invalid("version", "must be at least 1");
    }
    // Citations show the title on one line, but a file name may contain line breaks.
    let parts: Vec<&str> = new.title.split(|c: char| c.is_control()).collect();
    new.title = parts
        .join(" ")
        .trim()
        .chars()
        .take(DOCUMENT_TITLE)
        .collect();
    if new.title.is_empty() {
        return invalid("title", "must not be empty");
    }
    Ok(new)
}

fn to_line(event: &IngestionEvent) -> Bytes {
    let mut text = serde_json::to_string(event).unwrap_or_default();
    text.push('\n');
    Bytes::from(text)
}
