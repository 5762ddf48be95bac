//! The binary: `serve` (default), `models`, `openapi`, `healthcheck`.

use std::process::ExitCode;

use ai_engine_service::config::Config;
use ai_engine_service::state::AppState;
use ai_engine_service::{app, models_job, print_document};
use shared_config::{Reader, Service};
use shared_web::healthcheck::is_alive;
use shared_web::serve::{ServeError, ServeSettings, serve, shutdown_signal};
use shared_web::telemetry;

const SELF: Service = Service::AiEngine;

#[tokio::main]
async fn main() -> ExitCode {
    let mut reader = Reader::from_env();
    let settings = ServeSettings::from_reader(&mut reader, SELF);
    telemetry::start_logs(&settings.log_level);
    let done = match std::env::args().nth(1).as_deref() {
        None | Some("serve") => run().await,
        Some("models") => return models_job::main().await,
        Some("openapi") => return print_document(),
        Some("healthcheck") => return u8::from(!is_alive(settings.listen).await).into(),
        Some(other) => Err(ServeError::Start(format!("unknown command {other}"))),
    };
    let failed = done.inspect_err(|error| tracing::error!(%error, "ai-engine ends"));
    u8::from(failed.is_err()).into()
}

async fn run() -> Result<(), ServeError> {
    let config = Config::from_reader(Reader::from_env())?;
    let settings = config.serve.clone();
    let start = |error: &dyn std::fmt::Display| ServeError::Start(error.to_string());
    let metrics = telemetry::start_metrics().map_err(|error| start(&error))?;
    let stop = shutdown_signal()?;
    let (router, _) = app(AppState::new(config).map_err(|error| start(&error))?);
    serve(&settings, SELF, router, metrics, stop).await
}
