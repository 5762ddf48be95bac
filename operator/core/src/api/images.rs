//! Container images and how they are pulled.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::IMAGE;
use super::workload::NameRef;

/// When a node pulls an image.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PullPolicy {
    /// Every time a pod starts.
    Always,
    /// When the node does not have the image.
    #[default]
    IfNotPresent,
    /// Never; the image must be on the node.
    Never,
}

impl PullPolicy {
    /// The value of the field in Kubernetes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// Container images. The platform's own images are pulled from `registry` at the spec's version,
/// third-party images from their official registries.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// Registry and path of the platform's own images, to which `make release` has pushed them. The
    /// default is for nodes into which the images were loaded: nothing can be pulled from it.
    #[serde(default = "registry")]
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[a-zA-Z0-9][-._a-zA-Z0-9:/]*$")
    )]
    pub registry: String,
    /// When nodes pull images.
    #[serde(default)]
    pub pull_policy: PullPolicy,
    /// Secrets with registry credentials (`imagePullSecrets`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub pull_secrets: Vec<NameRef>,
    /// Image of the auth service. Defaults to `<registry>/auth:<version>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub auth: Option<String>,
    /// Image of the creator-hub service. Defaults to `<registry>/creator-hub:<version>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub creator_hub: Option<String>,
    /// Image of the ai-engine service. Defaults to `<registry>/ai-engine:<version>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub ai_engine: Option<String>,
    /// Image of the channel service. Defaults to `<registry>/channel:<version>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub channel: Option<String>,
    /// Image of the migration Job. Defaults to `<registry>/migrate:<version>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub migrate: Option<String>,
    /// Image of the program that makes and restores backups. Defaults to
    /// `<registry>/backup:<version>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub backup: Option<String>,
    /// Image of PostgreSQL 15.
    #[serde(default = "postgres")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub postgres: String,
    /// Image of Redis 7.
    #[serde(default = "redis")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub redis: String,
    /// Image of Chroma.
    #[serde(default = "chroma")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub chroma: String,
    /// Image of Ollama.
    #[serde(default = "ollama")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub ollama: String,
    /// Image of nginx, which runs the gateway.
    #[serde(default = "nginx")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub nginx: String,
}

impl Default for Images {
    fn default() -> Self {
        Self {
            registry: registry(),
            pull_policy: PullPolicy::default(),
            pull_secrets: Vec::new(),
            auth: None,
            creator_hub: None,
            ai_engine: None,
            channel: None,
            migrate: None,
            backup: None,
            postgres: postgres(),
            redis: redis(),
            chroma: chroma(),
            ollama: ollama(),
            nginx: nginx(),
        }
    }
}

/// Where the platform's own images are while nothing says where: on nodes into which they were
/// loaded. No registry has this name, so that nothing is ever pulled from a stranger's.
pub const NO_REGISTRY: &str = "localhost/creator-platform";

fn registry() -> String {
    NO_REGISTRY.to_owned()
}

fn postgres() -> String {
    "docker.io/library/postgres:15".to_owned()
}

fn redis() -> String {
    "docker.io/library/redis:7".to_owned()
}

fn chroma() -> String {
    "docker.io/chromadb/chroma:1.5.9".to_owned()
}

fn ollama() -> String {
    "docker.io/ollama/ollama:0.17.4".to_owned()
}

fn nginx() -> String {
    "docker.io/library/nginx:1.27".to_owned()
}
