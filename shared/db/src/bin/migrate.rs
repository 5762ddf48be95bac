//! The `migrate` binary: migrates the database and exits. Kubernetes runs it as a Job.

use std::process::ExitCode;

use shared_config::{Reader, keys};
use shared_db::migrate::{self, Settings};
use tracing_subscriber::EnvFilter;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let reader = Reader::from_env();
    let level = reader.optional(keys::LOG_LEVEL, "info");
    let last_words = reader.optional(keys::TERMINATION_LOG, "/dev/termination-log");
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_current_span(false)
        .init();
    // Dependencies may bring a second TLS provider; ours is ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match work(reader).await {
        Ok(number) => {
            tracing::info!(migration = number, "database migrated");
            say(
                &last_words,
                &serde_json::json!({ "migration": number }).to_string(),
            );
            ExitCode::SUCCESS
        }
        Err(message) => {
            tracing::error!(error = message, "migration failed");
            say(&last_words, &message);
            ExitCode::FAILURE
        }
    }
}

async fn work(reader: Reader) -> Result<i64, String> {
    let settings = Settings::from_reader(reader).map_err(|error| error.to_string())?;
    migrate::run(&settings)
        .await
        .map_err(|error| error.to_string())
}

/// Kubernetes copies this file into the pod's status, the operator into its condition.
fn say(path: &str, message: &str) {
    if let Err(error) = std::fs::write(path, message) {
        tracing::debug!(%error, path, "cannot write the termination message");
    }
}
