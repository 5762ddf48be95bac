//! The settings of this service.

use std::path::PathBuf;

use shared_auth::VerifierSettings;
use shared_cache::CacheSettings;
use shared_config::{Problems, Reader, Service, keys};
use shared_db::DatabaseSettings;
use shared_egress::AllowedNetworks;
use shared_jobs::retention::RetentionSettings;
use shared_models::limits;
use shared_quota::QuotaGuard;
use shared_web::serve::ServeSettings;

/// Default limit of an upload.
const UPLOAD_MAX_BYTES: u64 = 50 * 1024 * 1024;

/// Everything that `serve` reads.
#[derive(Debug, Clone)]
pub struct Config {
    /// Listeners and log level.
    pub serve: ServeSettings,
    /// PostgreSQL.
    pub database: DatabaseSettings,
    /// How long rows that are over are kept.
    pub retention: RetentionSettings,
    /// Redis.
    pub cache: CacheSettings,
    /// How callers are verified.
    pub verifier: VerifierSettings,
    /// Base URL of ai-engine.
    pub ai_engine_url: String,
    /// Folder of uploaded files.
    pub upload_dir: PathBuf,
    /// The program that reads files, as a child process: this one, unless a test says otherwise.
    pub extractor: PathBuf,
    /// Largest upload.
    pub upload_max_bytes: u64,
    /// What accounts may use.
    pub quotas: QuotaGuard,
    /// Networks outside of the public internet that sites may be in.
    pub allowed_networks: AllowedNetworks,
}

impl Config {
    /// Reads the settings, or reports all problems.
    pub fn from_reader(mut reader: Reader) -> Result<Self, Problems> {
        let config = Self {
            serve: ServeSettings::from_reader(&mut reader, Service::CreatorHub),
            database: DatabaseSettings::from_reader(&mut reader),
            retention: RetentionSettings::from_reader(&mut reader, Service::CreatorHub),
            cache: CacheSettings::from_reader(&mut reader),
            verifier: VerifierSettings::from_reader(&mut reader, Service::CreatorHub),
            ai_engine_url: reader.url(keys::AI_ENGINE_URL),
            upload_dir: PathBuf::from(reader.required(keys::UPLOAD_DIR)),
            extractor: std::env::current_exe().unwrap_or_default(),
            upload_max_bytes: reader.bounded(
                keys::UPLOAD_MAX_BYTES,
                UPLOAD_MAX_BYTES,
                1,
                limits::DOCUMENT_BYTES,
            ),
            quotas: QuotaGuard::from_reader(&mut reader),
            allowed_networks: reader.parsed(keys::ALLOWED_NETWORKS, AllowedNetworks::default()),
        };
        if !config.upload_dir.as_os_str().is_empty() && config.upload_dir.is_relative() {
            reader.problem(keys::UPLOAD_DIR, "must be an absolute path");
        }
        reader.finish(config)
    }
}

#[cfg(test)]
mod tests;
