//! The only settings that this service has.

mod breached;
mod mail;

use std::thread;
use std::time::Duration;

use shared_auth::VerifierSettings;
use shared_cache::CacheSettings;
use shared_config::{Problems, Reader, Secret, Service, keys};
use shared_db::DatabaseSettings;
use shared_web::serve::ServeSettings;

use crate::domain::password;
use crate::domain::registration::Registration;
use crate::internal::InternalSettings;
use crate::privacy::PrivacySettings;
use shared_crypto::read_key;

pub use breached::BreachedList;
pub use mail::{MailSettings, SmtpSettings, SmtpTls};
pub use shared_crypto::DataKeys;

/// The floor of Argon2id (OWASP): less is refused, not merely advised against.
const MEMORY_FLOOR_KIB: u32 = 19 * 1024;
const ITERATIONS_FLOOR: u32 = 2;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Everything that `serve` reads.
#[derive(Debug, Clone)]
pub struct Config {
    /// Listeners and log level.
    pub serve: ServeSettings,
    /// PostgreSQL.
    pub database: DatabaseSettings,
    /// Redis.
    pub cache: CacheSettings,
    /// How callers are verified.
    pub verifier: VerifierSettings,
    /// How tokens are made.
    pub tokens: TokenSettings,
    /// How passwords are hashed.
    pub hashing: HashingSettings,
    /// Fewest characters of a password.
    pub password_min_length: usize,
    /// The tenants API; without a token it is not served.
    pub internal: Option<InternalSettings>,
    /// Whether anybody may register.
    pub registration: Registration,
    /// Whether only who has proved the e-mail address may stay signed in.
    pub verified_email_required: bool,
    /// What secrets at rest are sealed with.
    pub data_keys: DataKeys,
    /// Where letters go.
    pub mail: MailSettings,
    /// Where passwords that leaked elsewhere are looked up; none by default.
    pub breached: Option<BreachedList>,
    /// Copies of everything, and erasure.
    pub privacy: PrivacySettings,
}

/// How tokens are made.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The Ed25519 seed.
    pub seed: Secret<[u8; 32]>,
    /// Life of an access token.
    pub access_life: Duration,
    /// Life of a refresh token.
    pub refresh_life: Duration,
    /// How long a key signs before the next one takes over.
    pub key_period: Duration,
}

/// How passwords are hashed.
#[derive(Debug, Clone, Copy)]
pub struct HashingSettings {
    /// Memory of one hash.
    pub memory_kib: u32,
    /// Passes of one hash.
    pub iterations: u32,
    /// Hashes computed at once.
    pub concurrency: usize,
}

impl Config {
    /// Reads the settings, or says everything that is wrong with them.
    pub fn from_reader(mut reader: Reader) -> Result<Self, Problems> {
        let reader_ref = &mut reader;
        let config = Self {
            serve: ServeSettings::from_reader(reader_ref, Service::Auth),
            database: DatabaseSettings::from_reader(reader_ref),
            cache: CacheSettings::from_reader(reader_ref),
            verifier: VerifierSettings::from_reader(reader_ref),
            tokens: TokenSettings::from_reader(reader_ref),
            hashing: HashingSettings::from_reader(reader_ref),
            password_min_length: reader_ref.bounded(
                keys::PASSWORD_MIN_LENGTH,
                password::MIN_LENGTH,
                password::MIN_LENGTH,
                password::MAX_LENGTH,
            ),
            privacy: PrivacySettings::from_reader(reader_ref),
            internal: InternalSettings::from_reader(reader_ref),
            registration: registration(reader_ref),
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
                DAY * reader.bounded(keys::SIGNING_KEY_DAYS, 30, 1, 3660),
            ),
            access_life: seconds(reader, keys::ACCESS_TOKEN_SECONDS, 900, 1, 7 * DAY),
            refresh_life: seconds(
                reader,
                keys::REFRESH_TOKEN_SECONDS,
                30 * DAY,
                60,
                3660 * DAY,
            ),
        }
    }
}

impl HashingSettings {
    fn from_reader(reader: &mut Reader) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (memory, iterations) = (MEMORY_FLOOR_KIB, ITERATIONS_FLOOR);
        Self {
            memory_kib: reader.bounded(keys::ARGON2_MEMORY_KIB, memory, memory, 1024 * 1024),
            iterations: reader.bounded(keys::ARGON2_ITERATIONS, iterations, iterations, 100),
            concurrency: reader.bounded(keys::ARGON2_CONCURRENCY, cores, 1, 256),
        }
    }
}

fn registration(reader: &mut Reader) -> Registration {
    let word = reader.optional(keys::SELF_REGISTRATION, "open");
    Registration::from_name(&word).unwrap_or_else(|| {
        reader.problem(
            keys::SELF_REGISTRATION,
            "must be open, invite_only or closed",
        );
        Registration::Closed
    })
}

#[cfg(test)]
mod tests;
