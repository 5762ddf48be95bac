//! The binary of this service: `serve` (default), `openapi`, `healthcheck`, `jobs`, `events`, and
//! `extract`, the child process that reads one file.

use std::process::ExitCode;

use shared_config::Service;
use shared_extract::child;
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

fn main() -> ExitCode {
    // Before a runtime starts threads: the limits are those of one thread.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((command, rest)) = arguments.split_first()
        && command == child::COMMAND
    {
        return child::main(rest);
    }
    serve()
}

#[tokio::main]
async fn serve() -> ExitCode {
    let document = creator_hub_service::DOCUMENT;
    service::main(
        Service::CreatorHub,
        document,
        &COMMANDS,
        creator_hub_service::run,
    )
    .await
}
