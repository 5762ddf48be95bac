//! The plugin `kubectl creator`: status, plan, backup, restore and report of a platform.
//!
//! kubectl finds plugins by name on the PATH; what is printed here is for people, not for scripts.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use operator::command;
use operator::plugin::{backup, plan, report, restore, status};

/// Shows and operates Creator Platforms from a terminal.
#[derive(Parser)]
#[command(name = "kubectl creator", bin_name = "kubectl creator", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the state of a platform: what runs, what is wrong, and what to do about it.
    Status(status::Arguments),
    /// Print what an edited platform would change in the cluster; changes nothing.
    Plan(plan::Arguments),
    /// Take a backup now and wait until it is complete.
    Backup(backup::Arguments),
    /// Create a new platform from a backup.
    Restore(restore::Arguments),
    /// Write what a support request needs into a folder, without any Secret.
    Report(report::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Status(arguments) => status::run(arguments).await,
        Command::Plan(arguments) => Box::pin(plan::run(arguments)).await,
        Command::Backup(arguments) => backup::run(arguments).await,
        Command::Restore(arguments) => restore::run(arguments).await,
        Command::Report(arguments) => Box::pin(report::run(arguments)).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::complain("kubectl creator", &error);
            ExitCode::FAILURE
        }
    }
}
