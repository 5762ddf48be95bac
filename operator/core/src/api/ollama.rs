//! Ollama and the models that it serves.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{self, Span};
use super::storage::Storage;
use super::stores::{ExternalUrl, StoreMode};
use super::workload::Resources;

/// Ollama: runs the language models.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.mode == oldSelf.mode")
        .message("mode cannot change: make a new platform"),
    validation = Rule::new("(self.mode == 'external') == has(self.external)")
        .message("mode external needs external, and mode managed has none"),
    validation = Rule::new("self.mode == 'managed' || \
        (!has(self.resources) && !has(self.gpu) && \
        (!has(self.models) || self.models.all(m, m.source != 'image')))")
        .message("resources, gpu and models of source image belong to mode managed only"),
    validation = Rule::new("!has(self.models) || (self.models.exists_one(m, m.use == 'chat') && \
        self.models.exists_one(m, m.use == 'embedding'))")
        .message("models must hold exactly one of use chat and one of use embedding")
)]
pub struct Ollama {
    /// Who runs it. Immutable.
    #[serde(default)]
    pub mode: StoreMode,
    /// Volume of the models.
    #[serde(default = "model_storage")]
    pub storage: Storage,
    /// CPU and memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Graphics processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Gpu>,
    /// How long a model stays in memory after its last use.
    #[serde(default = "half_an_hour")]
    pub keep_alive: Span,
    /// The chat model and the embedding model; small defaults when left out.
    #[serde(default = "models")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub models: Vec<Model>,
    /// Where the external server is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalUrl>,
}

impl Default for Ollama {
    fn default() -> Self {
        Self {
            mode: StoreMode::default(),
            storage: model_storage(),
            resources: None,
            gpu: None,
            keep_alive: half_an_hour(),
            models: models(),
            external: None,
        }
    }
}

/// Graphics processors of the pod.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Gpu {
    /// Name of the resource.
    #[serde(default = "nvidia")]
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = r"^[-a-z0-9.]+/[-a-z0-9.]+$")
    )]
    pub resource: String,
    /// How many.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    pub count: i32,
}

/// What a model is for.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ModelUse {
    /// Writes answers.
    Chat,
    /// Makes vectors.
    Embedding,
}

/// Where a model comes from.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum ModelSource {
    /// Ollama's library.
    #[default]
    Pull,
    /// A container image with a folder `/models`, for clusters without internet.
    Image,
    /// A GGUF file at an address.
    Url,
}

/// A model.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(self.source == 'image') == has(self.image)")
        .message("source image needs image, and no other source has it"),
    validation = Rule::new("(self.source == 'url') == has(self.url)")
        .message("source url needs url, and no other source has it")
)]
pub struct Model {
    /// Name as Ollama knows it, such as `llama3.2:1b`.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[a-zA-Z0-9][-._a-zA-Z0-9/:]*$")
    )]
    pub name: String,
    /// What it is for.
    #[serde(rename = "use")]
    pub purpose: ModelUse,
    /// Where it comes from.
    #[serde(default)]
    pub source: ModelSource,
    /// Image that carries it, for source image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = bounds::IMAGE))]
    pub image: Option<String>,
    /// Address of the file, for source url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 1000), regex(pattern = r"^https?://[^\s]+$"))]
    pub url: Option<String>,
}

fn models() -> Vec<Model> {
    let pulled = |name: &str, purpose| Model {
        name: name.to_owned(),
        purpose,
        source: ModelSource::Pull,
        image: None,
        url: None,
    };
    vec![
        pulled("llama3.2:1b", ModelUse::Chat),
        pulled("nomic-embed-text", ModelUse::Embedding),
    ]
}

fn model_storage() -> Storage {
    Storage::of("20Gi")
}

fn half_an_hour() -> Span {
    Span::from("30m")
}

fn nvidia() -> String {
    "nvidia.com/gpu".to_owned()
}

const fn one() -> i32 {
    1
}
