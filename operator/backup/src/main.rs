//! The `backup` binary: one command, then it ends. Settings come from the environment.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use backup::archive::{self, Opened};
use backup::config::{CreateSettings, OpenSettings, Place, RestoreSettings};
use backup::error::{Code, Failure};
use backup::report::{self, Kept};
use backup::{create, restore, verify};
use clap::{Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use shared_config::{Problems, Reader, keys};
use tracing_subscriber::EnvFilter;

/// Makes, checks and restores backups of a platform.
#[derive(Debug, Parser)]
#[command(name = "backup", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Command {
    /// Stores what the init container has dumped, the files and the keys.
    Create,
    /// Checks a backup by restoring it beside the platform.
    Verify {
        /// Before or after the init container that loads the dump.
        #[arg(long, value_enum, default_value_t = Phase::Finish)]
        phase: Phase,
    },
    /// Restores a backup into a new platform.
    Restore {
        /// Before or after the init container that loads the dump.
        #[arg(long, value_enum)]
        phase: Phase,
    },
    /// Lists complete backups, newest first, as JSON.
    List,
    /// Prints the keys in a backup, as lines NAME=VALUE: secrets.
    Keys,
    /// Prints a new key pair: the public key first, then the private one, which is yours to keep.
    Keygen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Phase {
    /// Fetches, checks and opens the backup.
    Fetch,
    /// Compares and finishes.
    Finish,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let reader = Reader::from_env();
    let level = reader.optional(keys::LOG_LEVEL, "info");
    let last_words = reader.optional(keys::TERMINATION_LOG, "/dev/termination-log");
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_current_span(false)
        .with_writer(std::io::stderr)
        .init();
    // Dependencies may bring a second TLS provider; ours is ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (report, code) = match run(arguments.command, reader).await {
        Ok(report) => (report, ExitCode::SUCCESS),
        Err(failure) => {
            let Failure { code, detail } = &failure;
            tracing::error!(code = code.as_str(), error = detail, "command failed");
            (report::of_failure(&failure), ExitCode::FAILURE)
        }
    };
    if !report.is_empty() {
        report::leave(Path::new(&last_words), &report);
        let _ = writeln!(std::io::stdout(), "{report}");
    }
    code
}

/// Runs a command; what it reports.
async fn run(command: Command, reader: Reader) -> Result<String, Failure> {
    let now = Timestamp::now();
    match command {
        Command::Create => {
            let settings = CreateSettings::from_reader(reader).map_err(invalid)?;
            let created = create::run(&settings, now).await?;
            Ok(report::text(&created))
        }
        Command::Verify { phase } => {
            let settings = OpenSettings::from_reader(reader).map_err(invalid)?;
            if phase == Phase::Fetch {
                verify::fetch(&settings).await?;
                return Ok(String::new());
            }
            Ok(report::text(&verify::finish(&settings, now).await?))
        }
        Command::Restore { phase } => {
            let settings = RestoreSettings::from_reader(reader).map_err(invalid)?;
            if phase == Phase::Fetch {
                restore::fetch(&settings).await?;
                return Ok(String::new());
            }
            Ok(report::text(&restore::finish(&settings, now).await?))
        }
        Command::List => list(&Place::from_reader(reader).map_err(invalid)?).await,
        Command::Keys => {
            let settings = OpenSettings::from_reader(reader).map_err(invalid)?;
            print_keys(&settings).await
        }
        Command::Keygen => {
            let (public, private) = backup::seal::key_pair();
            print(&format!("{public}\n{private}\n"))
        }
    }
}

async fn list(place: &Place) -> Result<String, Failure> {
    let (stored, _) = archive::stored(place).await?;
    let mut text = String::new();
    for backup in stored.iter().rev().filter(|backup| backup.is_complete) {
        let published = archive::manifest(place, &backup.name).await?;
        text += &report::text(&Kept::from(&published));
        text.push('\n');
    }
    print(&text)
}

/// Prints keys, and reports nothing: they must not get into a log or a status.
async fn print_keys(settings: &OpenSettings) -> Result<String, Failure> {
    let opened = Opened::new(settings).await?;
    let lines = opened.keys.iter();
    let lines = lines.map(|(name, value)| format!("{name}={value}\n"));
    print(&lines.collect::<String>())
}

fn print(text: &str) -> Result<String, Failure> {
    let printed = std::io::stdout().write_all(text.as_bytes());
    printed.map_err(|error| Failure::of_work("the output", &error))?;
    Ok(String::new())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn invalid(problems: Problems) -> Failure {
    Failure::new(Code::SettingsInvalid, problems.to_string())
}
