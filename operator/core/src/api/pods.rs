//! Settings of every pod of a platform, and of the pods that run to an end.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::bounds::{self, Span};
use super::workload::Resources;

/// Settings of every pod: of services, stores, the gateway, Jobs and dumps. The `podTemplate` of a
/// component is merged over them.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct PodDefaults {
    /// Labels of the pods. Those of the operator and all of `app.kubernetes.io/` are rejected.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::string_map")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::string_map")]
    pub annotations: BTreeMap<String, String>,
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::string_map")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that the pods tolerate, as in a pod. A component's list replaces this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::free_form_list")]
    pub tolerations: Vec<Map<String, Value>>,
    /// Affinity to nodes and pods, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::free_form")]
    pub affinity: Option<Map<String, Value>>,
    /// How replicas are spread, as in a pod. A constraint without labelSelector counts the pods of
    /// the same component.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::free_form_list")]
    pub topology_spread_constraints: Vec<Map<String, Value>>,
    /// Priority class of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::OBJECT_NAME))]
    pub priority_class_name: Option<String>,
    /// Where the user and group ids of the pods come from. Choose it before the first volume has
    /// data: PostgreSQL does not start on files of another user.
    #[serde(default)]
    pub user_ids: UserIds,
}

/// Where the user and group ids of pods come from.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UserIds {
    /// 10001, set by the operator.
    #[default]
    Fixed,
    /// Not set by the operator: the namespace assigns them, as OpenShift does from the range of
    /// each namespace.
    FromNamespace,
}

/// Settings of pods that run to an end: Jobs, dumps and the containers that copy models.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct JobSettings {
    /// Compute resources of the containers. Defaults to small requests, a limit of one CPU and a
    /// memory limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Overrides of the pod template, with the same bounds as those of services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::free_form")]
    pub pod_template: Option<Map<String, Value>>,
    /// Longest time that one attempt runs, once its pod is on a node; `0s` means no limit.
    /// Defaults to 6 hours, for models to 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
}
