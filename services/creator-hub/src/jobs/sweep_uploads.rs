//! Removes what interrupted uploads and extractions left behind.

use std::time::Duration;

use shared_blobs::{BlobKey, BlobName};
use shared_db::TenantTx;

use crate::error::Error;
use crate::state::AppState;
use crate::store::{artefacts, documents};

/// Removes partial files, and whole files without a row.
pub(super) async fn run(state: &AppState, older_than: Duration) -> Result<(), Error> {
    for key in state.files.sweep(older_than).await? {
        remove_if_unused(state, key).await?;
    }
    Ok(())
}

async fn remove_if_unused(state: &AppState, key: BlobKey) -> Result<(), Error> {
    let mut tx = state.db.tenant(key.tenant).await?;
    if !is_used(&mut tx, key.name).await? {
        state.files.remove(key).await?;
    }
    state.files.confirm(key).await?;
    Ok(tx.commit().await?)
}

async fn is_used(tx: &mut TenantTx, name: BlobName) -> sqlx::Result<bool> {
    match name {
        BlobName::Upload(hash) => {
            documents::lock_content(tx, hash).await?;
            Ok(documents::with_content(tx, hash).await?.is_some())
        }
        BlobName::Text(document) => {
            documents::lock_text(tx, document).await?;
            Ok(artefacts::find(tx, document).await?.is_some())
        }
    }
}
