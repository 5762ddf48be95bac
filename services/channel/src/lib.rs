//! Where end users talk: channels of a creator, the web widget and its sockets, conversations.
//!
//! Is for: who may embed a widget, taking messages in, bringing answers back, transcripts.
//! Is not for: how an answer comes about; that is ai-engine's.

mod config;
mod domain;
mod error;
mod live;
mod routes;
mod state;
mod store;

use axum::{Router, middleware};
use shared_config::{Service, Store};
use shared_web::{Checks, Limiter, app as web, rate_limit};
use utoipa_axum::router::OpenApiRouter;

pub use config::Config;
pub use state::{AppState, SetupError};

/// What the OpenAPI document says of this service.
const SUMMARY: &str = "Channels, the web widget and conversations. Creators call with an access \
    token; a widget calls with the session token that a page of an allowed origin asked for.";

/// The OpenAPI document, as committed and served.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// The application.
pub fn app(state: AppState) -> Router {
    let checks = checks(&state);
    let admission = middleware::from_fn_with_state(state.clone(), routes::admission::admit);
    let limiter = Limiter::new(state.cache.clone(), state.verifier.clone());
    // Widgets have limits of their own, by visitor and by address.
    let creators: Router<AppState> = routes::creators();
    let widget: Router<AppState> = routes::widget();
    let v1 = creators
        .layer(middleware::from_fn_with_state(limiter, rate_limit::enforce))
        .merge(routes::scripts::<Router<AppState>>())
        .merge(widget.layer(admission));
    let beside = routes::demo().merge(routes::internal());
    let beside = beside.with_state(state.clone());
    let v1 = v1.with_state(state);
    web::assemble(Service::Channel, v1, beside, checks, DOCUMENT)
}

/// The document as the routes say it today; a test holds the committed one against it.
pub fn openapi() -> String {
    let creators: OpenApiRouter<AppState> = routes::creators();
    let v1 = creators.merge(routes::scripts()).merge(routes::widget());
    web::document(Service::Channel, SUMMARY, v1)
}

fn checks(state: &AppState) -> Checks {
    let (db, cache) = (state.db.clone(), state.cache.clone());
    Checks::default()
        .with(Store::Postgres.name(), move || {
            let db = db.clone();
            Box::pin(async move { db.ping().await })
        })
        .with(Store::Redis.name(), move || {
            let cache = cache.clone();
            Box::pin(async move { cache.ping().await })
        })
}
