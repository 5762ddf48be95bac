//! All routes of the service.

mod answers;
mod generations;
mod index_state;
mod internal;
mod models;
mod search;
mod settings;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, put};
use shared_web::Endpoints;
use shared_web::tenant_data::ROUTE as TENANT_DATA;
use utoipa_axum::routes;

use crate::state::AppState;

/// The public API, under `/ai-engine/v1`.
pub(crate) fn v1<E: Endpoints<AppState>>() -> E {
    E::default()
        .routes(routes!(search::search))
        .routes(routes!(index_state::read_index))
        .routes(routes!(answers::create_answer))
        .routes(routes!(generations::list_generations))
        .routes(routes!(
            generations::read_generation,
            generations::cancel_generation
        ))
        .routes(routes!(answers::resume_answer))
        .routes(routes!(models::list_models))
        .routes(routes!(settings::read_settings, settings::replace_settings))
}

/// The API for other services, under `/ai-engine`. The gateway does not route it.
pub(crate) fn internal() -> Router<AppState> {
    let document =
        put(internal::documents::index_document).delete(internal::documents::delete_document);
    let tenant_data = get(internal::tenant_data::export).delete(internal::tenant_data::erase);
    Router::new()
        .route("/internal/v1/documents/{id}", document)
        .layer(DefaultBodyLimit::max(internal::documents::MAX_BODY))
        .route(
            "/internal/v1/document-access",
            put(internal::documents::set_access),
        )
        .route(
            "/internal/v1/qa-pairs",
            put(internal::qa_pairs::set_pairs)
                .layer(DefaultBodyLimit::max(internal::qa_pairs::MAX_BODY)),
        )
        .route(TENANT_DATA, tenant_data)
}
