//! Redis and Chroma: run by this operator, or external.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::bounds;
use super::storage::Storage;
use super::workload::{KeyRef, Resources};

/// Who runs a store.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum StoreMode {
    /// Run by this operator.
    #[default]
    Managed,
    /// Run outside of the platform.
    External,
}

/// Redis: cache, sessions, rate limits and pub/sub.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.mode == oldSelf.mode")
        .message("mode cannot change: all sessions would be lost"),
    validation = Rule::new("(self.mode == 'external') == has(self.external)")
        .message("external is required in mode external, and not allowed in mode managed"),
    validation = Rule::new("self.mode == 'managed' || !has(self.resources)")
        .message("resources are allowed in mode managed only")
)]
pub struct Redis {
    /// Who runs the server. Immutable.
    #[serde(default)]
    pub mode: StoreMode,
    /// Volume that stores the append-only file.
    #[serde(default = "redis_storage")]
    pub storage: Storage,
    /// Compute resources of Redis. `maxmemory` is three quarters of the memory limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Overrides of the pod template, with the same bounds as those of services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::free_form")]
    pub pod_template: Option<Map<String, Value>>,
    /// Address of the external server, in mode `external`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalRedis>,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            mode: StoreMode::default(),
            storage: redis_storage(),
            resources: None,
            pod_template: None,
            external: None,
        }
    }
}

/// A Redis server outside of the platform.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.tls || !has(self.caSecretRef)")
    .message("caSecretRef requires tls"))]
pub struct ExternalRedis {
    /// Host name or IP address.
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::HOST))]
    pub host: String,
    /// TCP port.
    #[serde(default = "redis_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Name of the ACL user.
    #[serde(default = "default_user")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[-_a-zA-Z0-9]+$"))]
    pub username: String,
    /// Secret key with the user's password.
    pub password_secret_ref: KeyRef,
    /// Encrypts the connection (`rediss://`). The server's certificate must match the host name and
    /// be signed by a trusted authority.
    #[serde(default)]
    pub tls: bool,
    /// Secret key with the certificates of the trusted authority, in PEM format; by default those
    /// of the web are trusted. Requires `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<KeyRef>,
}

/// Chroma, the vector index.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.mode == oldSelf.mode")
        .message("mode cannot change: the vector index would be lost"),
    validation = Rule::new("(self.mode == 'external') == has(self.external)")
        .message("external is required in mode external, and not allowed in mode managed"),
    validation = Rule::new("self.mode == 'managed' || !has(self.resources)")
        .message("resources are allowed in mode managed only")
)]
pub struct Chroma {
    /// Who runs the server. Immutable.
    #[serde(default)]
    pub mode: StoreMode,
    /// Volume that stores the index.
    #[serde(default = "chroma_storage")]
    pub storage: Storage,
    /// Compute resources of Chroma.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Overrides of the pod template, with the same bounds as those of services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::free_form")]
    pub pod_template: Option<Map<String, Value>>,
    /// Address of the external server, in mode `external`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalUrl>,
}

impl Default for Chroma {
    fn default() -> Self {
        Self {
            mode: StoreMode::default(),
            storage: chroma_storage(),
            resources: None,
            pod_template: None,
            external: None,
        }
    }
}

/// A server outside of the platform, reached by URL.
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
