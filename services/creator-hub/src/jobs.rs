//! The background work of this service, one file per kind, and what runs it.

pub(crate) mod erase_document;
pub(crate) mod erase_site;
pub(crate) mod ingest_document;
pub(crate) mod record_languages;
pub(crate) mod send_qa_pairs;
mod start_syncs;
mod sweep_uploads;
pub(crate) mod sync_site;

use std::time::Duration;

use shared_config::Service;
use shared_jobs::Runner;
use shared_jobs::retention::CleanUp;

use crate::state::AppState;
use erase_document::EraseDocument;
use erase_site::EraseSite;
use ingest_document::IngestDocument;
use record_languages::RecordLanguages;
use send_qa_pairs::SendQaPairs;
use start_syncs::StartSyncs;
use sweep_uploads::SweepUploads;
use sync_site::SyncSite;

/// Jobs that one process runs at the same time.
const CONCURRENCY: usize = 2;
/// Sites that one process synchronises at the same time, beside those jobs: a slow host must not
/// keep uploads waiting.
const SITES_AT_ONCE: usize = 4;

/// Runs background work until the service stops.
pub async fn run(state: AppState) {
    tokio::join!(
        runner(&state).run(state.stop.clone()),
        sites_runner(&state).run(state.stop.clone()),
    );
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
        .with(EraseSite::new(state.clone()))
        .with(SendQaPairs::new(state.clone()))
        .with(RecordLanguages)
        .scheduled(SweepUploads::new(state.clone()))
        .scheduled(CleanUp::new(
            state.db.clone(),
            Service::CreatorHub,
            state.retention.clone(),
        ))
}

/// The runner of synchronisations.
pub fn sites_runner(state: &AppState) -> Runner {
    Runner::new(state.db.clone(), state.jobs.clone(), SITES_AT_ONCE)
        .with(SyncSite::new(state.clone()))
        .scheduled(StartSyncs::new(state.clone()))
}
