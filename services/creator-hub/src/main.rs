//! The binary of this service: `serve` (default), `openapi`, `healthcheck`.

use std::process::ExitCode;

use shared_config::Service;
use shared_web::service;

#[tokio::main]
async fn main() -> ExitCode {
    let document = creator_hub_service::DOCUMENT;
    service::main(Service::CreatorHub, document, &[], creator_hub_service::run).await
}
