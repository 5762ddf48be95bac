//! What a creator works on: the profile and the documents that the assistant knows.
//!
//! Is for: profiles, uploads and their files, the work that makes a document searchable, search.
//! Is not for: accounts, passages and vectors, conversations; those have services of their own.

mod config;
mod domain;
mod error;
mod files;
mod routes;
mod state;
mod store;
mod worker;

use std::sync::Arc;

use axum::{Router, middleware};
use shared_config::{Service, Store};
use shared_web::{Checks, Limiter, app as web, rate_limit};

pub use config::Config;
pub use state::{AppState, StartError};
pub use worker::{Worker, work};

/// What the OpenAPI document says about this service.
const SUMMARY: &str = "The profile of a creator, and the documents that the assistant knows. \
    Uploads are accepted at once and processed as jobs, whose progress can be read and streamed.";

/// The OpenAPI document, as committed and served.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// The application.
pub fn app(state: AppState) -> Router {
    let checks = checks(&state);
    let limiter = Limiter::new(state.cache.clone(), state.verifier.clone());
    let counted = middleware::from_fn_with_state(limiter, rate_limit::enforce);
    let v1 = routes::v1::<Router<AppState>>(state.upload_max_bytes).layer(counted);
    let beside = routes::internal().with_state(state.clone());
    let v1 = v1.with_state(state);
    web::assemble(Service::CreatorHub, v1, beside, checks, DOCUMENT)
}

/// The document as the routes say it today; a test holds the committed one against it.
pub fn openapi() -> String {
    web::document(Service::CreatorHub, SUMMARY, routes::v1(0))
}

/// ai-engine is not among them: uploads are accepted while it is away.
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
