//! The binary of this service: `serve` (default), `openapi`, `healthcheck`.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use creator_hub_service::{AppState, Config, StartError};
use shared_config::{Reader, Service};
use shared_rpc::http_client;
use shared_web::serve::{self, ServeSettings};
use shared_web::{healthcheck, telemetry};

const SELF: Service = Service::CreatorHub;

#[tokio::main]
async fn main() -> ExitCode {
    let command = std::env::args().nth(1);
    let mut reader = Reader::from_env();
    match command.as_deref().unwrap_or("serve") {
        "serve" => {
            telemetry::start_logs(&ServeSettings::from_reader(&mut reader.clone(), SELF).log_level);
            ended(run(reader).await)
        }
        "openapi" => ended(io::stdout().write_all(creator_hub_service::DOCUMENT.as_bytes())),
        "healthcheck" => {
            let listen = ServeSettings::from_reader(&mut reader, SELF).listen;
            ExitCode::from(u8::from(!healthcheck::is_alive(listen).await))
        }
        other => ended(Err(format!("unknown command {other}"))),
    }
}

async fn run(reader: Reader) -> Result<(), StartError> {
    let config = Config::from_reader(reader)?;
    http_client::install_tls_provider();
    let metrics = telemetry::start_metrics()?;
    let stop = serve::shutdown_signal()?;
    let state = AppState::new(&config, stop.clone())?;
    let work = tokio::spawn(creator_hub_service::work(state.clone()));
    let router = creator_hub_service::app(state);
    serve::serve(&config.serve, SELF, router, metrics, stop).await?;
    work.await.map_err(StartError::Worker)
}

fn ended<E: Display>(result: Result<(), E>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    tracing::error!(%error, "ended");
    ExitCode::FAILURE
}
