//! Which Tenants a platform accepts, and the quotas of its plans.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;
use super::quantity::Quantity;

/// Which Tenants the platform accepts, and the quotas of their plans.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Tenants {
    /// Namespaces from which Tenants are accepted, in addition to the platform's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), inner(length(min = 1, max = 63), regex(pattern = bounds::LABEL)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_namespaces: Vec<String>,
    /// Plan of Tenants that do not set one, and of accounts that have registered themselves.
    #[serde(default)]
    pub default_plan: Plan,
    /// Highest plan of Tenants of other namespaces than the platform's own, and of their `quotas`.
    /// Defaults to `defaultPlan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_plan: Option<Plan>,
    /// Quotas of each plan.
    #[serde(default)]
    pub plans: Plans,
}

/// A pricing plan.
#[derive(
    JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default,
)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// The free plan, for evaluation.
    #[default]
    Free,
    /// The plan for a single creator.
    Pro,
    /// The plan for a team.
    Enterprise,
}

impl Plan {
    /// The value of the field in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }
}

/// Quotas of each plan.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Plans {
    /// Quotas of the free plan.
    #[serde(default = "free")]
    pub free: Quotas,
    /// Quotas of the pro plan.
    #[serde(default = "pro")]
    pub pro: Quotas,
    /// Quotas of the enterprise plan.
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

/// Quotas of an account. A quota that is not set is unlimited.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Quotas {
    /// Maximum number of documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub documents: Option<i32>,
    /// Maximum number of channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub channels: Option<i32>,
    /// Maximum number of members, with the owners. A pending invitation holds a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub members: Option<i32>,
    /// Maximum number of messages per month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub messages_per_month: Option<i32>,
    /// Maximum total size of the uploaded files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Quantity>,
}

fn free() -> Quotas {
    Quotas {
        documents: Some(20),
        channels: Some(3),
        members: Some(3),
        messages_per_month: Some(1000),
        storage: Some(Quantity::from("200Mi")),
    }
}

fn pro() -> Quotas {
    Quotas {
        documents: Some(500),
        channels: Some(20),
        members: Some(20),
        messages_per_month: Some(50_000),
        storage: Some(Quantity::from("10Gi")),
    }
}

fn enterprise() -> Quotas {
    Quotas {
        documents: Some(10_000),
        channels: Some(50),
        members: Some(200),
        messages_per_month: Some(1_000_000),
        storage: Some(Quantity::from("200Gi")),
    }
}
