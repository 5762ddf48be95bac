//! The binary of this service: `serve` (default), `openapi`, `healthcheck`, `outbox`,
//! `grant-admin EMAIL`, `withdraw-admin EMAIL`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use auth_service::{AppState, Config, commands};
use shared_config::{Reader, Service};
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
        "openapi" => ended(io::stdout().write_all(auth_service::DOCUMENT.as_bytes())),
        "outbox" => ended(outbox(reader).await),
        "grant-admin" => ended(administer(reader, true).await),
        "withdraw-admin" => ended(administer(reader, false).await),
        "healthcheck" => {
            let listen = ServeSettings::from_reader(&mut reader, SELF).listen;
            ExitCode::from(u8::from(!healthcheck::is_alive(listen).await))
        }
        other => ended(Err(format!("unknown command {other}"))),
    }
}

const SELF: Service = Service::Auth;

async fn run(reader: Reader) -> Result<(), ServeError> {
    let config = Config::from_reader(reader)?;
    let metrics =
        telemetry::start_metrics().map_err(|error| ServeError::Start(error.to_string()))?;
    let state = AppState::new(&config)?;
    let stop = serve::shutdown_signal()?;
    let work = tokio::spawn(auth_service::work(state.clone(), stop.clone()));
    let router = auth_service::app(state.clone());
    let public = serve::serve(&config.serve, SELF, router, metrics, stop.clone());
    if let Some(inside) = config.internal {
        let tenants = auth_service::internal(state, inside.token);
        let tenants = serve::serve_beside(inside.listen, tenants, stop);
        tokio::try_join!(public, tenants)?;
    } else {
        tracing::info!("no PROVISIONING_TOKEN: the tenants API is not served");
        public.await?;
    }
    work.await
        .map_err(|error| ServeError::Start(error.to_string()))
}

async fn outbox(reader: Reader) -> Result<(), Box<dyn std::error::Error>> {
    let text = commands::outbox(&Config::from_reader(reader)?).await?;
    Ok(write!(io::stdout(), "{text}")?)
}

async fn administer(reader: Reader, granted: bool) -> Result<(), Box<dyn std::error::Error>> {
    let email = std::env::args().nth(2).unwrap_or_default();
    let config = Config::from_reader(reader)?;
    let text = commands::administer(&config, &email, granted).await?;
    Ok(write!(io::stdout(), "{text}")?)
}

fn ended<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    tracing::error!(%error, "ended");
    ExitCode::FAILURE
}
