//! `operator gateway-config`: the gateway of a cluster, for services on this machine.

use clap::Args;
use operator_core::plan::gateway::{GatewayConfig, nginx_config};
use shared_config::wiring::GATEWAY_CONTAINER_PORT;

use super::{Error, print};

/// Where it listens.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Upstreams on 127.0.0.1, at the ports that the services have everywhere.
    #[arg(long, required = true)]
    loopback: bool,
    /// Port, or address and port, that nginx listens on.
    #[arg(long, default_value_t = GATEWAY_CONTAINER_PORT.to_string())]
    listen: String,
    /// Folder that nginx may write to.
    #[arg(long, default_value = "/tmp")]
    work_dir: String,
}

/// Prints nginx.conf.
pub fn run(arguments: &Arguments) -> Result<(), Error> {
    let config = GatewayConfig::loopback(&arguments.listen, &arguments.work_dir);
    print(&nginx_config(&config))
}
