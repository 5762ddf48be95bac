//! `Tenant`: a creator account of a platform as a resource.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;
use super::condition::Condition;
use super::tenants::{Plan, Quotas};
use super::workload::NameRef;

/// Desired state of a creator account.
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
    doc = "A creator account on a Creator Platform.",
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
        .message("confirmDeletion is allowed with deletionPolicy Delete only"),
    validation = Rule::new("!has(self.spec.confirmDeletion) || (has(self.status) && \
        has(self.status.creatorId) && self.spec.confirmDeletion == self.status.creatorId)")
        .message("confirmDeletion must equal status.creatorId, the id of the account to erase"),
    validation = Rule::new("self.spec.owner.email == oldSelf.spec.owner.email || \
        !has(oldSelf.status) || !has(oldSelf.status.creatorId)")
        .message("owner.email cannot change once the account exists: members are managed inside \
            the account"),
    validation = Rule::new("size(self.metadata.name) <= 63")
        .message("the name of a tenant must have at most 63 characters")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(r"!self.owner.email.matches('[\\p{C}\\p{Z}].*@')")
    .message("owner.email must not have invisible characters before the @"))]
#[x_kube(validation = Rule::new("self.platformRef == oldSelf.platformRef")
    .message("platformRef cannot change: create a new Tenant on the other platform"))]
pub struct TenantSpec {
    /// The platform that hosts the account. Immutable.
    pub platform_ref: PlatformRef,
    /// Name of the account, as people see it.
    #[schemars(length(min = 2, max = 100))]
    pub display_name: String,
    /// First owner of the account. Later changes of its members are made inside the account.
    pub owner: Owner,
    /// Pricing plan. Defaults to the platform's `tenants.defaultPlan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Quotas that override those of the plan. In another namespace than the platform's, none may
    /// exceed that of the platform's `tenants.highestPlan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotas: Option<Quotas>,
    /// Origins of websites that may embed the chat widget, such as `https://example.org`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 300), regex(pattern = bounds::ORIGIN)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_origins: Vec<String>,
    /// Suspends the account: nobody can sign in and the widget does not answer. Its data is kept.
    #[serde(default)]
    pub suspend: bool,
    /// What happens to the account's data when the Tenant is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Confirms that all data of the account is to be erased: the value of `status.creatorId`.
    /// Only with `deletionPolicy: Delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 36, max = 36), regex(pattern = r"^[-0-9a-f]{36}$"))]
    pub confirm_deletion: Option<String>,
}

/// A reference to a platform.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlatformRef {
    /// Name of the `CreatorPlatform`.
    #[schemars(length(min = 1, max = 40), regex(pattern = bounds::LABEL))]
    pub name: String,
    /// Namespace of the `CreatorPlatform`. Defaults to the Tenant's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = bounds::LABEL))]
    pub namespace: Option<String>,
}

/// Owner of an account.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Email address of the owner, to whom the invitation is issued. Immutable once the account
    /// exists.
    #[schemars(length(min = 3, max = 254), regex(pattern = bounds::EMAIL))]
    pub email: String,
    /// Full name of the owner.
    #[schemars(length(min = 2, max = 100))]
    pub full_name: String,
}

/// What happens to the data of a deleted Tenant.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DeletionPolicy {
    /// The account is suspended and its data is kept.
    #[default]
    Retain,
    /// All data is erased, once `confirmDeletion` is set.
    Delete,
}

/// Observed state of a creator account.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// Generation of the spec that the status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Conditions: `Ready`, `Reconciling`, `Stalled`, `Provisioned` and `WithinQuotas`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Id of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub creator_id: Option<String>,
    /// Secret with the owner's one-time invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_secret_ref: Option<NameRef>,
    /// Usage of the account when the operator last asked for it, every few minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Quotas that the account has: those of its plan, with those of the spec in their place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// When the account was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub provisioned_at: Option<String>,
    /// Progress of the erasure, once it is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erasure: Option<Erasure>,
}

/// Progress of the erasure of an account.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    /// State of the erasure: `running`, `finished` or `failed`.
    #[schemars(length(max = 20))]
    pub state: String,
    /// Erased data, by kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["what".into()]))]
    pub erased: Vec<Erased>,
    /// When the erasure finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub finished_at: Option<String>,
    /// Why the erasure failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub problem: Option<String>,
}

/// Number of erased items of one kind.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    /// Kind of data: rows of a table, vectors, files or keys.
    #[schemars(length(min = 1, max = 100))]
    pub what: String,
    /// Number of erased items.
    #[schemars(range(min = 0))]
    pub count: i64,
}

/// Current usage of an account.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Number of documents.
    #[schemars(range(min = 0))]
    pub documents: i64,
    /// Number of messages this month.
    #[schemars(range(min = 0))]
    pub messages_this_month: i64,
    /// Total size of the uploaded files, in bytes.
    #[schemars(range(min = 0))]
    pub storage_bytes: i64,
    /// Number of channels. Absent while the platform has an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub channels: Option<i64>,
    /// Number of members, with the owners. Absent while the platform has an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub members: Option<i64>,
}

/// Quotas of an account. What is absent is unlimited.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Maximum number of documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub documents: Option<i64>,
    /// Maximum number of messages per month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub messages_per_month: Option<i64>,
    /// Maximum total size of the uploaded files, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub storage_bytes: Option<i64>,
    /// Maximum number of channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub channels: Option<i64>,
    /// Maximum number of members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub members: Option<i64>,
}
