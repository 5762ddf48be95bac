//! Where images come from.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::IMAGE;
use super::workload::NameRef;

/// When the node fetches an image.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PullPolicy {
    /// At every start of a pod.
    Always,
    /// When the node lacks it.
    #[default]
    IfNotPresent,
    /// Never; the image must be there.
    Never,
}

impl PullPolicy {
    /// The word that Kubernetes reads.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// Images: ours come from `registry` by `version`, all others from their official places.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// Registry and path of our own images.
    #[serde(default = "registry")]
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[a-zA-Z0-9][-._a-zA-Z0-9:/]*$")
    )]
    pub registry: String,
    /// When nodes fetch images.
    #[serde(default)]
    pub pull_policy: PullPolicy,
    /// Secrets that hold the credentials of registries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub pull_secrets: Vec<NameRef>,
    /// Image of auth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub auth: Option<String>,
    /// Image of creator-hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub creator_hub: Option<String>,
    /// Image of ai-engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub ai_engine: Option<String>,
    /// Image of channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub channel: Option<String>,
    /// Image of the migrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = IMAGE))]
    pub migrate: Option<String>,
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
    /// Image of nginx, the gateway.
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
            postgres: postgres(),
            redis: redis(),
            chroma: chroma(),
            ollama: ollama(),
            nginx: nginx(),
        }
    }
}

fn registry() -> String {
    "ghcr.io/creator-platform".to_owned()
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
