//! Ingestion, retrieval and answers: makes a creator's texts searchable and answers questions from
//! the passages that it finds, and from nothing else.
//!
//! PostgreSQL stores the texts. Chroma is an index of their vectors that can be rebuilt. Ollama
//! runs the models. Every passage that Chroma returns is read again from PostgreSQL under row-level
//! security before it is shown.

mod app;
mod clients;
mod config;
mod domain;
mod error;
pub mod jobs;
mod routes;
mod state;
mod store;

use axum::{Router, middleware};
use shared_config::{Service, Store};
use shared_web::serve::{self, StartError};
use shared_web::service::Process;
use shared_web::{Checks, Limiter, app as web, rate_limit};

/// For tests, which call models themselves.
pub use clients::bulkhead::Patience;
pub use clients::model_error::ModelError;
pub use clients::{chat_stream, chroma, ollama};
pub use config::{Config, Engines, ModelServerSettings, Queues, ServerKind};
/// What decides about answers and their sentences, for `tests/quality`, which measures it.
pub use domain::answer::{answerability, grounding, prompt, qa_match};
pub use domain::caller::Caller;
/// For tests, which calibrate a model once for all.
pub use domain::index::calibration::Calibration;
/// For tests of the vector store.
pub use domain::index::scope::DocumentFilter;
pub use jobs::model_pull;
pub use state::AppState;

/// The description in the OpenAPI document.
const SUMMARY: &str = "Search in a creator's knowledge, and answers from it with their sources.";

/// The OpenAPI document, as committed and served.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// Serves and runs jobs until the process is told to stop.
pub async fn run(process: Process) -> Result<(), StartError> {
    let config = Config::from_reader(process.reader)?;
    let settings = config.serve.clone();
    let state = AppState::new(config)?;
    let work = tokio::spawn(jobs::run(state.clone(), process.stop.clone()));
    let router = app(state);
    serve::serve(
        &settings,
        Service::AiEngine,
        router,
        process.metrics,
        process.stop,
    )
    .await?;
    Ok(work.await?)
}

/// The router of the service.
pub fn app(state: AppState) -> Router {
    let checks = checks(&state);
    let unversioned = routes::internal().with_state(state.clone());
    let limiter = Limiter::new(state.cache.clone(), state.verifier.clone());
    let v1 = routes::v1::<Router<AppState>>()
        .layer(middleware::from_fn_with_state(limiter, rate_limit::enforce));
    let v1 = v1.with_state(state);
    web::assemble(Service::AiEngine, v1, unversioned, checks, DOCUMENT)
}

/// The OpenAPI document generated from the routes; a test compares the committed one with it.
pub fn openapi() -> String {
    web::document(Service::AiEngine, SUMMARY, routes::v1())
}

/// The dependencies that `/readyz` checks.
fn checks(state: &AppState) -> Checks {
    let db = state.db.clone();
    let cache = state.cache.clone();
    let vectors = state.vectors.clone();
    let state = state.clone();
    Checks::default()
        .with(Store::Postgres.name(), move || {
            let db = db.clone();
            Box::pin(async move { db.ping().await })
        })
        .with(Store::Redis.name(), move || {
            let cache = cache.clone();
            Box::pin(async move { cache.ping().await })
        })
        .with(Store::Chroma.name(), move || {
            let vectors = vectors.clone();
            Box::pin(async move { vectors.check_health().await })
        })
        .with(Store::Ollama.name(), move || {
            let state = state.clone();
            Box::pin(async move { app::models::check(&state).await })
        })
}
