//! Accounts and tokens: authenticates users and identifies their tenant.
//!
//! Registration, sign-in, sessions, second factor, members, API keys, the audit log, and the key
//! set that verifies access tokens. Everything else that a creator owns belongs to other services.

mod app;
mod clients;
mod config;
mod domain;
mod error;
mod jobs;
mod routes;
mod state;
mod store;
mod subscriptions;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use shared_config::{Service, Store};
use shared_jobs::ScheduledWork;
use shared_web::serve::{self, StartError};
use shared_web::service::Process;
use shared_web::{Checks, Limiter, app as web, rate_limit};
use tokio_util::sync::CancellationToken;

pub use app::commands;
pub use config::{
    BreachedList, Config, DataKeys, HashingSettings, MailSettings, PrivacySettings, SmtpSettings,
    SmtpTls, TenantsApiSettings, TokenSettings,
};
pub use domain::registration::Registration;
pub use routes::internal::tenants_api;
pub use state::AppState;
pub use subscriptions::dispatcher;

/// The description in the OpenAPI document.
const SUMMARY: &str = "Accounts and tokens. Access tokens are EdDSA JWTs that are valid for \
    minutes; `/auth/.well-known/jwks.json` publishes the keys that verify them. Refresh tokens \
    rotate: each is used once, and the use of an older one ends its session.";

/// The OpenAPI document, as committed and served.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// Serves both APIs and runs jobs until the process is told to stop.
pub async fn run(process: Process) -> Result<(), StartError> {
    let Process {
        reader,
        metrics,
        stop,
    } = process;
    let config = Config::from_reader(reader)?;
    let state = AppState::new(&config)?;
    let jobs = tokio::spawn(run_jobs(state.clone(), stop.clone()));
    let data_key = check_data_key(state.clone(), stop.clone());
    let router = app(state.clone());
    let public = serve::serve(&config.serve, Service::Auth, router, metrics, stop.clone());
    if let Some(settings) = config.tenants_api {
        let router = tenants_api(state, settings.token);
        let tenants_api = serve::serve_beside(settings.listen, router, stop);
        tokio::try_join!(public, tenants_api, data_key)?;
    } else {
        tracing::info!("tenants API not served: PROVISIONING_TOKEN is not set");
        tokio::try_join!(public, data_key)?;
    }
    Ok(jobs.await?)
}

/// Ends the process if its `DATA_KEY` is not the one of the database: it could read no secret, and
/// what it encrypted could not be read with the right one.
async fn check_data_key(state: AppState, stop: CancellationToken) -> Result<(), StartError> {
    let opened = stop.run_until_cancelled(state.key_ring.opened()).await;
    let result = opened.unwrap_or(Ok(()));
    result.map_err(|cause| StartError::setup("DATA_KEY", cause))
}

/// The router of the public API.
pub fn app(state: AppState) -> Router {
    let checks = checks(&state);
    let unversioned = Router::new()
        .route(
            "/.well-known/jwks.json",
            get(routes::security::jwks::read_key_set),
        )
        .route(
            "/internal/v1/api-keys/introspect",
            post(routes::internal::api_keys::introspect),
        )
        .with_state(state.clone());
    let limiter = Limiter::new(state.cache.clone(), state.verifier.clone());
    let v1 = routes::v1::<Router<AppState>>()
        .layer(middleware::from_fn_with_state(limiter, rate_limit::enforce))
        // Outermost, before a handler holds a database connection: loading the keys needs one too.
        .layer(middleware::from_fn_with_state(state.clone(), require_keys))
        .with_state(state);
    web::assemble(Service::Auth, v1, unversioned, checks, DOCUMENT)
}

/// The OpenAPI document generated from the routes; a test compares the committed one with it.
pub fn openapi() -> String {
    web::document(Service::Auth, SUMMARY, routes::v1())
}

/// Runs the background work until `stop`: emails, signing keys, revocations, exports and erasures,
/// and what follows the events of other services.
pub async fn run_jobs(state: AppState, stop: CancellationToken) {
    let keys = state.key_ring.clone().follow(stop.clone());
    // Jobs encrypt: they wait until DATA_KEY has proved to be the one of the database.
    let encrypting = async {
        let opened = stop.run_until_cancelled(state.key_ring.opened()).await;
        if let Some(Ok(())) = opened {
            tokio::join!(
                jobs::run(&state, &stop),
                dispatcher(&state).run(stop.clone()),
            );
        }
    };
    tokio::join!(
        encrypting,
        state.revocations.clone().run(stop.clone()),
        keys
    );
}

/// The scheduled work that seals the audit logs.
pub fn seal_audit_logs(state: AppState) -> impl ScheduledWork {
    jobs::seal_audit_logs(state)
}

/// Until the signing keys were read once, this process can neither sign nor verify tokens.
async fn require_keys(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match state.key_ring.ready().await {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn checks(state: &AppState) -> Checks {
    let db = state.db.clone();
    let cache = state.cache.clone();
    let keys = state.key_ring.clone();
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
