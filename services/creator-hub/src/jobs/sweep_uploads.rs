//! Removes what interrupted uploads and extractions left behind, and the oldest files of documents
//! with many.

use std::time::Duration;

use shared_blobs::{BlobKey, BlobName};
use shared_db::TenantTx;
use shared_jobs::{Progress, ScheduleError, ScheduledWork};

use crate::error::Error;
use crate::state::AppState;
use crate::store::{artefacts, document_versions, documents};

/// An upload that has not moved for this long was interrupted.
const INTERRUPTED_UPLOAD_AGE: Duration = Duration::from_hours(1);

/// Removes partial files, and whole files without a row. All replicas share the files.
#[derive(Debug)]
pub(super) struct SweepUploads {
    state: AppState,
}

impl SweepUploads {
    pub(super) const fn new(state: AppState) -> Self {
        Self { state }
    }
}

impl ScheduledWork for SweepUploads {
    const NAME: &'static str = "sweep_uploads";
    const INTERVAL: Duration = Duration::from_hours(1);
    const TIMEOUT: Duration = Duration::from_mins(10);

    async fn run(&self) -> Result<Progress, ScheduleError> {
        run(&self.state, INTERRUPTED_UPLOAD_AGE).await?;
        Ok(Progress::Done)
    }
}

/// Removes what was interrupted that long ago.
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
            document_versions::is_used(tx, hash).await
        }
        BlobName::Text(document) => {
            documents::lock_text(tx, document).await?;
            Ok(artefacts::find(tx, document).await?.is_some())
        }
    }
}
