//! The texts that were extracted from documents, for ai-engine.

use shared_blobs::{BlobError, BlobKey, OpenBlob};
use shared_models::{ContentHash, CreatorId, DocumentId};

use crate::error::Error;
use crate::state::AppState;
use crate::store::{artefacts, documents};

/// Opens the text of a document at an offset. A deleted document has none, and neither has one
/// whose text was extracted again: the job that names the old text is outdated.
pub(crate) async fn open(
    app: &AppState,
    tenant: CreatorId,
    document: DocumentId,
    hash: ContentHash,
    offset: u64,
) -> Result<OpenBlob, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let is_visible = documents::find(&mut tx, document).await?.is_some();
    let text = artefacts::find(&mut tx, document).await?;
    drop(tx);
    if !is_visible || text.is_none_or(|text| text.hash != hash) {
        return Err(Error::UnknownText);
    }
    let key = BlobKey::text(tenant, document);
    app.files
        .open(key, offset)
        .await
        .map_err(|error| match error {
            BlobError::NotFound => {
                tracing::error!(%document, "the text of a document is missing");
                Error::UnknownText
            }
            BlobError::Unavailable(_) => error.into(),
        })
}
