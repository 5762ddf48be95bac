//! `Tenant`: a creator account of a platform as a resource.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;
use super::condition::Condition;
use super::tenants::{Plan, Quotas};
use super::workload::NameRef;

/// What a creator account shall be.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "creatorplatform.io",
    version = "v1alpha1",
    kind = "Tenant",
    namespaced,
    status = "TenantStatus",
    shortname = "ten",
    category = "creator",
    derive = "PartialEq",
    doc = "A creator account of a Creator Platform.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "Platform", type_ = "string", json_path = ".spec.platformRef.name"),
    printcolumn(name = "Plan", type_ = "string", json_path = ".spec.plan"),
    printcolumn(name = "Creator", type_ = "string", json_path = ".status.creatorId"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("!has(self.spec.confirmDeletion) || \
        self.spec.deletionPolicy == 'Delete'")
        .message("confirmDeletion belongs to deletionPolicy Delete only"),
    validation = Rule::new("!has(self.spec.confirmDeletion) || (has(self.status) && \
        has(self.status.creatorId) && self.spec.confirmDeletion == self.status.creatorId)")
        .message("confirmDeletion must equal status.creatorId, the tenant whose data is erased"),
    validation = Rule::new("size(self.metadata.name) <= 63")
        .message("the name of a tenant has at most 63 characters")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.owner.email == oldSelf.owner.email")
    .message("owner.email cannot change: the account's people are its own business"))]
#[x_kube(validation = Rule::new("self.platformRef == oldSelf.platformRef")
    .message("platformRef cannot change: make a new Tenant on the other platform"))]
pub struct TenantSpec {
    /// The platform. Immutable.
    pub platform_ref: PlatformRef,
    /// Name that people see.
    #[schemars(length(min = 2, max = 100))]
    pub display_name: String,
    /// Who owns the account when it is made; later the account's people are its own business.
    pub owner: Owner,
    /// Plan; the platform's default when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Overrides of the plan's quotas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotas: Option<Quotas>,
    /// Web sites that may embed the widget, such as `https://example.org`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 300), regex(pattern = bounds::ORIGIN)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_origins: Vec<String>,
    /// Shuts the account without touching its data.
    #[serde(default)]
    pub suspend: bool,
    /// What happens to the data when this object is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// The tenant's id, to confirm that its data shall be erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 36, max = 36), regex(pattern = r"^[-0-9a-f]{36}$"))]
    pub confirm_deletion: Option<String>,
}

/// The platform of a tenant.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlatformRef {
    /// Its name.
    #[schemars(length(min = 1, max = 40), regex(pattern = bounds::LABEL))]
    pub name: String,
    /// Its namespace; the Tenant's own when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = bounds::LABEL))]
    pub namespace: Option<String>,
}

/// Who owns an account.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// E-mail address; the invitation names it.
    #[schemars(
        length(min = 3, max = 254),
        regex(pattern = r"^[^\s@]+@[^\s@]+\.[^\s@]+$")
    )]
    pub email: String,
    /// Full name.
    #[schemars(length(min = 2, max = 100))]
    pub full_name: String,
}

/// What happens to the data of a deleted tenant.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DeletionPolicy {
    /// The account is suspended, its data stays.
    #[default]
    Retain,
    /// Everything is erased, once `confirmDeletion` names the tenant.
    Delete,
}

/// What the operator found and did.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// Generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Aspects of the present state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Id of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub creator_id: Option<String>,
    /// Secret with the one-time invitation of the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_secret_ref: Option<NameRef>,
    /// What the tenant uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// When the account was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub provisioned_at: Option<String>,
    /// How far the erasure of the account is, once it was confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erasure: Option<Erasure>,
}

/// How far the erasure of an account is.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    /// `running`, `finished` or `failed`.
    #[schemars(length(max = 20))]
    pub state: String,
    /// What was erased, and how much of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["what".into()]))]
    pub erased: Vec<Erased>,
    /// When nothing was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub finished_at: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub problem: Option<String>,
}

/// A kind of data, and how much of it was erased.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    /// Rows of a table, vectors, files, keys.
    #[schemars(length(min = 1, max = 100))]
    pub what: String,
    /// How many.
    #[schemars(range(min = 0))]
    pub count: i64,
}

/// What a tenant uses.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Documents.
    #[schemars(range(min = 0))]
    pub documents: i64,
    /// Messages of this month.
    #[schemars(range(min = 0))]
    pub messages_this_month: i64,
    /// Bytes of uploaded files.
    #[schemars(range(min = 0))]
    pub storage_bytes: i64,
}
