//! Settings that all workloads share: replicas, resources, environment, pod template overrides.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::bounds;
use super::quantity::Quantity;

/// Amounts of CPU and memory.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Amounts {
    /// CPU, such as `250m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Memory, such as `256Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}

/// Compute resources of a container.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.requests) || !has(self.limits) || \
        !has(self.requests.memory) || !has(self.limits.memory) || \
        quantity(self.requests.memory).compareTo(quantity(self.limits.memory)) <= 0")
    .message("requests.memory must not exceed limits.memory"))]
pub struct Resources {
    /// Resources that the scheduler reserves for the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Amounts>,
    /// Resources that the container cannot exceed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Amounts>,
}

/// Horizontal autoscaling by CPU utilization.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.min <= self.max").message("min must not exceed max"))]
pub struct Autoscaling {
    /// Minimum number of replicas.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub min: i32,
    /// Maximum number of replicas.
    #[schemars(range(min = 1, max = 100))]
    pub max: i32,
    /// Target CPU utilization, in percent of the CPU request.
    #[serde(default = "seventy_five")]
    #[schemars(range(min = 1, max = 100))]
    pub cpu: i32,
}

/// A key of a Secret in the platform's namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct KeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::OBJECT_NAME))]
    pub name: String,
    /// Key in the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::DATA_KEY))]
    pub key: String,
}

/// The name of an object in the same namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NameRef {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::OBJECT_NAME))]
    pub name: String,
}

/// An environment variable with either a value or a reference to a Secret key.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.value) != has(self.secretKeyRef)")
    .message("set exactly one of value and secretKeyRef"))]
pub struct Variable {
    /// Name of the variable.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$")
    )]
    pub name: String,
    /// Value of the variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub value: Option<String>,
    /// Secret key that contains the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeyRef>,
}

/// How replicas are spread over nodes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TopologySpread {
    /// Replicas are spread over nodes where possible.
    #[default]
    Preferred,
    /// Replicas on any two nodes differ by at most one; otherwise a pod stays pending.
    Required,
    /// Replicas are not spread.
    Off,
}

/// Settings that all four services share.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// Number of replicas. Defaults to 1 unless autoscaling is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub replicas: Option<i32>,
    /// Horizontal autoscaling, instead of a fixed number of replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// Compute resources. Defaults to small requests and a memory limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Additional environment variables. Variables that the operator sets itself are rejected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub env: Vec<Variable>,
    /// Overrides of the pod template, applied last as a strategic merge patch: placement, labels,
    /// resources, probes, volumes, additional containers. Other service accounts, parts of the
    /// node, Secrets as files and looser security contexts are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::free_form")]
    pub pod_template: Option<Map<String, Value>>,
    /// How replicas are spread over nodes.
    #[serde(default)]
    pub topology_spread: TopologySpread,
}

const fn one() -> i32 {
    1
}

const fn seventy_five() -> i32 {
    75
}
