//! `CreatorPlatform`: a whole platform as one resource.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::auth::Auth;
use super::backup::{DataPolicy, PlatformBackup, RestoreFrom};
use super::egress::Egress;
use super::gateway::Gateway;
use super::images::Images;
use super::model_servers::ModelServer;
use super::ollama::Ollama;
use super::pods::PodDefaults;
use super::policy::{Drift, Migrations, Monitoring, NetworkPolicies};
use super::postgres::Postgres;
use super::retention::Retention;
use super::services::Services;
use super::status::PlatformStatus;
use super::stores::{Chroma, Redis};
use super::tenants::Tenants;

/// Longest name of a platform: names made from it must fit 63 characters.
pub const NAME_MAX: usize = 40;

/// Desired state of a platform.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "creatorplatform.io",
    version = "v1alpha1",
    kind = "CreatorPlatform",
    namespaced,
    status = "PlatformStatus",
    shortname = "cplat",
    category = "creator",
    derive = "PartialEq",
    doc = "A Creator Platform: four services with their databases, models, migrations and gateway.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version.running"),
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".status.endpoint"),
    printcolumn(name = "Tenants", type_ = "integer", json_path = ".status.tenants.total"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 40 && \
        self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("the name of a platform must be a DNS label of at most 40 characters")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!self.migrations.requireBackup || \
        (has(self.postgres.managed) && has(self.postgres.managed.backup))")
        .message("migrations.requireBackup requires postgres.managed.backup"),
    validation = Rule::new("!has(self.modelServers) || self.modelServers.all(one, \
        self.modelServers.exists_one(other, other.name == one.name))")
        .message("each of modelServers must have a name of its own"),
    validation = Rule::new("has(self.restoreFrom) == has(oldSelf.restoreFrom) && \
        (!has(self.restoreFrom) || self.restoreFrom == oldSelf.restoreFrom)")
        .message("restoreFrom cannot change: only a new platform begins with a backup")
)]
pub struct CreatorPlatformSpec {
    /// Version of the four services and of the database schema, such as `0.1.0`. Images with other
    /// tags are named in `images`.
    #[serde(default = "version")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$")
    )]
    pub version: String,
    /// Container images.
    #[serde(default)]
    pub images: Images,
    /// Settings of every pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_defaults: Option<PodDefaults>,
    /// The four services.
    #[serde(default)]
    pub services: Services,
    /// PostgreSQL, the database.
    #[serde(default)]
    pub postgres: Postgres,
    /// Redis: cache, sessions, rate limits and pub/sub.
    #[serde(default)]
    pub redis: Redis,
    /// Chroma, the vector index.
    #[serde(default)]
    pub chroma: Chroma,
    /// Ollama, which runs the language models.
    #[serde(default)]
    pub ollama: Ollama,
    /// Servers of language models outside of the platform, in order of preference. A question that
    /// one of them cannot answer goes to the next; the Ollama of `spec.ollama` is always the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub model_servers: Vec<ModelServer>,
    /// The gateway: nginx in front of the four services.
    #[serde(default)]
    pub gateway: Gateway,
    /// Token lifetimes, password policy, registration and email.
    #[serde(default)]
    pub auth: Auth,
    /// Which Tenants the platform accepts, and the quotas of their plans.
    #[serde(default)]
    pub tenants: Tenants,
    /// How long what is over is kept.
    #[serde(default)]
    pub retention: Retention,
    /// How database migrations run.
    #[serde(default)]
    pub migrations: Migrations,
    /// Backups of the whole platform; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<PlatformBackup>,
    /// A backup that the platform begins with. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_from: Option<RestoreFrom>,
    /// What happens to volumes and generated Secrets when the platform is deleted.
    #[serde(default)]
    pub deletion_policy: DataPolicy,
    /// Where the platform may connect to when a creator names the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Egress>,
    /// Network policies of the platform's pods.
    #[serde(default)]
    pub network_policies: NetworkPolicies,
    /// Objects for the Prometheus operator.
    #[serde(default)]
    pub monitoring: Monitoring,
    /// What happens to elements that others add to lists of the platform's objects, such as
    /// containers, environment variables and volumes. Values that the platform sets are always
    /// restored.
    #[serde(default)]
    pub drift: Drift,
    /// Stops all changes by the operator; `status.pendingPlan` lists what it would change.
    #[serde(default)]
    pub suspend: bool,
}

fn version() -> String {
    "0.1.0".to_owned()
}
