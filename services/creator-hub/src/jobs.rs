//! The background work of this service, one file per kind, and what runs it.

pub(crate) mod erase_document;
pub(crate) mod ingest_document;
mod sweep_uploads;

use std::time::Duration;

use shared_config::Service;
use shared_jobs::Runner;
use shared_jobs::retention::CleanUp;

use crate::state::AppState;
use erase_document::EraseDocument;
use ingest_document::IngestDocument;
use sweep_uploads::SweepUploads;

/// Jobs that one process runs at the same time.
const CONCURRENCY: usize = 2;

/// Runs background work until the service stops.
pub async fn run(state: AppState) {
    runner(&state).run(state.stop.clone()).await;
}

/// Removes what interrupted uploads left behind that long ago; for tests, at once.
pub async fn sweep(state: &AppState, older_than: Duration) {
    if let Err(error) = sweep_uploads::run(state, older_than).await {
        tracing::warn!(%error, "leftovers of uploads not removed");
    }
}

/// The runner of this service's jobs and scheduled work.
pub fn runner(state: &AppState) -> Runner {
    Runner::new(state.db.clone(), state.jobs.clone(), CONCURRENCY)
        .with(IngestDocument::new(state.clone()))
        .with(EraseDocument::new(state.clone()))
        .scheduled(SweepUploads::new(state.clone()))
        .scheduled(CleanUp::new(
            state.db.clone(),
            Service::CreatorHub,
            state.retention.clone(),
        ))
}
