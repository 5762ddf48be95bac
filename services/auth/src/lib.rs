//! Accounts and tokens: who somebody is, and which tenant that is.
//!
//! Is for: registration, sign-in, rotating sessions, the key set that verifies access tokens.
//! Is not for: what a creator owns beside the account; that is creator-hub's.

mod api_keys;
mod audit;
mod breached;
pub mod commands;
mod config;
mod domain;
mod ending;
mod error;
mod hashing;
mod internal;
mod key_ring;
mod limits;
mod mail;
mod passwords;
mod privacy;
mod reauthentication;
mod routes;
mod second_factor;
mod state;
mod store;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use shared_config::{Service, Store};
use shared_web::{Checks, Limiter, app as web, rate_limit};
use tokio_util::sync::CancellationToken;

pub use config::{
    BreachedList, Config, DataKeys, HashingSettings, MailSettings, SmtpSettings, SmtpTls,
    TokenSettings,
};
pub use domain::registration::Registration;
pub use internal::{InternalSettings, internal};
pub use privacy::PrivacySettings;
pub use state::AppState;

/// What the OpenAPI document says about this service.
const SUMMARY: &str = "Accounts and tokens. Access tokens are EdDSA JWTs that live for minutes; \
    `/auth/.well-known/jwks.json` has the keys that verify them. Refresh tokens rotate: each is \
    used once, and a use of an older one ends its session.";

/// The OpenAPI document, as committed and served.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// The application.
pub fn app(state: AppState) -> Router {
    let checks = checks(&state);
    let beside = Router::new()
        .route("/.well-known/jwks.json", get(routes::key_set::read_key_set))
        .route(
            "/internal/v1/api-keys/introspect",
            post(routes::api_keys::introspect),
        )
        .with_state(state.clone());
    let limiter = Limiter::new(state.cache.clone(), state.verifier.clone());
    let v1 = routes::v1::<Router<AppState>>()
        .layer(middleware::from_fn_with_state(limiter, rate_limit::enforce));
    // Outermost, before any handler holds a connection: the keys need one, too.
    let v1 = v1.layer(middleware::from_fn_with_state(state.clone(), with_keys));
    let v1 = v1.with_state(state);
    web::assemble(Service::Auth, v1, beside, checks, DOCUMENT)
}

/// The document as the routes say it today; a test holds the committed one against it.
pub fn openapi() -> String {
    web::document(Service::Auth, SUMMARY, routes::v1())
}

/// Works beside the requests until told to stop: letters, signing keys, copies and erasures.
pub async fn work(state: AppState, stop: CancellationToken) {
    let keys = state.key_ring.clone().follow(stop.clone());
    tokio::join!(
        mail::worker::run(state.clone(), stop.clone()),
        privacy::worker::run(state, stop),
        keys
    );
}

/// Until the signing keys were read once, this process knows neither which one signs nor whose
/// tokens hold.
async fn with_keys(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match state.key_ring.ready().await {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn checks(state: &AppState) -> Checks {
    let (db, cache, keys) = (
        state.db.clone(),
        state.cache.clone(),
        state.key_ring.clone(),
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
        .with("signing-keys", move || {
            let keys = keys.clone();
            Box::pin(async move { keys.ready().await })
        })
}
