//! Removes what interrupted uploads left behind.

use std::time::Duration;

use shared_models::CreatorId;

use crate::domain::content::ContentHash;
use crate::error::Error;
use crate::state::AppState;
use crate::store::documents;

/// Removes partial files, and whole files without a row.
pub(super) async fn run(state: &AppState, older_than: Duration) -> Result<(), Error> {
    for (creator, hash) in state.files.sweep(older_than).await? {
        remove_if_unused(state, creator, hash).await?;
    }
    Ok(())
}

async fn remove_if_unused(
    state: &AppState,
    creator: CreatorId,
    hash: ContentHash,
) -> Result<(), Error> {
    let mut tx = state.db.tenant(creator).await?;
    documents::lock_content(&mut tx, hash).await?;
    if documents::with_content(&mut tx, hash).await?.is_none() {
        state.files.remove(creator, hash).await?;
    }
    state.files.confirm(creator, hash).await?;
    Ok(tx.commit().await?)
}
