//! All endpoints, one line each.

mod channels;
mod conversations;
mod demo;
mod internal {
    pub(super) mod tenant_data;
}
mod live {
    pub(super) mod socket;
}
pub(crate) mod providers {
    pub(crate) mod web_widget {
        pub(crate) mod admission;
        pub(crate) mod history;
        pub(crate) mod originals;
        pub(crate) mod script;
        pub(crate) mod sessions;
    }
}

use axum::Router;
use axum::routing::{get, options};
use shared_web::Endpoints;
use shared_web::tenant_data::ROUTE as TENANT_DATA;
use utoipa_axum::routes;

use self::conversations::messages;
use self::internal::tenant_data;
use self::live::socket;
use self::providers::web_widget::{admission, history, originals, script, sessions};
use crate::app::providers::web_widget::script::versioned_path;
use crate::state::AppState;

/// Endpoints for creators, below `/v1`.
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
        .routes(routes!(
            conversations::read_conversation,
            conversations::update_conversation
        ))
        .routes(routes!(messages::list_messages))
}

/// Endpoints for widgets, below `/v1`. They need the admission layer.
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

/// What links of a page open without a session, below `/v1`: the script that it embeds, and
/// originals of public documents.
pub(crate) fn scripts<E: Endpoints<AppState>>() -> E {
    E::default()
        .routes(routes!(script::read_script))
        .routes(routes!(originals::open_original))
        .route(&versioned_path(), get(script::read_versioned_script))
}

/// The demo page, below the prefix.
pub(crate) fn demo() -> Router<AppState> {
    Router::new()
        .route("/demo", get(demo::read_page))
        .route("/demo.css", get(demo::read_style))
}

/// Endpoints for other services, below the prefix. The gateway does not route them.
pub(crate) fn internal() -> Router<AppState> {
    Router::new().route(
        TENANT_DATA,
        get(tenant_data::export).delete(tenant_data::erase),
    )
}
