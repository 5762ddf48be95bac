//! The parts of a platform: their names, and the condition that each has.

use shared_config::{Service, Store};

/// A part of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// What belongs to no part alone.
    Platform,
    /// One of the stores.
    Store(Store),
    /// Roles, schema and grants.
    Migration,
    /// Models that must be there before anybody asks.
    Models,
    /// One of the four services.
    Service(Service),
    /// The one door.
    Gateway,
}

impl Component {
    /// All components, in the order in which they come up.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Platform];
        all.extend(Store::ALL.map(Self::Store));
        all.extend([Self::Migration, Self::Models]);
        all.extend(Service::ALL.map(Self::Service));
        all.push(Self::Gateway);
        all
    }

    /// The value of the label `app.kubernetes.io/component` and the end of object names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Store(store) => store.name(),
            Self::Migration => "migrate",
            Self::Models => "models",
            Self::Service(service) => service.name(),
            Self::Gateway => "gateway",
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
            Self::Migration => "MigrationsApplied",
            Self::Models => "ModelsReady",
            Self::Service(Service::Auth) => "AuthReady",
            Self::Service(Service::CreatorHub) => "CreatorHubReady",
            Self::Service(Service::AiEngine) => "AiEngineReady",
            Self::Service(Service::Channel) => "ChannelReady",
            Self::Gateway => "GatewayReady",
        }
    }
}
