//! Named sets of documents.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_config::Service;
use shared_models::text::{MultiLine, SingleLine};
use shared_models::{CollectionId, DocumentId, Page, PageRequest};
use shared_web::{
    Body, Created, Id, IdempotencyHeader, Keyed, Once, Paging, Permit, Problem, Query, permit,
};
use utoipa::ToSchema;

use super::documents::present;
use crate::app::collections;
use crate::domain::collection::{
    Collection as StoredCollection, CollectionChange as Change, DESCRIPTION, NAME,
    NewCollection as New,
};
use crate::error::Error;
use crate::state::AppState;

/// A named set of documents.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Collection {
    id: CollectionId,
    name: String,
    description: Option<String>,
    /// How many documents are in it.
    document_count: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<StoredCollection> for Collection {
    fn from(row: StoredCollection) -> Self {
        let StoredCollection {
            id,
            name,
            description,
            documents,
            created_at,
            updated_at,
        } = row;
        Self {
            id,
            name,
            description,
            document_count: documents,
            created_at,
            updated_at,
        }
    }
}

/// A collection to add.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCollection {
    /// Another collection may not have it, in whatever case.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: SingleLine<NAME>,
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    description: Option<MultiLine<DESCRIPTION>>,
}

/// The fields to change; an absent field stays unchanged.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent leaves it, null removes it")]
pub(crate) struct CollectionChange {
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    #[serde(default, deserialize_with = "present")]
    name: Option<SingleLine<NAME>>,
    /// Null removes it.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    #[serde(default, deserialize_with = "present")]
    description: Option<Option<MultiLine<DESCRIPTION>>>,
}

/// List the collections, newest first.
#[utoipa::path(
    get, path = "/collections", tag = "collections", security(("bearer" = [])),
    params(PageRequest),
    responses(
        (status = 200, body = Page<Collection>), (status = 401, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn list_collections(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<Collection>>, Error> {
    let window = paging.window(&page)?;
    let rows = collections::list(&app, caller.tenant, window.after, window.limit + 1).await?;
    let items = rows.into_iter().map(Collection::from).collect();
    Ok(Json(paging.page(
        items,
        window,
        |collection: &Collection| collection.id.as_uuid(),
    )))
}

/// Add a collection.
#[utoipa::path(
    post, path = "/collections", tag = "collections", security(("bearer" = [])),
    params(IdempotencyHeader), request_body = NewCollection,
    responses(
        (status = 201, body = Collection,
         headers(("Location" = String, description = "The collection"))),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 409, description = "collection_exists, too_many_collections or \
            request_in_progress", body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn create_collection(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Keyed(request, body): Keyed<NewCollection>,
) -> Result<Once<Collection>, Error> {
    let NewCollection { name, description } = body;
    let new = New { name, description };
    collections::create(&app, caller.tenant, &new, &request, |collection| Created {
        status: StatusCode::CREATED,
        location: format!(
            "{}/v1/collections/{}",
            Service::CreatorHub.prefix(),
            collection.id
        ),
        body: collection.into(),
    })
    .await
}

/// Read one collection.
#[utoipa::path(
    get, path = "/collections/{id}", tag = "collections", security(("bearer" = [])),
    params(("id" = CollectionId, Path)),
    responses(
        (status = 200, body = Collection), (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 404, description = "unknown_collection", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn read_collection(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    Id(id): Id<CollectionId>,
) -> Result<Json<Collection>, Error> {
    let collection = collections::read(&app, caller.tenant, id).await?;
    Ok(Json(collection.into()))
}

/// Change the name or the description of a collection.
#[utoipa::path(
    patch, path = "/collections/{id}", tag = "collections", security(("bearer" = [])),
    params(("id" = CollectionId, Path)), request_body = CollectionChange,
    responses(
        (status = 200, body = Collection), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, description = "unknown_collection", body = Problem),
        (status = 409, description = "collection_exists", body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn update_collection(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id(id): Id<CollectionId>,
    Body(change): Body<CollectionChange>,
) -> Result<Json<Collection>, Error> {
    let CollectionChange { name, description } = change;
    let change = Change { name, description };
    let collection = collections::change(&app, caller.tenant, id, change).await?;
    Ok(Json(collection.into()))
}

/// Delete a collection. Its documents stay; what is limited to it finds nothing any more.
#[utoipa::path(
    delete, path = "/collections/{id}", tag = "collections", security(("bearer" = [])),
    params(("id" = CollectionId, Path)),
    responses(
        (status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, description = "unknown_collection", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn delete_collection(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id(id): Id<CollectionId>,
) -> Result<StatusCode, Error> {
    collections::delete(&app, caller.tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Add a document to a collection. Repeating it changes nothing.
#[utoipa::path(
    put, path = "/collections/{id}/documents/{document_id}", tag = "collections",
    security(("bearer" = [])),
    params(("id" = CollectionId, Path), ("document_id" = DocumentId, Path)),
    responses(
        (status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, description = "unknown_collection or unknown_document", body = Problem),
        (status = 409, description = "too_many_collections", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn add_to_collection(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id((id, document)): Id<(CollectionId, DocumentId)>,
) -> Result<StatusCode, Error> {
    collections::add_document(&app, caller.tenant, id, document).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a document from a collection. Repeating it changes nothing.
#[utoipa::path(
    delete, path = "/collections/{id}/documents/{document_id}", tag = "collections",
    security(("bearer" = [])),
    params(("id" = CollectionId, Path), ("document_id" = DocumentId, Path)),
    responses(
        (status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, description = "unknown_collection", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn remove_from_collection(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id((id, document)): Id<(CollectionId, DocumentId)>,
) -> Result<StatusCode, Error> {
    collections::remove_document(&app, caller.tenant, id, document).await?;
    Ok(StatusCode::NO_CONTENT)
}
