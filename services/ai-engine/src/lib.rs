//! Ingestion, retrieval and answers: a creator's texts become searchable, and questions about
//! them are answered with what was found and nothing else.
//!
//! PostgreSQL holds the text, Chroma an index of it that can be rebuilt, Ollama works. Every
//! passage that Chroma names is read again as the tenant before anybody sees it.

pub mod chroma;
pub mod config;
pub mod domain;
pub mod error;
pub mod gate;
pub mod models_job;
pub mod ollama;
pub mod pipeline;
pub mod routes;
pub mod state;
pub mod store;

use axum::{Router, middleware};
use shared_config::{Service, Store};
use shared_web::{Checks, Limiter, app as web, rate_limit};

use crate::state::AppState;

/// What the OpenAPI document says of this service.
const SUMMARY: &str = "Search in a creator's knowledge, and answers from it with their sources.";

/// The OpenAPI document, as committed and served.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// The application.
pub fn app(state: AppState) -> Router {
    let checks = checks(&state);
    let beside = routes::internal().with_state(state.clone());
    let limiter = Limiter::new(state.cache.clone(), state.verifier.clone());
    let v1 = routes::v1::<Router<AppState>>()
        .layer(middleware::from_fn_with_state(limiter, rate_limit::enforce));
    let v1 = v1.with_state(state);
    web::assemble(Service::AiEngine, v1, beside, checks, DOCUMENT)
}

/// The document as the routes say it today; a test holds the committed one against it.
pub fn openapi() -> String {
    web::document(Service::AiEngine, SUMMARY, routes::v1())
}

/// What this service cannot work without.
fn checks(state: &AppState) -> Checks {
    let (db, cache, vectors, ollama) = (
        state.db.clone(),
        state.cache.clone(),
        state.vectors.clone(),
        state.clone(),
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
        .with(Store::Chroma.name(), move || {
            let vectors = vectors.clone();
            Box::pin(async move { vectors.healthy().await })
        })
        .with(Store::Ollama.name(), move || {
            let state = ollama.clone();
            Box::pin(async move { routes::models::ready(&state).await })
        })
}
