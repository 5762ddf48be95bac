//! Uploads: the file is streamed to the store while it is checked and hashed.

mod form;

use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use shared_models::Visibility;
use shared_web::{IdempotencyHeader, IdempotencyKey, Once, Permit, Problem, permit};
use utoipa::ToSchema;

use super::documents::{Accepted, accepted};
use crate::app::library;
use crate::error::Error;
use crate::state::AppState;

/// The fields of the form.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the form; the fields are read one by one"
)]
pub(crate) struct Upload {
    /// PDF, DOCX, PPTX, XLSX, ODT, EPUB, HTML, Markdown, plain text, CSV, SRT, VTT, or a ZIP export
    /// of a note-taking program.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// The title that answers cite; the name of the file when absent.
    #[schema(max_length = 200)]
    title: Option<String>,
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// At most 20 of at most 50 characters, separated by commas.
    tags: Option<String>,
    /// Who may see it; `answer_only` when absent.
    visibility: Option<Visibility>,
}

/// Upload a document. It is accepted at once; `status` and `events` report when it is searchable.
/// Content that exists already is refused, and the response names the document that has it.
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
) -> Result<Once<Accepted>, Error> {
    let form = received(&app, &headers, multipart).await?;
    let request = form.idempotent(key);
    let (file, document) = form.into_document();
    let uploaded = library::upload(&app, caller.tenant, file, document, &request, accepted).await;
    let outcome = if uploaded.is_ok() { "true" } else { "false" };
    metrics::counter!("creator_hub_uploads_total", "accepted" => outcome).increment(1);
    uploaded
}

/// Reads a form with a file, which is checked and hashed while it arrives.
pub(super) async fn received(
    app: &AppState,
    headers: &HeaderMap,
    multipart: Result<Multipart, MultipartRejection>,
) -> Result<form::Form, Error> {
    let multipart = multipart.map_err(|rejection| form_error(headers, &rejection))?;
    check_content_length(headers, app.upload_max_bytes)?;
    form::receive(app.files.as_ref(), multipart, app.upload_max_bytes).await
}

/// Reads a form with nothing but a small file, which is kept in memory.
pub(super) async fn received_bytes(
    headers: &HeaderMap,
    multipart: Result<Multipart, MultipartRejection>,
    max_bytes: u64,
) -> Result<Vec<u8>, Error> {
    let multipart = multipart.map_err(|rejection| form_error(headers, &rejection))?;
    check_content_length(headers, max_bytes)?;
    form::receive_bytes(multipart, max_bytes).await
}

/// Distinguishes a malformed multipart body from a body of another media type.
fn form_error(headers: &HeaderMap, rejection: &MultipartRejection) -> Error {
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

/// Refuses early when `Content-Length` already exceeds the limit.
fn check_content_length(headers: &HeaderMap, max_bytes: u64) -> Result<(), Error> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|value| value.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length > max_bytes + super::MAX_FORM_OVERHEAD => {
            Err(Error::TooLarge(max_bytes))
        }
        _ => Ok(()),
    }
}
