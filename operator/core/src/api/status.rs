//! Status of a platform: what is, beside what shall be.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;

/// Most lines of a pending plan.
pub const PENDING_PLAN_MAX: usize = 100;

/// What the operator found and did.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct PlatformStatus {
    /// Generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Aspects of the present state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Version that runs and version that is aimed at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionStatus>,
    /// Where browsers reach the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 400))]
    pub endpoint: Option<String>,
    /// Where the migrations stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<MigrationStatus>,
    /// Every workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub components: Vec<ComponentStatus>,
    /// Tenants of the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<TenantCount>,
    /// What would be applied; only while suspended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 101), inner(length(max = 512)))]
    pub pending_plan: Vec<String>,
}

/// Running and wanted version.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct VersionStatus {
    /// Version of which every service runs; the last such while an upgrade is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub running: Option<String>,
    /// Version that the spec asks for.
    #[schemars(length(max = 64))]
    pub target: String,
}

/// Applied and wanted set of migrations.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct MigrationStatus {
    /// Version whose migrations are applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub current: Option<String>,
    /// Version whose migrations are wanted.
    #[schemars(length(max = 64))]
    pub target: String,
    /// Job that applies them.
    #[schemars(length(max = 63))]
    pub job: String,
}

/// One workload.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// Name of the component.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Ready replicas.
    #[schemars(range(min = 0))]
    pub ready: i32,
    /// Wanted replicas.
    #[schemars(range(min = 0))]
    pub desired: i32,
    /// Image that is wanted.
    #[schemars(length(max = 300))]
    pub image: String,
}

/// Tenants of a platform.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct TenantCount {
    /// All that name this platform and are allowed to.
    #[schemars(range(min = 0))]
    pub total: i32,
    /// Those that are provisioned.
    #[schemars(range(min = 0))]
    pub ready: i32,
}
