//! Removes what interrupted uploads left behind.

use std::time::Duration;

use shared_jobs::{Progress, ScheduleError, ScheduledWork};
use shared_models::CreatorId;

use crate::domain::content::ContentHash;
use crate::error::Error;
use crate::state::AppState;
use crate::store::documents;

/// An upload that has not moved for this long was interrupted.
const INTERRUPTED_AFTER: Duration = Duration::from_hours(1);

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
    const EVERY: Duration = Duration::from_hours(1);
    const TIMEOUT: Duration = Duration::from_mins(10);

    async fn run(&self) -> Result<Progress, ScheduleError> {
        run(&self.state, INTERRUPTED_AFTER).await?;
        Ok(Progress::Done)
    }
}

/// Removes what was interrupted that long ago.
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
