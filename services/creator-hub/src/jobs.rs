//! The background work of this service, one file per kind, and what runs it.

pub(crate) mod erase_document;
pub(crate) mod ingest_document;
mod sweep_uploads;

use std::time::Duration;

use shared_jobs::Runner;
use tokio::time::MissedTickBehavior;

use crate::state::AppState;
use erase_document::EraseDocument;
use ingest_document::IngestDocument;

/// Jobs that one process runs at the same time.
const CONCURRENCY: usize = 2;
/// How often the leftovers of dead processes are removed.
const SWEEP_INTERVAL: Duration = Duration::from_hours(1);

/// Runs background work until the service stops.
pub async fn run(state: AppState) {
    let stop = state.stop.clone();
    let sweeping = stop.run_until_cancelled(sweep_periodically(state.clone()));
    tokio::join!(runner(&state).run(state.stop.clone()), sweeping);
}

/// The runner of this service's jobs.
pub fn runner(state: &AppState) -> Runner {
    Runner::new(state.db.clone(), state.jobs.clone(), CONCURRENCY)
        .with(IngestDocument::new(state.clone()))
        .with(EraseDocument::new(state.clone()))
}

/// Removes what interrupted uploads left behind that long ago.
pub async fn sweep(state: &AppState, older_than: Duration) {
    if let Err(error) = sweep_uploads::run(state, older_than).await {
        tracing::warn!(%error, "leftovers of uploads not removed; will retry");
    }
}

async fn sweep_periodically(state: AppState) {
    let mut clock = tokio::time::interval(SWEEP_INTERVAL);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        sweep(&state, SWEEP_INTERVAL).await;
    }
}
