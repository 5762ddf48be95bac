//! The binary of this service: `serve` (default), `openapi`, `healthcheck`, `jobs`,
//! `events`.

use std::process::ExitCode;

use shared_config::Service;
use shared_web::service::{self, Command};

/// The commands besides those that `shared_web` has.
const COMMANDS: [Command; 2] = [
    Command {
        name: "jobs",
        run: shared_jobs::commands::main,
    },
    Command {
        name: "events",
        // This service has no subscriptions.
        run: |reader, arguments| shared_events::commands::main(reader, arguments, |none| none),
    },
];

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
