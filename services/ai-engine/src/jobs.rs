//! Work that runs outside of requests.

pub mod model_pull;

use shared_config::Service;
use shared_jobs::retention::CleanUp;
use shared_jobs::{JobQueue, Runner};

use crate::state::AppState;

/// Jobs that one process runs at the same time.
const CONCURRENCY: usize = 1;

/// The runner of scheduled work.
pub(crate) fn runner(state: &AppState) -> Runner {
    let queue = JobQueue::new(Service::AiEngine, state.cache.clone());
    Runner::new(state.db.clone(), queue, CONCURRENCY).scheduled(CleanUp::new(
        state.db.clone(),
        Service::AiEngine,
        state.retention.clone(),
    ))
}
