//! The binary of this service: `serve` (default), `openapi`, `healthcheck`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use channel_service::{AppState, Config};
use shared_config::{Reader, Service};
use shared_rpc::http_client;
use shared_web::serve::{self, ServeError, ServeSettings};
use shared_web::{healthcheck, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    let command = std::env::args().nth(1);
    let mut reader = Reader::from_env();
    match command.as_deref().unwrap_or("serve") {
        "serve" => {
            telemetry::start_logs(&ServeSettings::from_reader(&mut reader.clone(), SELF).log_level);
            ended(run(reader).await)
        }
        "openapi" => ended(io::stdout().write_all(channel_service::DOCUMENT.as_bytes())),
        "healthcheck" => {
            let listen = ServeSettings::from_reader(&mut reader, SELF).listen;
            ExitCode::from(u8::from(!healthcheck::is_alive(listen).await))
        }
        other => ended(Err(format!("unknown command {other}"))),
    }
}

const SELF: Service = Service::Channel;

async fn run(reader: Reader) -> Result<(), ServeError> {
    let config = Config::from_reader(reader)?;
    http_client::install_tls_provider();
    let start = |error: String| ServeError::Start(error);
    let metrics = telemetry::start_metrics().map_err(|error| start(error.to_string()))?;
    let stop = serve::shutdown_signal()?;
    let state = AppState::new(&config, stop.clone()).map_err(|error| start(error.to_string()))?;
    let router = channel_service::app(state.clone());
    // Sockets have left their requests behind, so `serve` does not wait for them.
    let serving = async {
        let result = serve::serve(&config.serve, SELF, router, metrics, stop.clone()).await;
        stop.cancel();
        result
    };
    tokio::join!(serving, state.drained()).0
}

fn ended<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    tracing::error!(%error, "ended");
    ExitCode::FAILURE
}
