//! Redis and Chroma: managed here or external.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;
use super::storage::Storage;
use super::workload::{KeyRef, Resources};

/// Who runs a store.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum StoreMode {
    /// This operator.
    #[default]
    Managed,
    /// Somebody else.
    External,
}

/// Redis: cache, sessions and limits.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.mode == oldSelf.mode")
        .message("mode cannot change: sessions would be lost unseen"),
    validation = Rule::new("(self.mode == 'external') == has(self.external)")
        .message("mode external needs external, and mode managed has none"),
    validation = Rule::new("self.mode == 'managed' || !has(self.resources)")
        .message("resources belong to mode managed only")
)]
pub struct Redis {
    /// Who runs it. Immutable.
    #[serde(default)]
    pub mode: StoreMode,
    /// Volume of the append-only file.
    #[serde(default = "redis_storage")]
    pub storage: Storage,
    /// CPU and memory; three quarters of the memory limit become `maxmemory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Where the external server is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalRedis>,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            mode: StoreMode::default(),
            storage: redis_storage(),
            resources: None,
            external: None,
        }
    }
}

/// A Redis that somebody else runs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ExternalRedis {
    /// Host name or address.
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::HOSTNAME))]
    pub host: String,
    /// TCP port.
    #[serde(default = "redis_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// ACL user.
    #[serde(default = "default_user")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[-_a-zA-Z0-9]+$"))]
    pub username: String,
    /// Where its password is.
    pub password_secret_ref: KeyRef,
}

/// Chroma: the index of embeddings.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.mode == oldSelf.mode")
        .message("mode cannot change: the index would have to be built again unseen"),
    validation = Rule::new("(self.mode == 'external') == has(self.external)")
        .message("mode external needs external, and mode managed has none"),
    validation = Rule::new("self.mode == 'managed' || !has(self.resources)")
        .message("resources belong to mode managed only")
)]
pub struct Chroma {
    /// Who runs it. Immutable.
    #[serde(default)]
    pub mode: StoreMode,
    /// Volume of the index.
    #[serde(default = "chroma_storage")]
    pub storage: Storage,
    /// CPU and memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Where the external server is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalUrl>,
}

impl Default for Chroma {
    fn default() -> Self {
        Self {
            mode: StoreMode::default(),
            storage: chroma_storage(),
            resources: None,
            external: None,
        }
    }
}

/// A server that is reached by URL.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ExternalUrl {
    /// Base URL, `http` or `https`.
    #[schemars(length(min = 8, max = 300), regex(pattern = bounds::BASE_URL))]
    pub url: String,
}

fn redis_storage() -> Storage {
    Storage::of("2Gi")
}

fn chroma_storage() -> Storage {
    Storage::of("10Gi")
}

fn default_user() -> String {
    "default".to_owned()
}

const fn redis_port() -> i32 {
    6379
}
