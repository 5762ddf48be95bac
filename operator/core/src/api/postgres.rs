//! PostgreSQL: run by this operator, external, or run by CloudNativePG.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::bounds;
use super::pods::JobSettings;
use super::storage::Storage;
use super::workload::{KeyRef, NameRef, Resources};

/// Who runs PostgreSQL.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum PostgresMode {
    /// A single instance that this operator runs.
    #[default]
    Managed,
    /// A server that is run outside of the platform.
    External,
    /// A `Cluster` of `CloudNativePG`: replicated, so that it survives the loss of a node.
    CloudnativePg,
}

/// PostgreSQL, the platform's database.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.mode == oldSelf.mode")
        .message("mode cannot change: restore a backup into a new platform"),
    validation = Rule::new("self.mode == 'managed' || !has(self.managed)")
        .message("managed is allowed in mode managed only"),
    validation = Rule::new("(self.mode == 'external') == has(self.external)")
        .message("external is required in mode external, and not allowed in other modes"),
    validation = Rule::new("self.mode == 'cloudnative-pg' || !has(self.cloudnativePg)")
        .message("cloudnativePg is allowed in mode cloudnative-pg only")
)]
pub struct Postgres {
    /// Who runs PostgreSQL. Immutable.
    #[serde(default)]
    pub mode: PostgresMode,
    /// Settings of the instance that this operator runs, in mode `managed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedPostgres>,
    /// Address and credentials of the external server, in mode `external`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalPostgres>,
    /// Settings of the `CloudNativePG` cluster, in mode `cloudnative-pg`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudnative_pg: Option<CloudnativePg>,
}

/// A single PostgreSQL 15 instance.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.parameters) || self.parameters.all(k, \
        k.matches('^[a-z_.]+$') && !(k in ['listen_addresses', 'port', 'hba_file', \
        'data_directory', 'unix_socket_directories', 'ssl']))")
    .message("parameters must be PostgreSQL settings that the operator does not set itself"))]
pub struct ManagedPostgres {
    /// Volume that stores the data.
    #[serde(default = "data_storage")]
    pub storage: Storage,
    /// Compute resources of PostgreSQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Overrides of the pod template, with the same bounds as those of services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::free_form")]
    pub pod_template: Option<Map<String, Value>>,
    /// Settings for `postgresql.conf`; a change restarts the server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::string_map")]
    pub parameters: BTreeMap<String, String>,
    /// Scheduled database dumps to a separate volume; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Backup>,
}

impl Default for ManagedPostgres {
    fn default() -> Self {
        Self {
            storage: data_storage(),
            resources: None,
            pod_template: None,
            parameters: BTreeMap::new(),
            backup: None,
        }
    }
}

/// Schedule and retention of database dumps.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// Cron schedule in UTC: five fields, or a macro such as `@daily`.
    #[serde(default = "nightly")]
    #[schemars(length(min = 1, max = 100), regex(pattern = bounds::SCHEDULE))]
    pub schedule: String,
    /// Number of dumps to keep.
    #[serde(default = "seven")]
    #[schemars(range(min = 1, max = 365))]
    pub retain: i32,
    /// Volume that stores the dumps.
    #[serde(default = "backup_storage")]
    pub storage: Storage,
    /// Settings of the pods that take the dumps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobSettings>,
}

/// TLS mode of the connection, as in libpq.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Not encrypted.
    Disable,
    /// Encrypted if the server supports it.
    Prefer,
    /// Encrypted; the server's certificate is not verified.
    #[default]
    Require,
    /// Encrypted; the certificate must be signed by a trusted authority.
    VerifyCa,
    /// As `verify-ca`, and the certificate must match the host name.
    VerifyFull,
}

impl SslMode {
    /// The value of `sslmode`.
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

/// A PostgreSQL server outside of the platform, or `PgBouncer` in session mode in front of one.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.caSecretRef) || \
        self.sslMode == 'verify-ca' || self.sslMode == 'verify-full'")
    .message("caSecretRef requires sslMode verify-ca or verify-full"))]
pub struct ExternalPostgres {
    /// Host name or IP address.
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::HOST))]
    pub host: String,
    /// TCP port.
    #[serde(default = "postgres_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Name of the database. If it does not exist, it is created; for this the role must be able to
    /// create databases and to connect to the database `postgres`.
    #[serde(default = "database")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z_][a-z0-9_]*$"))]
    pub database: String,
    /// TLS mode of the connection.
    #[serde(default)]
    pub ssl_mode: SslMode,
    /// Secret key with the certificates of an authority, in PEM format, that is trusted beside
    /// those of the web. Requires `sslMode` `verify-ca` or `verify-full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<KeyRef>,
    /// Secret with the keys `username` and `password` of a role that can create roles and schemas.
    pub admin_secret_ref: NameRef,
}

/// A `CloudNativePG` cluster; the `CloudNativePG` operator must be installed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CloudnativePg {
    /// Number of instances: one primary, the others replicas.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 9))]
    pub instances: i32,
    /// Volume of each instance.
    #[serde(default = "data_storage")]
    pub storage: Storage,
    /// Compute resources of each instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// The field `affinity` of the cluster, merged over what `spec.podDefaults` says: nodeSelector,
    /// tolerations, nodeAffinity and rules for pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::free_form")]
    pub affinity: Option<Map<String, Value>>,
    /// Image of PostgreSQL 15. The default of `CloudNativePG` itself may be a newer version.
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
            affinity: None,
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
