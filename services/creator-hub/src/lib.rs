//! The creator-hub service: a creator's profile and the documents of the assistant's knowledge.
//!
//! Is for: profiles, uploads and their files, the jobs that make a document searchable, search.
//! Is not for: accounts (auth), passages and vectors (ai-engine), conversations (channel).

mod app;
mod clients;
mod config;
mod domain;
mod error;
mod files;
pub mod jobs;
mod routes;
mod state;
mod store;

use std::sync::Arc;

use axum::{Router, middleware};
use shared_config::{Service, Store};
use shared_web::serve::{self, StartError};
use shared_web::service::Process;
use shared_web::{Checks, Limiter, app as web, rate_limit};

pub use config::Config;
pub use state::AppState;

/// The description in the OpenAPI document.
const SUMMARY: &str = "The profile of a creator, and the documents that the assistant knows. \
    Uploads are accepted at once and processed as jobs, whose progress can be read and streamed.";

/// The OpenAPI document, as committed and served.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// Serves and runs jobs until the process is told to stop.
pub async fn run(process: Process) -> Result<(), StartError> {
    let config = Config::from_reader(process.reader)?;
    let state = AppState::new(&config, process.stop.clone())?;
    let work = tokio::spawn(jobs::run(state.clone()));
    let router = app(state);
    serve::serve(
        &config.serve,
        Service::CreatorHub,
        router,
        process.metrics,
        process.stop,
    )
    .await?;
    Ok(work.await?)
}

/// The application.
pub fn app(state: AppState) -> Router {
    let checks = checks(&state);
    let limiter = Limiter::new(state.cache.clone(), state.verifier.clone());
    let counted = middleware::from_fn_with_state(limiter, rate_limit::enforce);
    let v1 = routes::v1::<Router<AppState>>(state.upload_max_bytes).layer(counted);
    let beside = routes::internal_routes().with_state(state.clone());
    let v1 = v1.with_state(state);
    web::assemble(Service::CreatorHub, v1, beside, checks, DOCUMENT)
}

/// The OpenAPI document generated from the routes; a test compares the committed one with it.
pub fn openapi() -> String {
    web::document(Service::CreatorHub, SUMMARY, routes::v1(0))
}

/// ai-engine is not checked: uploads are accepted while it is unavailable.
fn checks(state: &AppState) -> Checks {
    let (db, cache, files) = (
        state.db.clone(),
        state.cache.clone(),
        Arc::clone(&state.files),
    );
    Checks::default()
        .with(Store::Postgres.name(), move || {
            let db = db.clone();
            Box::pin(async move { db.ping().await })
        })
        .with(Store::Redis.name(), move || {
            let cache = cache.clone();
            Box::pin(async move { cache.ping().await })
        })
        .with(files::NAME, move || {
            let files = Arc::clone(&files);
            Box::pin(async move { files.check().await })
        })
}
