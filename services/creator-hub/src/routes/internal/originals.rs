//! The original files of documents that visitors may open, for channel.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use shared_models::{CollectionId, DocumentId};
use shared_web::{Id, Query, ServiceCall, called_by};

use crate::app::versions;
use crate::error::Error;
use crate::routes::versions::{Disposition, file_response};
use crate::state::AppState;

/// Where the document must be.
#[derive(Debug, Deserialize)]
pub(crate) struct Limits {
    /// Ids separated by commas; the document must be in one of them, if there are any.
    #[serde(default)]
    collections: String,
}

/// Streams the original of a public document.
pub(crate) async fn read(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Channel>,
    Id(id): Id<DocumentId>,
    Query(Limits { collections }): Query<Limits>,
) -> Result<Response, Error> {
    let ids = collections.split(',').filter(|id| !id.is_empty());
    let ids: Result<Vec<CollectionId>, _> = ids.map(str::parse).collect();
    let ids = ids.map_err(|_| Error::UnknownDocument)?;
    let (file, stored) = versions::open_public(&app, call.tenant, id, &ids).await?;
    Ok(file_response(&file, stored, Disposition::Shown))
}
