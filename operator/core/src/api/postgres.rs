//! The database: managed here, external, or by CloudNativePG.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;
use super::storage::Storage;
use super::workload::{NameRef, Resources};

/// Who runs PostgreSQL.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum PostgresMode {
    /// One instance, run by this operator.
    #[default]
    Managed,
    /// A server elsewhere.
    External,
    /// A `Cluster` of `CloudNativePG`, for a database that outlives a node.
    CloudnativePg,
}

/// The database of the platform.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.mode == oldSelf.mode")
        .message("mode cannot change: back up, and restore into a new platform"),
    validation = Rule::new("self.mode == 'managed' || !has(self.managed)")
        .message("managed belongs to mode managed only"),
    validation = Rule::new("(self.mode == 'external') == has(self.external)")
        .message("mode external needs external, and no other mode has it"),
    validation = Rule::new("self.mode == 'cloudnative-pg' || !has(self.cloudnativePg)")
        .message("cloudnativePg belongs to mode cloudnative-pg only")
)]
pub struct Postgres {
    /// Who runs it. Immutable.
    #[serde(default)]
    pub mode: PostgresMode,
    /// Settings of the managed instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedPostgres>,
    /// Where the external server is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalPostgres>,
    /// Settings of the `CloudNativePG` cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudnative_pg: Option<CloudnativePg>,
}

/// A single PostgreSQL 15.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.parameters) || self.parameters.all(k, \
        k.matches('^[a-z_.]+$') && !(k in ['listen_addresses', 'port', 'hba_file', \
        'data_directory', 'unix_socket_directories', 'ssl']))")
    .message("parameters must be PostgreSQL settings that the operator does not set itself"))]
pub struct ManagedPostgres {
    /// Volume of the data.
    #[serde(default = "data_storage")]
    pub storage: Storage,
    /// CPU and memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Settings of `postgresql.conf`; a change restarts the server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::string_map")]
    pub parameters: BTreeMap<String, String>,
    /// Regular dumps into a volume of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Backup>,
}

impl Default for ManagedPostgres {
    fn default() -> Self {
        Self {
            storage: data_storage(),
            resources: None,
            parameters: BTreeMap::new(),
            backup: None,
        }
    }
}

/// When dumps are taken, and how many are kept.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// Five fields as cron reads them, in UTC.
    #[serde(default = "nightly")]
    #[schemars(length(min = 1, max = 100), regex(pattern = bounds::SCHEDULE))]
    pub schedule: String,
    /// Dumps that are kept.
    #[serde(default = "seven")]
    #[schemars(range(min = 1, max = 365))]
    pub retain: i32,
    /// Volume of the dumps.
    #[serde(default = "backup_storage")]
    pub storage: Storage,
}

/// How the connection is encrypted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Plain.
    Disable,
    /// Encrypted when the server can.
    Prefer,
    /// Encrypted.
    #[default]
    Require,
    /// Encrypted, by a certificate of a known authority.
    VerifyCa,
    /// The same, and the certificate names the host.
    VerifyFull,
}

impl SslMode {
    /// The word that libpq and sqlx read.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// A PostgreSQL server that somebody else runs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ExternalPostgres {
    /// Host name or address.
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::HOSTNAME))]
    pub host: String,
    /// TCP port.
    #[serde(default = "postgres_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Name of the database; it must exist.
    #[serde(default = "database")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z_][a-z0-9_]*$"))]
    pub database: String,
    /// How the connection is encrypted.
    #[serde(default)]
    pub ssl_mode: SslMode,
    /// Secret with keys `username` and `password` of a role that may create roles and schemas.
    pub admin_secret_ref: NameRef,
}

/// A cluster of `CloudNativePG`; its operator must be installed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CloudnativePg {
    /// Number of instances: one writes, the others follow.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 9))]
    pub instances: i32,
    /// Volume of each instance.
    #[serde(default = "data_storage")]
    pub storage: Storage,
    /// CPU and memory of each instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Image of PostgreSQL 15; the default of `CloudNativePG` may be newer.
    #[serde(default = "cloudnative_image")]
    #[schemars(length(min = 1, max = 300), regex(pattern = bounds::IMAGE))]
    pub image: String,
}

impl Default for CloudnativePg {
    fn default() -> Self {
        Self {
            instances: three(),
            storage: data_storage(),
            resources: None,
            image: cloudnative_image(),
        }
    }
}

fn data_storage() -> Storage {
    Storage::of("10Gi")
}

fn backup_storage() -> Storage {
    Storage::of("10Gi")
}

fn nightly() -> String {
    "0 3 * * *".to_owned()
}

fn database() -> String {
    shared_config::wiring::DATABASE_NAME.to_owned()
}

fn cloudnative_image() -> String {
    "ghcr.io/cloudnative-pg/postgresql:15".to_owned()
}

const fn three() -> i32 {
    3
}

const fn seven() -> i32 {
    7
}

const fn postgres_port() -> i32 {
    5432
}
