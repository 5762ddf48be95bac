//! The settings of this service.

mod breached;
mod mail;
mod privacy;
mod tenants_api;

use std::thread;
use std::time::Duration;

use shared_auth::VerifierSettings;
use shared_cache::CacheSettings;
use shared_config::{Problems, Reader, Secret, Service, keys};
use shared_crypto::read_key;
use shared_db::DatabaseSettings;
use shared_jobs::retention::RetentionSettings;
use shared_quota::QuotaGuard;
use shared_web::serve::ServeSettings;

use crate::domain::password;
use crate::domain::registration::Registration;

pub use breached::BreachedList;
pub use mail::{MailSettings, SmtpSettings, SmtpTls};
pub use privacy::PrivacySettings;
pub use shared_crypto::DataKeys;
pub use tenants_api::TenantsApiSettings;

/// Minimum cost of Argon2id (OWASP); lower values are refused.
const MIN_MEMORY_KIB: u32 = 19 * 1024;
const MIN_ITERATIONS: u32 = 2;

const DAY_SECONDS: u64 = 86_400;

/// All settings of `serve`.
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
    /// How access tokens are verified.
    pub verifier: VerifierSettings,
    /// How tokens are signed.
    pub tokens: TokenSettings,
    /// How passwords are hashed.
    pub hashing: HashingSettings,
    /// Minimum length of a password.
    pub password_min_length: usize,
    /// The tenants API; without a token it is not served.
    pub tenants_api: Option<TenantsApiSettings>,
    /// Who may register.
    pub registration: Registration,
    /// What accounts may use.
    pub quotas: QuotaGuard,
    /// Whether users need a verified email address to sign in.
    pub verified_email_required: bool,
    /// The keys that encrypt secrets at rest.
    pub data_keys: DataKeys,
    /// How emails are sent.
    pub mail: MailSettings,
    /// Where breached passwords are looked up; nowhere by default.
    pub breached: Option<BreachedList>,
    /// Exports and erasures.
    pub privacy: PrivacySettings,
}

/// How tokens are signed.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The Ed25519 seed of the first key.
    pub seed: Secret<[u8; 32]>,
    /// Lifetime of an access token.
    pub access_ttl: Duration,
    /// Lifetime of a refresh token.
    pub refresh_ttl: Duration,
    /// Longest lifetime of a session, however often it is renewed.
    pub session_ttl: Duration,
    /// How long a key signs before the next one replaces it.
    pub key_period: Duration,
}

/// How passwords are hashed.
#[derive(Debug, Clone, Copy)]
pub struct HashingSettings {
    /// Memory per hash.
    pub memory_kib: u32,
    /// Passes per hash.
    pub iterations: u32,
    /// Concurrent hashes.
    pub concurrency: usize,
}

impl Config {
    /// Reads the settings, or returns all problems at once.
    pub fn from_reader(mut reader: Reader) -> Result<Self, Problems> {
        let reader_ref = &mut reader;
        let config = Self {
            serve: ServeSettings::from_reader(reader_ref, Service::Auth),
            database: DatabaseSettings::from_reader(reader_ref),
            retention: RetentionSettings::from_reader(reader_ref, Service::Auth),
            cache: CacheSettings::from_reader(reader_ref),
            verifier: VerifierSettings::from_reader(reader_ref, Service::Auth),
            tokens: TokenSettings::from_reader(reader_ref),
            hashing: HashingSettings::from_reader(reader_ref),
            password_min_length: reader_ref.bounded(
                keys::PASSWORD_MIN_LENGTH,
                password::MIN_LENGTH,
                password::MIN_LENGTH,
                password::MAX_LENGTH,
            ),
            privacy: PrivacySettings::from_reader(reader_ref),
            tenants_api: TenantsApiSettings::from_reader(reader_ref),
            registration: registration(reader_ref),
            quotas: QuotaGuard::from_reader(reader_ref),
            verified_email_required: reader_ref.parsed(keys::VERIFIED_EMAIL_REQUIRED, false),
            data_keys: DataKeys::from_reader(reader_ref),
            mail: MailSettings::from_reader(reader_ref),
            breached: breached::from_reader(reader_ref),
        };
        reader.finish(config)
    }
}

impl TokenSettings {
    fn from_reader(reader: &mut Reader) -> Self {
        let seconds = |reader: &mut Reader, key, default, low, high| {
            Duration::from_secs(reader.bounded(key, default, low, high))
        };
        Self {
            seed: read_key(reader, keys::SIGNING_SEED),
            key_period: Duration::from_secs(
                DAY_SECONDS * reader.bounded(keys::SIGNING_KEY_DAYS, 30, 1, 3660),
            ),
            access_ttl: seconds(reader, keys::ACCESS_TOKEN_SECONDS, 900, 1, 7 * DAY_SECONDS),
            refresh_ttl: seconds(
                reader,
                keys::REFRESH_TOKEN_SECONDS,
                30 * DAY_SECONDS,
                60,
                3660 * DAY_SECONDS,
            ),
            session_ttl: seconds(
                reader,
                keys::SESSION_SECONDS,
                90 * DAY_SECONDS,
                60,
                3660 * DAY_SECONDS,
            ),
        }
    }
}

impl HashingSettings {
    fn from_reader(reader: &mut Reader) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            memory_kib: reader.bounded(
                keys::ARGON2_MEMORY_KIB,
                MIN_MEMORY_KIB,
                MIN_MEMORY_KIB,
                1024 * 1024,
            ),
            iterations: reader.bounded(
                keys::ARGON2_ITERATIONS,
                MIN_ITERATIONS,
                MIN_ITERATIONS,
                100,
            ),
            concurrency: reader.bounded(keys::ARGON2_CONCURRENCY, cores, 1, 256),
        }
    }
}

fn registration(reader: &mut Reader) -> Registration {
    let name = reader.optional(keys::SELF_REGISTRATION, "open");
    Registration::from_name(&name).unwrap_or_else(|| {
        reader.problem(
            keys::SELF_REGISTRATION,
            "must be open, invite_only or closed",
        );
        Registration::Closed
    })
}

#[cfg(test)]
mod tests;
