//! Search in a tenant's knowledge.

use shared_ai_client::{SearchRequest, SearchResults};
use shared_models::{CreatorId, DocumentId};

use crate::error::Error;
use crate::state::AppState;
use crate::store::documents;

/// Searches, and leaves out documents that were deleted but are still in the index.
pub(crate) async fn search(
    app: &AppState,
    tenant: CreatorId,
    request: &SearchRequest,
) -> Result<SearchResults, Error> {
    let mut found = app.ai.search(tenant, request).await?;
    let sources = found.results.iter();
    let ids: Vec<DocumentId> = sources.map(|source| source.document_id).collect();
    let mut tx = app.db.tenant_read(tenant).await?;
    let visible = documents::visible(&mut tx, &ids).await?;
    found
        .results
        .retain(|source| visible.contains(&source.document_id));
    Ok(found)
}
