//! Status of a platform.

use jiff::Timestamp;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;

/// Most lines of a pending plan.
pub const PENDING_PLAN_MAX: usize = 100;

/// Most backups that are listed.
pub const BACKUPS_MAX: usize = 20;

/// Most lines of additions.
pub const ADDITIONS_MAX: usize = 50;

/// Observed state of a platform.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct PlatformStatus {
    /// Generation of the spec that the status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Conditions: `Ready`, `Reconciling` and `Stalled`, one for each component, and
    /// `RetrievalCalibrated`: whether the embedding model can be relied on. With an ingress or a
    /// route, `ClientAddressesKnown`: whether the gateway can tell visitors apart. With backups,
    /// `BackupCurrent` and `BackupVerified`; of a restored platform, `Restored`; with
    /// `deletionPolicy: Delete`, `DeletesData`. `SoleOperator` is there, and False, while two
    /// operators manage the platform.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Running version and target version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionStatus>,
    /// URL of the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 400))]
    pub endpoint: Option<String>,
    /// Issuer of access tokens. It stays the same when the URL of the gateway changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 400))]
    pub token_issuer: Option<String>,
    /// Progress of the database migrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<MigrationStatus>,
    /// Replicas and image of every workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub components: Vec<ComponentStatus>,
    /// Size of every volume.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub volumes: Vec<VolumeStatus>,
    /// Complete backups of the platform, newest first, as the last backup found them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub backups: Vec<BackupStatus>,
    /// Versions of the programs that the data of the stores belongs to, as far as the tags of
    /// their images tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub stores: Vec<StoreStatus>,
    /// What others added to lists of the platform's objects and is left there, one per line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 1024)))]
    pub additions: Vec<String>,
    /// Number of Tenants of the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<TenantCount>,
    /// The operator that wrote this status, where it runs in the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorStatus>,
    /// Changes that the operator would make, one per line; only while `spec.suspend` is true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 101), inner(length(max = 512)))]
    pub pending_plan: Vec<String>,
}

/// An operator.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct OperatorStatus {
    /// Its namespace and the name of its Deployment.
    #[schemars(length(max = 128))]
    pub name: String,
    /// Its version.
    #[schemars(length(max = 64))]
    pub version: String,
}

/// Running version and target version.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct VersionStatus {
    /// Version that all services run. During an upgrade, the version before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub running: Option<String>,
    /// Version in the spec.
    #[schemars(length(max = 64))]
    pub target: String,
}

/// Progress of the database migrations.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct MigrationStatus {
    /// Version whose migrations have been applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub current: Option<String>,
    /// Version whose migrations are to be applied.
    #[schemars(length(max = 64))]
    pub target: String,
    /// Name of the Job that applies the migrations.
    #[schemars(length(max = 63))]
    pub job: String,
}

/// A persistent volume.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct VolumeStatus {
    /// Name of the volume claim.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Size in the spec.
    #[schemars(length(max = 64))]
    pub size: String,
    /// Size that the claim requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub requested: Option<String>,
    /// Size that the volume has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub capacity: Option<String>,
    /// Why the volume is not as the spec asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
}

/// A backup of the platform.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct BackupStatus {
    /// Name of the backup, for `restoreFrom.backup`.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// When it was made.
    #[schemars(with = "String", extend("format" = "date-time"), length(max = 40))]
    pub time: Timestamp,
    /// Its size.
    #[schemars(range(min = 0))]
    pub size_bytes: i64,
    /// Version of the platform that it was made of.
    #[schemars(length(max = 64))]
    pub version: String,
    /// When it was last restored as a check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"), length(max = 40))]
    pub verified: Option<Timestamp>,
}

/// A store whose data belongs to a version.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct StoreStatus {
    /// Name of the store.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Version of the program, as in the tag of its image.
    #[schemars(length(max = 64))]
    pub version: String,
}

/// A workload.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// Name of the component.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Number of ready replicas.
    #[schemars(range(min = 0))]
    pub ready: i32,
    /// Number of desired replicas.
    #[schemars(range(min = 0))]
    pub desired: i32,
    /// Desired image.
    #[schemars(length(max = 300))]
    pub image: String,
}

/// Number of Tenants of a platform.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct TenantCount {
    /// Tenants that refer to this platform from an allowed namespace.
    #[schemars(range(min = 0))]
    pub total: i32,
    /// Tenants that are ready.
    #[schemars(range(min = 0))]
    pub ready: i32,
}
