//! Work that runs outside of requests.

pub(crate) mod embed_questions;
pub(crate) mod index_document;
mod index_words;
pub mod model_pull;
mod set_document_access;

use shared_config::Service;
use shared_jobs::Runner;
use shared_jobs::retention::CleanUp;
use tokio_util::sync::CancellationToken;

use crate::app::index::calibrate;
use crate::state::AppState;
use embed_questions::{EmbedQuestions, EmbedQuestionsJob};
use index_document::IndexDocumentJob;
use index_words::IndexWords;
use set_document_access::SetDocumentAccessJob;

/// Documents that one process indexes at the same time. More would only wait for Ollama.
const CONCURRENCY: usize = 2;

/// Runs background work until `stop` is cancelled.
pub async fn run(state: AppState, stop: CancellationToken) {
    let calibration = calibrate::run(&state.embedder, &stop);
    let jobs = runner(&state).run(stop.clone());
    tokio::join!(calibration, jobs);
}

/// The runner of this service's jobs and of its scheduled work.
pub fn runner(state: &AppState) -> Runner {
    Runner::new(state.db.clone(), state.jobs.clone(), CONCURRENCY)
        .with(IndexDocumentJob::new(state.clone()))
        .with(SetDocumentAccessJob)
        .with(EmbedQuestionsJob::new(state.clone()))
        .scheduled(EmbedQuestions::new(state.clone()))
        .scheduled(IndexWords::new(state.clone()))
        .scheduled(CleanUp::new(
            state.db.clone(),
            Service::AiEngine,
            state.retention.clone(),
        ))
}
