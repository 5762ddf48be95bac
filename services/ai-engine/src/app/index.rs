//! Indexing and search: a text becomes searchable, and a question finds its passages.

pub(crate) mod calibrate;
pub(crate) mod embed;
pub(crate) mod index_state;
pub(crate) mod ingest;
pub(crate) mod ingest_error;
pub(crate) mod ingest_request;
pub(crate) mod languages;
mod leftovers;
pub(crate) mod question_vectors;
pub(crate) mod reembed;
pub(crate) mod search;
pub(crate) mod text_source;
pub(crate) mod vector_space;

use shared_ai_client::DocumentAccess;
use shared_models::{CreatorId, DocumentId};

use crate::error::Error;
use crate::state::AppState;
use crate::store::{document_access, indexed_documents};

/// Deletes a document from the index. The rows go first: search ignores vectors without a row.
pub(crate) async fn delete_document(
    app: &AppState,
    tenant: CreatorId,
    document: DocumentId,
) -> Result<(), Error> {
    let mut tx = app.db.tenant(tenant).await?;
    indexed_documents::delete(&mut tx, document).await?;
    document_access::delete(&mut tx, document).await?;
    tx.commit().await?;
    Ok(app.vectors.delete_document(tenant, document).await?)
}

/// Records who may see documents; the next search obeys it.
pub(crate) async fn set_access(
    app: &AppState,
    tenant: CreatorId,
    access: &[DocumentAccess],
) -> Result<(), Error> {
    let mut tx = app.db.tenant(tenant).await?;
    document_access::save(&mut tx, access).await?;
    Ok(tx.commit().await?)
}
