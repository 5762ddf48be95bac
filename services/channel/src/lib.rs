//! Conversations with end users: a creator's channels, the web widget and its sockets, transcripts.
//!
//! This service receives messages and delivers answers. ai-engine generates the answers.

mod app;
mod config;
mod domain;
mod error;
mod jobs;
mod routes;
mod state;
mod store;

use axum::{Router, middleware};
use shared_config::{Service, Store};
use shared_web::serve::{self, StartError};
use shared_web::service::Process;
use shared_web::{Checks, Limiter, app as web, rate_limit};
use utoipa_axum::router::OpenApiRouter;

pub use config::Config;
pub use domain::socket_caps::SocketCaps;
pub use state::AppState;

use routes::providers::web_widget::admission;

/// The description in the OpenAPI document.
const SUMMARY: &str = "Channels, the web widget and conversations. Creators call with an access \
    token; a widget calls with a session token, which only pages of allowed origins can request.";

/// The committed OpenAPI document, which the service also serves.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// Serves until the process is told to stop, and drains sockets and answers.
pub async fn run(process: Process) -> Result<(), StartError> {
    let Process {
        reader,
        metrics,
        stop,
    } = process;
    let mut config = Config::from_reader(reader)?;
    if let Some(open_files) = open_file_limit() {
        let configured = config.sockets;
        config.sockets = configured.within(open_files);
        if config.sockets != configured {
            tracing::warn!(
                open_files,
                configured = configured.process,
                lowered = config.sockets.process,
                "limit of sockets lowered: the open file limit is too small"
            );
        }
    }
    let state = AppState::new(&config, stop.clone())?;
    let router = app(state.clone());
    // `serve` does not wait for sockets: their upgrade requests have already been answered.
    let serving = async {
        let served = serve::serve(
            &config.serve,
            Service::Channel,
            router,
            metrics,
            stop.clone(),
        );
        let result = served.await;
        stop.cancel();
        result
    };
    let jobs = Box::pin(run_jobs(state.clone()));
    tokio::join!(serving, state.drained(), jobs).0
}

/// Answers visitors' questions until the process is told to stop.
pub async fn run_jobs(state: AppState) {
    jobs::runner(&state).run(state.stop).await;
}

/// The kernel's open file limit of this process; `None` where it is unknown.
fn open_file_limit() -> Option<u32> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The router of all endpoints.
pub fn app(state: AppState) -> Router {
    let checks = checks(&state);
    let admission = middleware::from_fn_with_state(state.clone(), admission::admit);
    let limiter = Limiter::new(state.cache.clone(), state.verifier.clone());
    // Widgets have their own limits, by visitor and by address.
    let creators: Router<AppState> = routes::creators();
    let widget: Router<AppState> = routes::widget();
    let v1 = creators
        .layer(middleware::from_fn_with_state(limiter, rate_limit::enforce))
        .merge(routes::scripts::<Router<AppState>>())
        .merge(widget.layer(admission));
    let unversioned = routes::demo().merge(routes::internal());
    web::assemble(
        Service::Channel,
        v1.with_state(state.clone()),
        unversioned.with_state(state),
        checks,
        DOCUMENT,
    )
}

/// Generates the OpenAPI document from the routes; a test compares the committed one with it.
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
