//! The binary of this service: `serve` (default), `openapi`, `healthcheck`.

use std::process::ExitCode;

use shared_config::Service;
use shared_web::service;

#[tokio::main]
async fn main() -> ExitCode {
    let document = channel_service::DOCUMENT;
    service::main(Service::Channel, document, &[], channel_service::run).await
}
