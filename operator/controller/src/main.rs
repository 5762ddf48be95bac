//! The operator binary: the controllers, and commands for use at a terminal.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use operator::command::{self, gateway_config, images, plan, run};

/// Installs, upgrades and repairs Creator Platforms on Kubernetes.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the controllers until SIGTERM or SIGINT.
    Run(run::Arguments),
    /// Print the custom resource definitions as YAML.
    Crds,
    /// Print the objects that the operator would apply for a platform; changes nothing.
    Plan(plan::Arguments),
    /// Print the container images that the pods of a platform need; changes nothing.
    Images(images::Arguments),
    /// Print the gateway's nginx.conf for services that run on this machine.
    GatewayConfig(gateway_config::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Run(arguments) => run::run(arguments).await,
        Command::Crds => command::crds(),
        Command::Plan(arguments) => Box::pin(plan::run(arguments)).await,
        Command::Images(arguments) => Box::pin(images::run(arguments)).await,
        Command::GatewayConfig(arguments) => gateway_config::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::complain("operator", &error);
            ExitCode::FAILURE
        }
    }
}
