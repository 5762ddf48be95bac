//! Takes in a file: streamed to the store while it is checked and hashed, then a row and a job.

mod form;

use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use shared_db::usage;
use shared_models::{CreatorId, UsageKind};
use shared_web::{IdempotencyHeader, IdempotencyKey, Permit, Problem, permit};
use utoipa::ToSchema;

use super::documents::{Accepted, enqueue, location};
use crate::domain::document::title_of;
use crate::domain::job::JobKind;
use crate::error::Error;
use crate::state::AppState;
use crate::store::documents::{self, NewDocument};
use form::Form;

/// The fields of the form.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the form; the fields are read one by one"
)]
pub(crate) struct Upload {
    /// Plain text (`.txt`) or Markdown (`.md`, `.markdown`), in UTF-8.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What answers cite; the name of the file when absent.
    #[schema(max_length = 200)]
    title: Option<String>,
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// At most 20 of at most 50 characters, parted by commas.
    tags: Option<String>,
}

/// Upload a document. It is accepted at once; `status` and `events` tell when it is searchable.
/// The same content twice is refused, and the answer names the document that has it.
#[utoipa::path(
    post, path = "/documents", tag = "documents", security(("bearer" = [])),
    params(IdempotencyHeader),
    request_body(content = Upload, content_type = "multipart/form-data"),
    responses(
        (status = 202, body = Accepted,
         headers(("Location" = String, description = "The document"))),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 408, description = "upload_stalled", body = Problem),
        (status = 409, description = "duplicate_document or request_in_progress", body = Problem),
        (status = 413, description = "body_too_large or file_too_large", body = Problem),
        (status = 415, description = "unsupported_media_type", body = Problem),
        (status = 422, description = "empty_file, invalid_fields or idempotency_key_reused",
         body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn upload_document(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    key: IdempotencyKey,
    headers: HeaderMap,
    multipart: Result<Multipart, MultipartRejection>,
) -> Result<Response, Error> {
    let multipart = multipart.map_err(|rejection| not_a_form(&headers, &rejection))?;
    refuse_early(&headers, app.upload_max_bytes)?;
    let form = form::receive(app.files.as_ref(), multipart, app.upload_max_bytes).await?;
    let answer = keep(&app, caller.tenant, form, key).await;
    metrics::counter!("hub_uploads_total", "accepted" => answer.is_ok().to_string()).increment(1);
    if answer.is_ok() {
        app.wake_workers();
    }
    answer
}

/// One that says that it is a form, and is none that can be read, differs from something else.
fn not_a_form(headers: &HeaderMap, rejection: &MultipartRejection) -> Error {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if kind.to_ascii_lowercase().starts_with("multipart/form-data") {
        Error::MalformedForm(rejection.body_text())
    } else {
        Error::NotAForm
    }
}

/// A body that says itself that it cannot hold an acceptable file need not be sent.
fn refuse_early(headers: &HeaderMap, most: u64) -> Result<(), Error> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|value| value.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length > most + super::FORM => Err(Error::TooLarge(most)),
        _ => Ok(()),
    }
}

/// Row, job and file come into being together.
async fn keep(
    app: &AppState,
    creator: CreatorId,
    form: Form,
    key: IdempotencyKey,
) -> Result<Response, Error> {
    let request = form.named(key);
    let Form {
        file,
        title,
        description,
        tags,
    } = form;
    let hash = file.hash;
    let mut tx = app.db.tenant(creator).await?;
    if let Some(given) = request.replay(&mut tx).await? {
        return Ok(given.into_response());
    }
    documents::lock_content(&mut tx, hash).await?;
    if let Some(existing) = documents::with_content(&mut tx, hash).await? {
        return Err(Error::Duplicate(existing));
    }
    let new = NewDocument {
        title: title.map_or_else(|| title_of(&file.filename), String::from),
        description: description.map(String::from),
        tags: tags.into(),
        filename: file.filename,
        kind: file.kind,
        file_size: i64::try_from(file.size).unwrap_or(i64::MAX),
        content_hash: hash,
    };
    let used = [
        (UsageKind::DocumentsUploaded, 1),
        (UsageKind::BytesUploaded, new.file_size),
    ];
    usage::record(&mut tx, &used).await?;
    let row = documents::insert(&mut tx, new).await?;
    let job = enqueue(&mut tx, JobKind::Ingest, row.id).await?;
    let (status, at) = (StatusCode::ACCEPTED, location(row.id));
    let document = row.into();
    let accepted = Accepted { document, job };
    request
        .store_response(&mut tx, status, Some(&at), &accepted)
        .await?;
    file.incoming.keep(creator, hash).await?;
    tx.commit().await?;
    if let Err(error) = app.files.settle(creator, hash).await {
        tracing::warn!(%error, "an upload stays marked as unsettled until the next sweep");
    }
    Ok((status, [(header::LOCATION, at)], Json(accepted)).into_response())
}
