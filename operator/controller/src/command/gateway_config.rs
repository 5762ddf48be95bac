//! `operator gateway-config`: the gateway's nginx.conf for services on this machine.

use clap::Args;
use operator_core::plan::gateway::{GatewayConfig, nginx_config};
use shared_config::wiring::GATEWAY_CONTAINER_PORT;

use super::{Error, print};

/// Arguments of `operator gateway-config`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Use the services on 127.0.0.1, at their default ports.
    #[arg(long, required = true)]
    loopback: bool,
    /// Port, or address:port, on which nginx listens.
    #[arg(long, default_value_t = GATEWAY_CONTAINER_PORT.to_string())]
    listen: String,
    /// Directory for nginx to write its temporary files and its PID file to.
    #[arg(long, default_value = "/tmp")]
    work_dir: String,
    /// Origins whose pages may read what nginx refuses, separated by commas: those of the services.
    #[arg(long, value_delimiter = ',')]
    cors_origins: Vec<String>,
}

/// Prints nginx.conf.
pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let mut config = GatewayConfig::loopback(&arguments.listen, &arguments.work_dir);
    config.cors_origins.clone_from(&arguments.cors_origins);
    print(&nginx_config(&config))
}
