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
            exit_code(run(reader).await)
        }
        "openapi" => exit_code(io::stdout().write_all(auth_service::DOCUMENT.as_bytes())),
        "outbox" => exit_code(outbox(reader).await),
        "grant-admin" => exit_code(grant_admin(reader).await),
        "withdraw-admin" => exit_code(revoke_admin(reader).await),
        "healthcheck" => {
            let listen = ServeSettings::from_reader(&mut reader, SELF).listen;
            ExitCode::from(u8::from(!healthcheck::is_alive(listen).await))
        }
        other => exit_code(Err(format!("unknown command {other}"))),
    }
}

const SELF: Service = Service::Auth;

async fn run(reader: Reader) -> Result<(), ServeError> {
    let config = Config::from_reader(reader)?;
    let metrics =
        telemetry::start_metrics().map_err(|error| ServeError::Start(error.to_string()))?;
    let state = AppState::new(&config)?;
    let stop = serve::shutdown_signal()?;
    let jobs = tokio::spawn(auth_service::run_jobs(state.clone(), stop.clone()));
    let router = auth_service::app(state.clone());
    let public = serve::serve(&config.serve, SELF, router, metrics, stop.clone());
    if let Some(settings) = config.tenants_api {
        let router = auth_service::tenants_api(state, settings.token);
        let tenants_api = serve::serve_beside(settings.listen, router, stop);
        tokio::try_join!(public, tenants_api)?;
    } else {
        tracing::info!("tenants API not served: PROVISIONING_TOKEN is not set");
        public.await?;
    }
    jobs.await
        .map_err(|error| ServeError::Start(error.to_string()))
}

async fn outbox(reader: Reader) -> Result<(), Box<dyn std::error::Error>> {
    let text = commands::outbox(&Config::from_reader(reader)?).await?;
    Ok(write!(io::stdout(), "{text}")?)
}

async fn grant_admin(reader: Reader) -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::from_reader(reader)?;
    let text = commands::grant_admin(&config, &email_argument()).await?;
    Ok(write!(io::stdout(), "{text}")?)
}

async fn revoke_admin(reader: Reader) -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::from_reader(reader)?;
    let text = commands::revoke_admin(&config, &email_argument()).await?;
    Ok(write!(io::stdout(), "{text}")?)
}

fn email_argument() -> String {
    std::env::args().nth(2).unwrap_or_default()
}

fn exit_code<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    tracing::error!(%error, "command failed");
    ExitCode::FAILURE
}
