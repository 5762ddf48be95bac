//! The binary of this service: `serve` (default), `models`, `openapi`, `healthcheck`.

use std::process::ExitCode;

use ai_engine_service::model_pull;
use shared_config::Service;
use shared_web::service::{self, Command};

/// The command that only this service has.
const COMMANDS: [Command; 1] = [Command {
    name: "models",
    run: |_, _| Box::pin(model_pull::main()),
}];

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
