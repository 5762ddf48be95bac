//! Work that runs outside of requests.

pub(crate) mod embed_questions;
pub(crate) mod index_document;
mod index_words;
pub mod model_pull;
mod reembed_account;
mod set_document_access;

use shared_config::Service;
use shared_jobs::Runner;
use shared_jobs::retention::CleanUp;
use tokio_util::sync::CancellationToken;

use crate::app::index::calibrate;
use crate::state::AppState;
use embed_questions::EmbedQuestionsJob;
use index_document::IndexDocumentJob;
use index_words::IndexWords;
use reembed_account::{ReembedAccountJob, ReembedAccounts};
use set_document_access::SetDocumentAccessJob;

/// Accounts that one process embeds again at the same time, beside those documents: they must not
/// wait for it.
const REEMBEDDED_AT_ONCE: usize = 1;

/// Runs background work until `stop` is cancelled.
pub async fn run(state: AppState, stop: CancellationToken) {
    let calibration = calibrate::run(&state.embedder, &stop);
    let jobs = runner(&state).run(stop.clone());
    let reembedding = reembedding_runner(&state).run(stop.clone());
    tokio::join!(calibration, jobs, reembedding);
}

/// The runner of this service's jobs and of its scheduled work.
pub fn runner(state: &AppState) -> Runner {
    // Documents take turns at the embedding model. The large ones of one account may have half of
    // the places: the others are for accounts that have none.
    let documents = state.queues.documents_at_once;
    Runner::new(state.db.clone(), state.jobs.clone(), documents)
        .reserving(documents / 2)
        .with(IndexDocumentJob::new(state.clone()))
        .with(SetDocumentAccessJob)
        .with(EmbedQuestionsJob::new(state.clone()))
        .scheduled(IndexWords::new(state.clone()))
        .scheduled(CleanUp::new(
            state.db.clone(),
            Service::AiEngine,
            state.retention.clone(),
        ))
}

/// The runner of what a change of the embedding model needs.
pub fn reembedding_runner(state: &AppState) -> Runner {
    Runner::new(state.db.clone(), state.jobs.clone(), REEMBEDDED_AT_ONCE)
        .with(ReembedAccountJob::new(state.clone()))
        .scheduled(ReembedAccounts::new(state.clone()))
}
