//! The operator binary: `run`, and what people ask of it on a command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use operator::command::{self, gateway_config, plan, run};

/// Brings up, upgrades and repairs Creator Platforms.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Watches platforms and makes them so, until it is told to end.
    Run(run::Arguments),
    /// Prints the definitions of the custom resources.
    Crds,
    /// Prints what would be applied for a platform.
    Plan(plan::Arguments),
    /// Prints the gateway's nginx.conf for services on this machine.
    GatewayConfig(gateway_config::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Run(arguments) => run::run(arguments).await,
        Command::Crds => command::crds(),
        Command::Plan(arguments) => Box::pin(plan::run(arguments)).await,
        Command::GatewayConfig(arguments) => gateway_config::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::complain(&error);
            ExitCode::FAILURE
        }
    }
}
