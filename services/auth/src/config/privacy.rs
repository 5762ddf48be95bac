//! Where the other services are, and how long an erasure waits.

use std::time::Duration;

use shared_config::{Reader, Service, keys};

/// Default time between an owner's request and the erasure, seconds.
const DEFAULT_GRACE_SECONDS: u64 = 7 * 86_400;
const MAX_GRACE_SECONDS: u64 = 90 * 86_400;
/// Concurrent downloads per process; each needs up to about 1 MiB.
const MAX_DOWNLOADS: usize = 32;

/// Settings of exports and erasures.
#[derive(Debug, Clone)]
pub struct PrivacySettings {
    /// Base URL of creator-hub.
    pub creator_hub_url: String,
    /// Base URL of ai-engine.
    pub ai_engine_url: String,
    /// Base URL of channel.
    pub channel_url: String,
    /// Time between an owner's request and the erasure, in which it can be cancelled.
    pub grace: Duration,
    /// Concurrent downloads of exports per process, of all accounts together.
    pub max_downloads: usize,
}

impl PrivacySettings {
    /// Reads the settings. A service without a URL is expected on this machine.
    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        let url = |reader: &mut Reader, key, service: Service| {
            if reader.optional(key, "").is_empty() {
                return format!("http://127.0.0.1:{}", service.port());
            }
            reader.url(key)
        };
        let grace = reader.bounded(
            keys::ERASURE_GRACE_SECONDS,
            DEFAULT_GRACE_SECONDS,
            0,
            MAX_GRACE_SECONDS,
        );
        Self {
            creator_hub_url: url(reader, keys::CREATOR_HUB_URL, Service::CreatorHub),
            ai_engine_url: url(reader, keys::AI_ENGINE_URL, Service::AiEngine),
            channel_url: url(reader, keys::CHANNEL_URL, Service::Channel),
            grace: Duration::from_secs(grace),
            max_downloads: MAX_DOWNLOADS,
        }
    }
}
