//! The documents that the assistant knows: list, read, describe, process anew, delete.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use shared_config::Service;
use shared_db::{TenantTx, jobs as queue};
use shared_models::text::{MultiLine, SingleLine};
use shared_models::{CreatorId, DocumentId, JobId, Page, PageRequest};
use shared_web::{
    Body, Id, IdempotencyHeader, IdempotencyKey, Paging, Permit, Problem, Query, permit,
};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::jobs::{Job, WorkError};
use crate::domain::document::{DESCRIPTION, DocumentKind, DocumentState, TAG, TAGS, TITLE};
use crate::domain::job::JobKind;
use crate::domain::listed::Listed;
use crate::error::Error;
use crate::state::{AppState, QUEUE};
use crate::store::documents::{self, DocumentRow};

/// How long who deletes a document waits for the assistant to forget it.
const FORGETTING: Duration = Duration::from_secs(1);

/// A document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Document {
    id: DocumentId,
    /// What answers cite.
    title: String,
    description: Option<String>,
    tags: Vec<String>,
    /// The name of the uploaded file.
    filename: String,
    #[serde(rename = "document_type")]
    kind: DocumentKind,
    /// Bytes.
    file_size: i64,
    /// SHA-256 of the file.
    content_hash: String,
    state: DocumentState,
    /// Rises with each processing.
    version: i32,
    /// Passages that are searchable.
    chunk_count: i32,
    /// Why it could not be made searchable.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WorkError>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<DocumentRow> for Document {
    fn from(row: DocumentRow) -> Self {
        let DocumentRow {
            id,
            title,
            description,
            tags,
            filename,
            kind,
            file_size,
            content_hash,
            state,
            version,
            chunk_count,
            error,
            created_at,
            updated_at,
        } = row;
        Self {
            id,
            title,
            description,
            tags,
            filename,
            kind,
            file_size,
            content_hash: content_hash.to_string(),
            state,
            version,
            chunk_count,
            error: error.map(|(code, reason)| WorkError { code, reason }),
            created_at,
            updated_at,
        }
    }
}

/// Work that was accepted, and what it is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The document.
    pub(crate) document: Document,
    /// The work.
    pub(crate) job: Job,
}

/// Work that was accepted on what is no longer to be seen.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Erasing {
    /// The work.
    job: Job,
}

/// Which documents to list.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DocumentFilter {
    /// Rows per page, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only documents in this state.
    state: Option<DocumentState>,
    /// Only documents with this tag.
    tag: Option<String>,
}

/// What to change; a field that is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent leaves it, null removes it")]
pub(crate) struct DocumentChange {
    /// What answers cite. A searchable document is processed anew under a new title; it stays
    /// searchable meanwhile, and passages that did not change keep their vectors.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    #[serde(default, deserialize_with = "present")]
    title: Option<SingleLine<TITLE>>,
    /// Null removes it.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    #[serde(default, deserialize_with = "present")]
    description: Option<Option<MultiLine<DESCRIPTION>>>,
    /// All tags, at most 20 of at most 50 characters.
    #[schema(value_type = Vec<SingleLine<50>>, max_items = 20)]
    #[serde(default, deserialize_with = "present")]
    tags: Option<Listed<TAGS, TAG>>,
}

/// Tells null from absent: what is there is read as what it has to be.
fn present<'de, D, T>(reader: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(reader).map(Some)
}

/// The path of a document.
pub(crate) fn location(id: DocumentId) -> String {
    format!("{}/v1/documents/{id}", Service::CreatorHub.prefix())
}

