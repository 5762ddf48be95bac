//! The whole surface, one line an endpoint.

pub mod answers;
pub mod documents;
pub mod generations;
pub mod models;
pub mod search;
mod tenant_data;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, put};
use shared_web::Endpoints;
use shared_web::tenant_data::ROUTE as TENANT_DATA;
use utoipa_axum::routes;

use crate::state::AppState;

/// Below `/ai-engine/v1`.
pub fn v1<E: Endpoints<AppState>>() -> E {
    E::default()
        .routes(routes!(search::search))
        .routes(routes!(answers::create_answer))
        .routes(routes!(generations::read_generation))
        .routes(routes!(models::list_models))
}

/// Below `/ai-engine`, for other services only: the gateway does not route it.
pub fn internal() -> Router<AppState> {
    let document = put(documents::index_document).delete(documents::forget_document);
    Router::new()
        .route("/internal/v1/documents/{id}", document)
        .layer(DefaultBodyLimit::max(documents::BODY_LIMIT))
        .route(
            TENANT_DATA,
            get(tenant_data::copy).delete(tenant_data::erase),
        )
}
