//! The binary: serves, or does one small thing and ends.

use std::process::ExitCode;

use ai_engine_service::config::Config;
use ai_engine_service::state::AppState;
use ai_engine_service::{app, models_job};
use shared_config::{Reader, Service};
use shared_web::healthcheck::is_alive;
use shared_web::serve::{ServeError, ServeSettings, serve, shutdown_signal};
use shared_web::telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    let command = std::env::args().nth(1);
    let done = match command.as_deref() {
        None | Some("serve") => run().await,
        Some("models") => return models_job::main().await,
        Some("openapi") => return ai_engine_service::print_document(),
        Some("healthcheck") => {
            let settings = ServeSettings::from_reader(&mut Reader::from_env(), Service::AiEngine);
            return ExitCode::from(u8::from(!is_alive(settings.listen).await));
        }
        Some(other) => Err(ServeError::Start(format!("unknown command {other}"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::start_logs("info");
            tracing::error!(%error, "ai-engine ends");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), ServeError> {
    let config = Config::from_reader(Reader::from_env())?;
    let settings = config.serve.clone();
    telemetry::start_logs(&settings.log_level);
    let start = |error: &dyn std::fmt::Display| ServeError::Start(error.to_string());
    let metrics = telemetry::start_metrics().map_err(|error| start(&error))?;
    let stop = shutdown_signal()?;
    let (router, _) = app(AppState::new(config).map_err(|error| start(&error))?);
    serve(&settings, Service::AiEngine, router, metrics, stop).await
}
