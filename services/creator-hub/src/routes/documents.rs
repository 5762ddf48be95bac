//! The documents of the assistant's knowledge: list, read, change, process again, delete.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use shared_config::Service;
use shared_document::{Position, Warning};
use shared_jobs::JobRow;
use shared_models::text::{MultiLine, SingleLine};
use shared_models::{CollectionId, DocumentId, Page, PageRequest, SiteId, Visibility};
use shared_web::{
    Body, Created, Id, IdempotencyHeader, IdempotencyKey, Once, Paging, Permit, Problem, Query,
    permit,
};
use utoipa::ToSchema;

use super::jobs::{Job, WorkError};
use crate::app::library;
use crate::domain::bounded_list::BoundedList;
use crate::domain::document::{DESCRIPTION, DocumentKind, DocumentState, TAG, TAGS, TITLE};
use crate::domain::library::{Description, Selection, StoredDocument};
use crate::error::Error;
use crate::state::AppState;

/// A document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Document {
    id: DocumentId,
    /// The title that answers cite.
    title: String,
    description: Option<String>,
    tags: Vec<String>,
    /// Who may see it.
    visibility: Visibility,
    /// The name of the uploaded file.
    filename: String,
    #[serde(rename = "document_type")]
    kind: DocumentKind,
    /// Bytes.
    file_size: i64,
    /// SHA-256 of the file.
    content_hash: String,
    /// The site that it is a page of.
    #[serde(skip_serializing_if = "Option::is_none")]
    site_id: Option<SiteId>,
    /// Where the page is.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    state: DocumentState,
    /// Increases with each processing.
    version: i32,
    /// The number of its file among those that it has had.
    file_version: i32,
    /// Number of searchable passages.
    chunk_count: i32,
    /// Why processing failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WorkError>,
    /// What of the file was not read, or not as its name promises, and what makes its text hard to
    /// find.
    warnings: Vec<DocumentWarning>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Something that the creator should know of a document that was read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DocumentWarning {
    /// A stable code.
    code: &'static str,
    /// For a person.
    message: String,
    /// Where in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
}

impl From<Warning> for DocumentWarning {
    fn from(warning: Warning) -> Self {
        Self {
            code: warning.code.as_str(),
            message: warning.message(),
            position: warning.position,
        }
    }
}

impl From<StoredDocument> for Document {
    fn from(row: StoredDocument) -> Self {
        let StoredDocument {
            id,
            title,
            description,
            tags,
            visibility,
            filename,
            kind,
            file_size,
            content_hash,
            origin,
            state,
            version,
            file_version,
            chunk_count,
            error,
            warnings,
            created_at,
            updated_at,
        } = row;
        let (site_id, url) = origin.map(|origin| (origin.site, origin.url)).unzip();
        Self {
            id,
            title,
            description,
            tags,
            visibility,
            filename,
            kind,
            file_size,
            content_hash: content_hash.to_string(),
            site_id,
            url,
            state,
            version,
            file_version,
            chunk_count,
            error: error.map(|(code, reason)| WorkError { code, reason }),
            warnings: warnings.into_iter().map(DocumentWarning::from).collect(),
            created_at,
            updated_at,
        }
    }
}

/// An accepted job and its document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The document.
    pub(crate) document: Document,
    /// The job.
    pub(crate) job: Job,
}

/// An accepted deletion.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Erasing {
    /// The job.
    job: Job,
}

/// Filters of the list.
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
    /// Only pages of this site.
    site_id: Option<SiteId>,
    /// Only documents of this collection.
    collection: Option<CollectionId>,
}

/// The fields to change; an absent field stays unchanged.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent leaves it, null removes it")]
pub(crate) struct DocumentChange {
    /// The title that answers cite. A searchable document is processed again under a new title;
    /// it stays searchable meanwhile, and unchanged passages keep their vectors.
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
    tags: Option<BoundedList<TAGS, TAG>>,
    /// Who may see it. It holds for the next question.
    #[schema(value_type = Visibility)]
    #[serde(default, deserialize_with = "present")]
    visibility: Option<Visibility>,
}

/// Distinguishes null from absent: a present field must be valid.
pub(super) fn present<'de, D, T>(reader: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(reader).map(Some)
}

impl DocumentChange {
    /// The new description: what is absent stays as it was.
    fn apply(self, old: &StoredDocument) -> Description {
        Description {
            title: self.title.map_or_else(|| old.title.clone(), String::from),
            text: match self.description {
                Some(new) => new.map(String::from),
                None => old.description.clone(),
            },
            tags: self.tags.map_or_else(|| old.tags.clone(), Vec::from),
            visibility: self.visibility.unwrap_or(old.visibility),
        }
    }
}

/// The response to a request that has a document processed.
pub(crate) fn accepted(document: StoredDocument, job: JobRow) -> Created<Accepted> {
    let id = document.id;
    Created {
        status: StatusCode::ACCEPTED,
        location: format!("{}/v1/documents/{id}", Service::CreatorHub.prefix()),
        body: Accepted {
            document: document.into(),
            job: job.into(),
        },
    }
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
        site_id,
        collection,
    } = filter;
    let window = paging.window(&PageRequest { limit, cursor })?;
    let selection = Selection {
        state,
        tag: tag.as_deref(),
        collection,
        site: site_id,
        after: window.after,
        limit: window.limit + 1,
    };
    let rows = library::list(&app, caller.tenant, &selection).await?;
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
    let row = library::read(&app, caller.tenant, id).await?;
    Ok(Json(row.into()))
}

/// Change title, description, tags or visibility.
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
    let change = |old: &StoredDocument| change.apply(old);
    let row = library::describe(&app, caller.tenant, id, change).await?;
    Ok(Json(row.into()))
}

/// Process a document again from its uploaded file.
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
) -> Result<Once<Accepted>, Error> {
    let request = key.of(&[id.as_uuid().as_bytes()]);
    library::reprocess(&app, caller.tenant, id, &request, accepted).await
}

/// Delete a document. It disappears from lists and search at once; the job removes its passages,
/// vectors and file.
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
    let job: Job = library::delete(&app, caller.tenant, id).await?.into();
    let location = format!("{}/v1/jobs/{}", Service::CreatorHub.prefix(), job.id());
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::ACCEPTED, headers, Json(Erasing { job })))
}
