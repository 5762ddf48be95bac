//! The binary of this service: `serve` (default), `openapi`, `healthcheck`, `jobs`, `events`,
//! `outbox`, `retry-email ID`, `grant-admin EMAIL`, `withdraw-admin EMAIL`.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use auth_service::{Config, commands};
use shared_config::{Reader, Service};
use shared_web::service::{self, Command};

/// The commands besides those that `shared_web` has.
const COMMANDS: [Command; 6] = [
    Command {
        name: "jobs",
        run: shared_jobs::commands::main,
    },
    Command {
        name: "events",
        run: |reader, arguments| Box::pin(async { print(events(reader, arguments).await) }),
    },
    Command {
        name: "outbox",
        run: |reader, _| Box::pin(async { print(outbox(reader).await) }),
    },
    Command {
        name: "retry-email",
        run: |reader, arguments| Box::pin(async { print(retry_email(reader, arguments).await) }),
    },
    Command {
        name: "grant-admin",
        run: |reader, arguments| Box::pin(async { print(grant_admin(reader, arguments).await) }),
    },
    Command {
        name: "withdraw-admin",
        run: |reader, arguments| Box::pin(async { print(revoke_admin(reader, arguments).await) }),
    },
];

#[tokio::main]
async fn main() -> ExitCode {
    let document = auth_service::DOCUMENT;
    Box::pin(service::main(
        Service::Auth,
        document,
        &COMMANDS,
        auth_service::run,
    ))
    .await
}

type Output = Result<String, Box<dyn std::error::Error>>;

/// With all settings: what handles an event may send an email.
async fn events(reader: Reader, arguments: Vec<String>) -> Output {
    Ok(commands::events(&Config::from_reader(reader)?, &arguments).await?)
}

async fn outbox(reader: Reader) -> Output {
    Ok(commands::outbox(&Config::from_reader(reader)?).await?)
}

async fn retry_email(reader: Reader, arguments: Vec<String>) -> Output {
    let config = Config::from_reader(reader)?;
    Ok(commands::retry_email(&config, &first(&arguments)).await?)
}

async fn grant_admin(reader: Reader, arguments: Vec<String>) -> Output {
    let config = Config::from_reader(reader)?;
    Ok(commands::grant_admin(&config, &first(&arguments)).await?)
}

async fn revoke_admin(reader: Reader, arguments: Vec<String>) -> Output {
    let config = Config::from_reader(reader)?;
    Ok(commands::revoke_admin(&config, &first(&arguments)).await?)
}

fn first(arguments: &[String]) -> String {
    arguments.first().cloned().unwrap_or_default()
}

fn print<E: Display>(output: Result<String, E>) -> ExitCode {
    let printed = output.map_err(|error| error.to_string());
    let written = printed.and_then(|text| {
        let result = write!(io::stdout(), "{text}");
        result.map_err(|error| error.to_string())
    });
    service::exit_code(written)
}
