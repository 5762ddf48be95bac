//! The `migrate` binary: migrates the database and exits. Kubernetes runs it as a Job.

use std::process::ExitCode;

use shared_config::{Reader, keys};
use shared_db::migrate::{self, Migrated, Settings};
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
        Ok(migrated) => {
            let Migrated {
                migration,
                by_newer_version,
            } = migrated;
            if by_newer_version {
                tracing::info!(
                    migration,
                    "a newer version has migrated the database; only roles and passwords were set"
                );
            } else {
                tracing::info!(migration, "database migrated");
            }
            let report = serde_json::json!({
                "migration": migration, "by_newer_version": by_newer_version,
            });
            say(&last_words, &report.to_string());
            ExitCode::SUCCESS
        }
        Err(message) => {
            tracing::error!(error = message, "migration failed");
            say(&last_words, &message);
            ExitCode::FAILURE
        }
    }
}

async fn work(reader: Reader) -> Result<Migrated, String> {
    let settings = Settings::from_reader(reader).map_err(|error| error.to_string())?;
    migrate::run_patiently(&settings, migrate::RETRY_TIMEOUT)
        .await
        .map_err(|error| error.to_string())
}

/// Kubernetes copies this file into the pod's status, the operator into its condition.
fn say(path: &str, message: &str) {
    if let Err(error) = std::fs::write(path, message) {
        tracing::debug!(%error, path, "cannot write the termination message");
    }
}
