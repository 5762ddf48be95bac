//! The whole surface: one line an endpoint.

pub(crate) mod admission;
mod channels;
mod conversations;
mod demo;
mod history;
mod script;
mod sessions;
mod socket;
mod tenant_data;

use axum::Router;
use axum::routing::{get, options};
use shared_web::Endpoints;
use shared_web::tenant_data::ROUTE as TENANT_DATA;
use utoipa_axum::routes;

use crate::state::AppState;

/// What creators call, below `/v1`.
pub(crate) fn creators<E: Endpoints<AppState>>() -> E {
    E::default()
        .routes(routes!(channels::list_channels, channels::create_channel))
        .routes(routes!(
            channels::read_channel,
            channels::update_channel,
            channels::delete_channel
        ))
        .routes(routes!(channels::read_embed))
        .routes(routes!(conversations::list_conversations))
        .routes(routes!(conversations::read_conversation))
        .routes(routes!(conversations::list_messages))
}

/// What widgets call, below `/v1`; the admission layer belongs around them.
pub(crate) fn widget<E: Endpoints<AppState>>() -> E {
    E::default()
        .routes(routes!(sessions::create_session))
        .route(
            "/widget/{channel_id}/sessions",
            options(admission::answer_preflight),
        )
        .routes(routes!(history::read_history))
        .route(
            "/widget/{channel_id}/history",
            options(admission::answer_preflight),
        )
        .routes(routes!(socket::open_socket))
}

/// The script that pages embed, below `/v1`.
pub(crate) fn scripts<E: Endpoints<AppState>>() -> E {
    E::default().routes(routes!(script::read_script)).route(
        &script::versioned_path(),
        get(script::read_versioned_script),
    )
}

/// The demo page, below the prefix.
pub(crate) fn demo() -> Router<AppState> {
    Router::new()
        .route("/demo", get(demo::read_page))
        .route("/demo.css", get(demo::read_style))
}

/// Below the prefix, for other services only: the gateway does not route it.
pub(crate) fn internal() -> Router<AppState> {
    Router::new().route(
        TENANT_DATA,
        get(tenant_data::copy).delete(tenant_data::erase),
    )
}
