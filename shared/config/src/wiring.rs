//! Names, ports and path prefixes of the services and the stores behind them.

/// A service of the platform that users reach through the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Accounts and tokens.
    Auth,
    /// Profiles and documents.
    CreatorHub,
    /// Ingestion, retrieval and answers.
    AiEngine,
    /// Channels and conversations with end users.
    Channel,
}

impl Service {
    /// All services, in the order in which they are listed everywhere.
    pub const ALL: [Self; 4] = [Self::Auth, Self::CreatorHub, Self::AiEngine, Self::Channel];

    /// The name of image, workload, Kubernetes Service and log label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::CreatorHub => "creator-hub",
            Self::AiEngine => "ai-engine",
            Self::Channel => "channel",
        }
    }

    /// The name of crate and binary.
    pub const fn binary(self) -> &'static str {
        match self {
            Self::Auth => "auth-service",
            Self::CreatorHub => "creator-hub-service",
            Self::AiEngine => "ai-engine-service",
            Self::Channel => "channel-service",
        }
    }

    /// The TCP port of the public API.
    pub const fn port(self) -> u16 {
        match self {
            Self::Auth => 8001,
            Self::CreatorHub => 8002,
            Self::AiEngine => 8003,
            Self::Channel => 8004,
        }
    }

    /// The TCP port of `/metrics`, never routed by the gateway.
    pub const fn metrics_port(self) -> u16 {
        self.port() + 1100
    }

    /// The path prefix at the gateway and in the service itself: they are the same.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Auth => "/auth",
            Self::CreatorHub => "/creator-hub",
            Self::AiEngine => "/ai-engine",
            Self::Channel => "/channels",
        }
    }

    /// The PostgreSQL login role of the service.
    pub const fn database_role(self) -> &'static str {
        match self {
            Self::Auth => "auth_app",
            Self::CreatorHub => "hub_app",
            Self::AiEngine => "ai_app",
            Self::Channel => "channel_app",
        }
    }

    /// The PostgreSQL schema that the service owns the tables of.
    pub const fn database_schema(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::CreatorHub => "hub",
            Self::AiEngine => "ai",
            Self::Channel => "channel",
        }
    }

    /// The service of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

/// A store that the services use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    /// The system of record.
    Postgres,
    /// Cache, rate limits, pub/sub.
    Redis,
    /// The vector index; can be rebuilt from PostgreSQL.
    Chroma,
    /// The model server; keeps no state.
    Ollama,
}

impl Store {
    /// All stores.
    pub const ALL: [Self; 4] = [Self::Postgres, Self::Redis, Self::Chroma, Self::Ollama];

    /// The name of workload and Kubernetes Service, and in `/readyz`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Chroma => "chroma",
            Self::Ollama => "ollama",
        }
    }

    /// The TCP port of the store.
    pub const fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::Redis => 6379,
            Self::Chroma => 8000,
            Self::Ollama => 11434,
        }
    }
}

/// The container port of the gateway: unprivileged, since it runs as non-root.
pub const GATEWAY_CONTAINER_PORT: u16 = 8080;
/// The port of the gateway's Kubernetes Service.
pub const GATEWAY_PORT: u16 = 80;
/// The port of auth's internal tenants API: not routed by the gateway.
pub const AUTH_INTERNAL_PORT: u16 = 9001;
/// The port of the operator's health and metrics.
pub const OPERATOR_PORT: u16 = 8080;

/// Liveness: the process answers.
pub const LIVEZ: &str = "/livez";
/// Readiness: every dependency that the service needs answers.
pub const READYZ: &str = "/readyz";
/// Prometheus metrics, on the metrics port.
pub const METRICS: &str = "/metrics";
/// The key set that verifies access tokens (RFC 7517), below auth's prefix.
pub const JWKS: &str = "/auth/.well-known/jwks.json";

/// The name of the database.
pub const DATABASE_NAME: &str = "platform";
/// The role that migrations log in as.
pub const MIGRATOR_ROLE: &str = "platform_migrator";
