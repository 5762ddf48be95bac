//! What the platform grants to its tenants.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;
use super::quantity::Quantity;

/// Who may be a tenant, and what plans hold.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Tenants {
    /// Namespaces besides the platform's own whose Tenants are taken in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), inner(length(min = 1, max = 63), regex(pattern = bounds::LABEL)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_namespaces: Vec<String>,
    /// Plan of a Tenant that names none.
    #[serde(default)]
    pub default_plan: Plan,
    /// Quotas by plan.
    #[serde(default)]
    pub plans: Plans,
}

/// A plan.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// To try it out.
    #[default]
    Free,
    /// For one creator.
    Pro,
    /// For a team.
    Enterprise,
}

/// Quotas by plan.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Plans {
    /// To try it out.
    #[serde(default = "free")]
    pub free: Quotas,
    /// For one creator.
    #[serde(default = "pro")]
    pub pro: Quotas,
    /// For a team.
    #[serde(default = "enterprise")]
    pub enterprise: Quotas,
}

impl Default for Plans {
    fn default() -> Self {
        Self {
            free: free(),
            pro: pro(),
            enterprise: enterprise(),
        }
    }
}

/// What a tenant may use; what is left out is unlimited.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Quotas {
    /// Documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub documents: Option<i32>,
    /// Messages per month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub messages_per_month: Option<i32>,
    /// Bytes of uploaded files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Quantity>,
}

fn quotas(documents: i32, messages: i32, storage: &str) -> Quotas {
    Quotas {
        documents: Some(documents),
        messages_per_month: Some(messages),
        storage: Some(Quantity::from(storage)),
    }
}

fn free() -> Quotas {
    quotas(20, 1000, "200Mi")
}

fn pro() -> Quotas {
    quotas(500, 50_000, "10Gi")
}

fn enterprise() -> Quotas {
    quotas(10_000, 1_000_000, "200Gi")
}
