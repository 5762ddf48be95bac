//! The binary of this service: `serve` (default), `openapi`, `healthcheck`, `jobs`.

use std::process::ExitCode;

use shared_config::Service;
use shared_web::service::{self, Command};

/// The command besides those that `shared_web` has.
const COMMANDS: [Command; 1] = [Command {
    name: "jobs",
    run: shared_jobs::commands::main,
}];

#[tokio::main]
async fn main() -> ExitCode {
    let document = creator_hub_service::DOCUMENT;
    service::main(
        Service::CreatorHub,
        document,
        &COMMANDS,
        creator_hub_service::run,
    )
    .await
}
