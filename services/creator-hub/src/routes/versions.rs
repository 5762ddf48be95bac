//! The files of a document: what it had and has, a new one, an earlier one again, downloads.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_blobs::OpenBlob;
use shared_models::{DocumentId, Page};
use shared_web::{Id, IdempotencyHeader, IdempotencyKey, Once, Permit, Problem, Query, permit};
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;

use super::documents::{Accepted, accepted};
use super::upload::received;
use crate::app::versions;
use crate::domain::comparison::{Change, Comparison};
use crate::domain::document::DocumentKind;
use crate::domain::download;
use crate::domain::library::{FileVersion, NewFile};
use crate::error::Error;
use crate::state::AppState;

/// The file is a stranger's: a browser that shows it anyway must run nothing of it.
const NOTHING_ALLOWED: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");

/// A file that a document has or had.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DocumentVersion {
    /// From 1; each new file has the next number.
    number: i32,
    /// Whether it is the document's file now.
    is_current: bool,
    filename: String,
    #[serde(rename = "document_type")]
    kind: DocumentKind,
    /// Bytes.
    file_size: i64,
    /// SHA-256 of the file.
    content_hash: String,
    added_at: Timestamp,
}

impl From<FileVersion> for DocumentVersion {
    fn from(version: FileVersion) -> Self {
        let FileVersion {
            number,
            file,
            added_at,
            is_current,
        } = version;
        Self {
            number,
            is_current,
            filename: file.filename,
            kind: file.kind,
            file_size: file.file_size,
            content_hash: file.content_hash.to_string(),
            added_at,
        }
    }
}

/// A new file.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes the form; the field is read by hand")]
pub(crate) struct NewVersion {
    /// PDF, DOCX, PPTX, XLSX, ODT, EPUB, HTML, Markdown, plain text, CSV, SRT or VTT.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// With which version to compare.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ComparedWith {
    /// The number of the older version; the one before when absent.
    #[param(minimum = 1)]
    since: Option<i32>,
}

/// The changes between the texts of two versions, line by line.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Difference {
    /// The number of the older version.
    from: i32,
    /// The number of the newer version.
    to: i32,
    /// Lines that were added.
    added: usize,
    /// Lines that were removed.
    removed: usize,
    /// Whether there are more changes than are shown.
    truncated: bool,
    /// Changes that are near each other, with three unchanged lines around them.
    hunks: Vec<Hunk>,
}

/// Changes that are near each other.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Hunk {
    /// The number of its first line in the older text, from 1.
    old_line: usize,
    /// The number of its first line in the newer text, from 1.
    new_line: usize,
    lines: Vec<ComparedLine>,
}

/// A line of a text.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ComparedLine {
    change: LineChange,
    text: String,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LineChange {
    Unchanged,
    Removed,
    Added,
}

impl From<Change> for LineChange {
    fn from(change: Change) -> Self {
        match change {
            Change::Unchanged => Self::Unchanged,
            Change::Removed => Self::Removed,
            Change::Added => Self::Added,
        }
    }
}

impl Difference {
    fn of((from, to): (i32, i32), comparison: Comparison) -> Self {
        let line = |(change, text): (Change, String)| ComparedLine {
            change: change.into(),
            text,
        };
        let hunks = comparison.hunks.into_iter().map(|hunk| Hunk {
            old_line: hunk.old_line,
            new_line: hunk.new_line,
            lines: hunk.lines.into_iter().map(line).collect(),
        });
        Self {
            from,
            to,
            added: comparison.added,
            removed: comparison.removed,
            truncated: comparison.truncated,
            hunks: hunks.collect(),
        }
    }
}