/// List the documents, newest first.
#[utoipa::path(
    get, path = "/documents", tag = "documents", security(("bearer" = [])),
    params(DocumentFilter),
    responses(
        (status = 200, body = Page<Document>), (status = 401, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn list_documents(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    paging: Paging,
    Query(filter): Query<DocumentFilter>,
) -> Result<Json<Page<Document>>, Error> {
    let DocumentFilter {
        limit,
        cursor,
        state,
        tag,
    } = filter;
    let page = PageRequest { limit, cursor };
    let window = paging.window(&page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = documents::list(
        &mut tx,
        state,
        tag.as_deref(),
        window.after,
        window.limit + 1,
    )
    .await?;
    let items = rows.into_iter().map(Document::from).collect();
    Ok(Json(paging.page(items, window, |document: &Document| {
        document.id.as_uuid()
    })))
}

/// Read one document.
#[utoipa::path(
    get, path = "/documents/{id}", tag = "documents", security(("bearer" = [])),
    params(("id" = DocumentId, Path)),
    responses(
        (status = 200, body = Document), (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 404, description = "unknown_document", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn read_document(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    Id(id): Id<DocumentId>,
) -> Result<Json<Document>, Error> {
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let row = documents::find(&mut tx, id)
        .await?
        .ok_or(Error::UnknownDocument)?;
    Ok(Json(row.into()))
}

/// Change title, description or tags.
#[utoipa::path(
    patch, path = "/documents/{id}", tag = "documents", security(("bearer" = [])),
    params(("id" = DocumentId, Path)), request_body = DocumentChange,
    responses(
        (status = 200, body = Document), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, description = "unknown_document", body = Problem),
        (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn update_document(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id(id): Id<DocumentId>,
    Body(change): Body<DocumentChange>,
) -> Result<Json<Document>, Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    let old = documents::find_to_change(&mut tx, id)
        .await?
        .ok_or(Error::UnknownDocument)?;
    let title = change.title.map_or_else(|| old.title.clone(), String::from);
    let description = change
        .description
        .map_or(old.description, |new| new.map(String::from));
    let tags = change.tags.map_or(old.tags, Vec::from);
    let mut row = documents::describe(&mut tx, id, &title, description.as_deref(), &tags).await?;
    // A worker that is at it notices by itself.
    if old.state == DocumentState::Ready && title != old.title {
        row = documents::requeue(&mut tx, id).await?;
        enqueue(&mut tx, JobKind::Ingest, id).await?;
    }
    tx.commit().await?;
    app.wake_workers();
    Ok(Json(row.into()))
}

/// Process a document anew, out of the file that was uploaded.
#[utoipa::path(
    post, path = "/documents/{id}/reprocess", tag = "documents", security(("bearer" = [])),
    params(("id" = DocumentId, Path), IdempotencyHeader),
    responses(
        (status = 202, body = Accepted), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, description = "unknown_document", body = Problem),
        (status = 409, description = "already_processing or request_in_progress", body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn reprocess_document(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id(id): Id<DocumentId>,
    key: IdempotencyKey,
) -> Result<Response, Error> {
    let request = key.of(&[id.as_uuid().as_bytes()]);
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(given) = request.replay(&mut tx).await? {
        return Ok(given.into_response());
    }
    let old = documents::find_to_change(&mut tx, id)
        .await?
        .ok_or(Error::UnknownDocument)?;
    if old.state.is_moving() {
        return Err(Error::AlreadyProcessing);
    }
    let document = documents::requeue(&mut tx, id).await?.into();
    let job = enqueue(&mut tx, JobKind::Ingest, id).await?;
    let (accepted, location) = (Accepted { document, job }, location(id));
    let status = StatusCode::ACCEPTED;
    request
        .store_response(&mut tx, status, Some(&location), &accepted)
        .await?;
    tx.commit().await?;
    app.wake_workers();
    Ok((status, [(header::LOCATION, location)], Json(accepted)).into_response())
}

/// Delete a document. It is gone from every list and search at once; the job removes its passages,
/// its vectors and its file.
#[utoipa::path(
    delete, path = "/documents/{id}", tag = "documents", security(("bearer" = [])),
    params(("id" = DocumentId, Path)),
    responses(
        (status = 202, body = Erasing), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, description = "unknown_document", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn delete_document(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id(id): Id<DocumentId>,
) -> Result<impl IntoResponse, Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    if !documents::hide(&mut tx, id).await? {
        return Err(Error::UnknownDocument);
    }
    let job = enqueue(&mut tx, JobKind::Erase, id).await?;
    tx.commit().await?;
    forget(&app, caller.tenant, id).await;
    app.wake_workers();
    let at = format!("{}/v1/jobs/{}", Service::CreatorHub.prefix(), job.id());
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, at)],
        Json(Erasing { job }),
    ))
}

/// Before the answer, so that nothing cites the document from then on. Where ai-engine does not
/// answer soon, the job does it alone; where it does, the job finds nothing left to forget.
async fn forget(app: &AppState, creator: CreatorId, id: DocumentId) {
    match timeout(FORGETTING, app.ai.delete_from_index(creator, id)).await {
        Ok(Ok(())) => {}
        Ok(Err(cause)) => tracing::info!(%cause, "a deleted document is forgotten later"),
        Err(_) => tracing::info!("a deleted document is forgotten later: ai-engine is slow"),
    }
}

/// Puts work on a document into the queue, and reads back what was put there.
pub(crate) async fn enqueue(
    tx: &mut TenantTx,
    kind: JobKind,
    id: DocumentId,
) -> Result<Job, Error> {
    let job: JobId = queue::enqueue(tx, QUEUE, kind.as_str(), id.as_uuid()).await?;
    let row = queue::find(tx, job)
        .await?
        .ok_or(sqlx::Error::RowNotFound)?;
    Ok(row.into())
}
