//! The parts of a platform: their names, and the condition that each has.

use shared_config::{Service, Store};

/// A part of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// What belongs to no part alone.
    Platform,
    /// One of the stores.
    Store(Store),
    /// The backup that a new platform begins with.
    Restore,
    /// Roles, schema and grants.
    Migration,
    /// Models that must be there before anybody asks.
    Models,
    /// One of the four services.
    Service(Service),
    /// The one door.
    Gateway,
    /// Backups of the whole platform, and their checks.
    Backups,
}

impl Component {
    /// All components, in the order in which they come up.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Platform];
        all.extend(Store::ALL.map(Self::Store));
        all.extend([Self::Restore, Self::Migration, Self::Models]);
        all.extend(Service::ALL.map(Self::Service));
        all.extend([Self::Gateway, Self::Backups]);
        all
    }

    /// The value of the label `app.kubernetes.io/component` and the end of object names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Store(store) => store.name(),
            Self::Restore => "restore",
            Self::Migration => "migrate",
            Self::Models => "models",
            Self::Service(service) => service.name(),
            Self::Gateway => "gateway",
            Self::Backups => "backups",
        }
    }

    /// The type of its condition.
    pub const fn condition(self) -> &'static str {
        match self {
            Self::Platform => "FoundationReady",
            Self::Store(Store::Postgres) => "PostgresReady",
            Self::Store(Store::Redis) => "RedisReady",
            Self::Store(Store::Chroma) => "ChromaReady",
            Self::Store(Store::Ollama) => "OllamaReady",
            Self::Restore => "Restored",
            Self::Migration => "MigrationsApplied",
            Self::Models => "ModelsReady",
            Self::Service(Service::Auth) => "AuthReady",
            Self::Service(Service::CreatorHub) => "CreatorHubReady",
            Self::Service(Service::AiEngine) => "AiEngineReady",
            Self::Service(Service::Channel) => "ChannelReady",
            Self::Gateway => "GatewayReady",
            Self::Backups => "BackupCurrent",
        }
    }
}