/// List the files of a document, newest first. The current one and the 20 before it are kept.
#[utoipa::path(
    get, path = "/documents/{id}/versions", tag = "documents", security(("bearer" = [])),
    params(("id" = DocumentId, Path)),
    responses(
        (status = 200, body = Page<DocumentVersion>), (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 404, description = "unknown_document", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn list_versions(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    Id(id): Id<DocumentId>,
) -> Result<Json<Page<DocumentVersion>>, Error> {
    let versions = versions::list(&app, caller.tenant, id).await?;
    let items = versions.into_iter().map(DocumentVersion::from).collect();
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Upload a new file of a document. The document stays searchable with the file before until the
/// new one is; if the new one cannot be read, it stays so.
#[utoipa::path(
    post, path = "/documents/{id}/versions", tag = "documents", security(("bearer" = [])),
    params(("id" = DocumentId, Path), IdempotencyHeader),
    request_body(content = NewVersion, content_type = "multipart/form-data"),
    responses(
        (status = 202, body = Accepted,
         headers(("Location" = String, description = "The document"))),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, description = "unknown_document", body = Problem),
        (status = 408, description = "upload_stalled", body = Problem),
        (status = 409, description = "duplicate_document, already_processing or \
            request_in_progress", body = Problem),
        (status = 413, description = "body_too_large or file_too_large", body = Problem),
        (status = 415, description = "unsupported_media_type", body = Problem),
        (status = 422, description = "empty_file, invalid_fields or idempotency_key_reused",
         body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn upload_version(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id(id): Id<DocumentId>,
    key: IdempotencyKey,
    headers: HeaderMap,
    multipart: Result<Multipart, MultipartRejection>,
) -> Result<Once<Accepted>, Error> {
    let form = received(&app, &headers, multipart).await?;
    let file = form.into_file()?;
    let request = key.of(&[id.as_uuid().as_bytes(), file.1.content_hash.as_bytes()]);
    versions::add(&app, caller.tenant, id, file, &request, accepted).await
}

/// Make an earlier file the document's file again. It gets a new number; nothing is lost.
#[utoipa::path(
    post, path = "/documents/{id}/versions/{number}/restore", tag = "documents",
    security(("bearer" = [])),
    params(("id" = DocumentId, Path), ("number" = i32, Path), IdempotencyHeader),
    responses(
        (status = 202, body = Accepted,
         headers(("Location" = String, description = "The document"))),
        (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, description = "unknown_document or unknown_version", body = Problem),
        (status = 409, description = "current_version, duplicate_document, already_processing or \
            request_in_progress", body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn restore_version(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id((id, number)): Id<(DocumentId, i32)>,
    key: IdempotencyKey,
) -> Result<Once<Accepted>, Error> {
    let request = key.of(&[id.as_uuid().as_bytes(), &number.to_be_bytes()]);
    versions::restore(&app, caller.tenant, (id, number), &request, accepted).await
}

/// Compare the texts of two versions of a document.
#[utoipa::path(
    get, path = "/documents/{id}/versions/{number}/diff", tag = "documents",
    security(("bearer" = [])),
    params(("id" = DocumentId, Path), ("number" = i32, Path), ComparedWith),
    responses(
        (status = 200, body = Difference), (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 404, description = "unknown_document or unknown_version", body = Problem),
        (status = 422, description = "version_unreadable, too_large_to_compare or invalid_query",
         body = Problem),
        (status = 503, description = "overloaded or dependency_unavailable", body = Problem),
    )
)]
pub(crate) async fn compare_versions(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    Id((id, number)): Id<(DocumentId, i32)>,
    Query(ComparedWith { since }): Query<ComparedWith>,
) -> Result<Json<Difference>, Error> {
    let pair = (since.unwrap_or_else(|| number.saturating_sub(1)), number);
    let comparison = versions::compare(&app, caller.tenant, id, pair).await?;
    Ok(Json(Difference::of(pair, comparison)))
}

/// Download the original file of a document.
#[utoipa::path(
    get, path = "/documents/{id}/file", tag = "documents", security(("bearer" = [])),
    params(("id" = DocumentId, Path)),
    responses(
        (status = 200, description = "The file", body = Vec<u8>,
         content_type = "application/octet-stream"),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, description = "unknown_document", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn download_file(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    Id(id): Id<DocumentId>,
) -> Result<Response, Error> {
    let (file, stored) = versions::open(&app, caller.tenant, id, None).await?;
    Ok(file_response(&file, stored, Disposition::Saved))
}

/// Download the original file of a version of a document.
#[utoipa::path(
    get, path = "/documents/{id}/versions/{number}/file", tag = "documents",
    security(("bearer" = [])),
    params(("id" = DocumentId, Path), ("number" = i32, Path)),
    responses(
        (status = 200, description = "The file", body = Vec<u8>,
         content_type = "application/octet-stream"),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, description = "unknown_document or unknown_version", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn download_version(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    Id((id, number)): Id<(DocumentId, i32)>,
) -> Result<Response, Error> {
    let (file, stored) = versions::open(&app, caller.tenant, id, Some(number)).await?;
    Ok(file_response(&file, stored, Disposition::Saved))
}

/// What a browser does with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    /// It saves the file.
    Saved,
    /// It shows a PDF, at the page that a link names, and saves every other file.
    Shown,
}

/// A file of a stranger. It is never shown as a page of this host.
pub(super) fn file_response(file: &NewFile, stored: OpenBlob, wanted: Disposition) -> Response {
    // The viewers of browsers run no script of a PDF in the context of the host, and do not start
    // in a sandbox.
    let is_shown = wanted == Disposition::Shown && file.kind == DocumentKind::Pdf;
    let (media_type, name) = if is_shown {
        ("application/pdf", download::shown(&file.filename))
    } else {
        // Bytes to be saved, whatever they are: `document_type` says that.
        ("application/octet-stream", download::saved(&file.filename))
    };
    let texts = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CONTENT_LENGTH, stored.size.to_string()),
    ];
    let body = Body::from_stream(ReaderStream::new(stored.content));
    let mut response = (texts, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    if !is_shown {
        headers.insert(header::CONTENT_SECURITY_POLICY, NOTHING_ALLOWED);
    }
    response
}
