//! The binary of this service: `serve` (default), `models`, `openapi`, `healthcheck`.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use ai_engine_service::{AppState, Config, model_pull};
use shared_config::{Reader, Service};
use shared_web::serve::{self, ServeError, ServeSettings};
use shared_web::{healthcheck, telemetry};

const SELF: Service = Service::AiEngine;

#[tokio::main]
async fn main() -> ExitCode {
    let command = std::env::args().nth(1);
    let mut reader = Reader::from_env();
    match command.as_deref().unwrap_or("serve") {
        "serve" => {
            telemetry::start_logs(&ServeSettings::from_reader(&mut reader.clone(), SELF).log_level);
            exit_code(run(reader).await)
        }
        "models" => model_pull::main().await,
        "openapi" => exit_code(io::stdout().write_all(ai_engine_service::DOCUMENT.as_bytes())),
        "healthcheck" => {
            let listen = ServeSettings::from_reader(&mut reader, SELF).listen;
            ExitCode::from(u8::from(!healthcheck::is_alive(listen).await))
        }
        other => exit_code(Err(format!("unknown command {other}"))),
    }
}

async fn run(reader: Reader) -> Result<(), ServeError> {
    let config = Config::from_reader(reader)?;
    let settings = config.serve.clone();
    let start_error = |error: &dyn Display| ServeError::Start(error.to_string());
    let metrics = telemetry::start_metrics().map_err(|error| start_error(&error))?;
    let stop = serve::shutdown_signal()?;
    let state = AppState::new(config).map_err(|error| start_error(&error))?;
    let router = ai_engine_service::app(state);
    serve::serve(&settings, SELF, router, metrics, stop).await
}

fn exit_code<E: Display>(result: Result<(), E>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    tracing::error!(%error, "command failed");
    ExitCode::FAILURE
}
