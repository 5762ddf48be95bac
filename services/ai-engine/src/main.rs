//! The binary of this service: `serve` (default), `jobs`, `events`, `models`, `openapi`,
//! `healthcheck`.

use std::process::ExitCode;

use ai_engine_service::model_pull;
use shared_config::Service;
use shared_web::service::{self, Command};

/// The commands besides those that `shared_web` has.
const COMMANDS: [Command; 3] = [
    Command {
        name: "jobs",
        run: shared_jobs::commands::main,
    },
    Command {
        name: "events",
        // This service has no subscriptions.
        run: |reader, arguments| shared_events::commands::main(reader, arguments, |none| none),
    },
    Command {
        name: "models",
        run: |_, _| Box::pin(model_pull::main()),
    },
];

#[tokio::main]
async fn main() -> ExitCode {
    let document = ai_engine_service::DOCUMENT;
    service::main(
        Service::AiEngine,
        document,
        &COMMANDS,
        ai_engine_service::run,
    )
    .await
}
