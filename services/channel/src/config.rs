//! The settings of this service. All problems are reported at once.

use shared_auth::VerifierSettings;
use shared_cache::CacheSettings;
use shared_config::{Problems, Reader, Secret, Service, keys, limits};
use shared_db::DatabaseSettings;
use shared_jobs::retention::RetentionSettings;
use shared_quota::QuotaGuard;
use shared_web::serve::ServeSettings;

use crate::domain::socket_caps::SocketCaps;

/// A shorter key would be weaker than the hash (HMAC-SHA-256), bytes.
const MIN_KEY_LENGTH: usize = 32;
/// Largest useful bound on sockets: the number of ports.
const MAX_SOCKETS: u32 = 65_535;

/// Settings of the channel service.
#[derive(Debug, Clone)]
pub struct Config {
    /// Listeners and logs.
    pub serve: ServeSettings,
    /// The PostgreSQL connection.
    pub database: DatabaseSettings,
    /// How long rows that are over are kept.
    pub retention: RetentionSettings,
    /// The Redis connection.
    pub cache: CacheSettings,
    /// Verification of access tokens.
    pub verifier: VerifierSettings,
    /// Base URL of ai-engine.
    pub ai_engine_url: String,
    /// Base URL of creator-hub.
    pub creator_hub_url: String,
    /// Base URL of the gateway, as browsers reach it.
    pub public_url: String,
    /// Key of the visitors' tokens.
    pub widget_token_key: Secret<String>,
    /// Whether the demo page is served.
    pub demo_page: bool,
    /// Bounds on open sockets.
    pub sockets: SocketCaps,
    /// What accounts may use.
    pub quotas: QuotaGuard,
}

impl Config {
    /// Reads all settings.
    pub fn from_reader(mut reader: Reader) -> Result<Self, Problems> {
        let config = Self {
            serve: ServeSettings::from_reader(&mut reader, Service::Channel),
            database: DatabaseSettings::from_reader(&mut reader),
            retention: RetentionSettings::from_reader(&mut reader, Service::Channel),
            cache: CacheSettings::from_reader(&mut reader),
            verifier: VerifierSettings::from_reader(&mut reader, Service::Channel),
            ai_engine_url: reader.url(keys::AI_ENGINE_URL),
            creator_hub_url: reader.url(keys::CREATOR_HUB_URL),
            public_url: reader.url(keys::PUBLIC_URL),
            widget_token_key: reader.secret(keys::WIDGET_TOKEN_KEY),
            demo_page: reader.parsed(keys::DEMO_PAGE, false),
            sockets: sockets(&mut reader),
            quotas: QuotaGuard::from_reader(&mut reader),
        };
        let length = config.widget_token_key.expose().len();
        if (1..MIN_KEY_LENGTH).contains(&length) {
            reader.problem(keys::WIDGET_TOKEN_KEY, "is shorter than 32 characters");
        }
        reader.finish(config)
    }
}

/// The operator derives both values from the limits of the gateway; the defaults match its own.
fn sockets(reader: &mut Reader) -> SocketCaps {
    let default_total = limits::sockets_per_process(limits::SOCKETS_PER_GATEWAY).unsigned_abs();
    let default_per_address = limits::SOCKETS_PER_ADDRESS.unsigned_abs();
    let process = reader.bounded(keys::SOCKETS_PER_PROCESS, default_total, 1, MAX_SOCKETS);
    let address = reader.bounded(
        keys::SOCKETS_PER_ADDRESS,
        default_per_address,
        1,
        MAX_SOCKETS,
    );
    SocketCaps::of(process, address)
}
