//! The settings of this service, and all that is wrong with them at once.

use shared_auth::VerifierSettings;
use shared_cache::CacheSettings;
use shared_config::{Problems, Reader, Secret, Service, keys};
use shared_db::DatabaseSettings;
use shared_web::serve::ServeSettings;

/// Fewest bytes of the key of visitor tokens: that of its hash.
const KEY_MIN_LENGTH: usize = 32;

/// Settings of the channel service.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub serve: ServeSettings,
    /// PostgreSQL.
    pub database: DatabaseSettings,
    /// Redis.
    pub cache: CacheSettings,
    /// How callers are verified.
    pub verifier: VerifierSettings,
    /// Base URL of ai-engine.
    pub ai_engine_url: String,
    /// Where browsers reach the gateway.
    pub public_url: String,
    /// Signs visitor tokens.
    pub widget_token_key: Secret<String>,
    /// Whether the demo page is served.
    pub demo_page: bool,
}

impl Config {
    /// Reads the settings.
    pub fn from_reader(mut reader: Reader) -> Result<Self, Problems> {
        let config = Self {
            serve: ServeSettings::from_reader(&mut reader, Service::Channel),
            database: DatabaseSettings::from_reader(&mut reader),
            cache: CacheSettings::from_reader(&mut reader),
            verifier: VerifierSettings::from_reader(&mut reader),
            ai_engine_url: reader.url(keys::AI_ENGINE_URL),
            public_url: reader.url(keys::PUBLIC_URL),
            widget_token_key: reader.secret(keys::WIDGET_TOKEN_KEY),
            demo_page: reader.parsed(keys::DEMO_PAGE, false),
        };
        let length = config.widget_token_key.expose().len();
        if (1..KEY_MIN_LENGTH).contains(&length) {
            reader.problem(keys::WIDGET_TOKEN_KEY, "is shorter than 32 characters");
        }
        reader.finish(config)
    }
}
