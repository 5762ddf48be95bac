//! Ollama and its models.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::bounds::{self, Span};
use super::pods::JobSettings;
use super::storage::Storage;
use super::stores::{ExternalUrl, StoreMode};
use super::workload::Resources;

/// Ollama, which runs the language models.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.mode == oldSelf.mode")
        .message("mode cannot change: create a new platform"),
    validation = Rule::new("(self.mode == 'external') == has(self.external)")
        .message("external is required in mode external, and not allowed in mode managed"),
    validation = Rule::new("self.mode == 'managed' || \
        (!has(self.resources) && !has(self.gpu) && \
        (!has(self.models) || self.models.all(m, m.source != 'image')))")
        .message("resources, gpu and models of source image are allowed in mode managed only"),
    validation = Rule::new("!has(self.models) || (self.models.exists_one(m, m.use == 'chat') && \
        self.models.exists_one(m, m.use == 'embedding'))")
        .message("models must contain exactly one of use chat and exactly one of use embedding")
)]
pub struct Ollama {
    /// Who runs Ollama. Immutable.
    #[serde(default)]
    pub mode: StoreMode,
    /// Volume that stores the models.
    #[serde(default = "model_storage")]
    pub storage: Storage,
    /// Compute resources of Ollama.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Overrides of the pod template, with the same bounds as those of services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::free_form")]
    pub pod_template: Option<Map<String, Value>>,
    /// The Job that makes the models available. Its resources are also those of the containers
    /// that copy models from images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models_job: Option<JobSettings>,
    /// GPUs of Ollama.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Gpu>,
    /// How long a model stays loaded in memory after its last use.
    #[serde(default = "half_an_hour")]
    pub keep_alive: Span,
    /// The chat model and the embedding model. Defaults to two small models.
    #[serde(default = "models")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub models: Vec<Model>,
    /// Address of the external server, in mode `external`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalUrl>,
}

impl Default for Ollama {
    fn default() -> Self {
        Self {
            mode: StoreMode::default(),
            storage: model_storage(),
            resources: None,
            pod_template: None,
            models_job: None,
            gpu: None,
            keep_alive: half_an_hour(),
            models: models(),
            external: None,
        }
    }
}

impl Ollama {
    /// The model of a purpose.
    pub fn model(&self, purpose: ModelUse) -> &str {
        let mut models = self.models.iter();
        models
            .find(|model| model.purpose == purpose)
            .map_or("", |model| &model.name)
    }
}

/// GPUs of a pod.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Gpu {
    /// Resource name of the GPU.
    #[serde(default = "nvidia")]
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = r"^[-a-z0-9.]+/[-a-z0-9.]+$")
    )]
    pub resource: String,
    /// Number of GPUs.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    pub count: i32,
}

/// What a model is for.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ModelUse {
    /// Generates answers.
    Chat,
    /// Computes embeddings.
    Embedding,
}

/// Where a model comes from.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum ModelSource {
    /// Pulled from Ollama's library.
    #[default]
    Pull,
    /// Copied from the folder `/models` of a container image, for clusters without internet access.
    Image,
    /// Downloaded as a GGUF file from a URL.
    Url,
}

/// A language model.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(self.source == 'image') == has(self.image)")
        .message("image is required for source image, and not allowed for other sources"),
    validation = Rule::new("(self.source == 'url') == has(self.url)")
        .message("url is required for source url, and not allowed for other sources")
)]
pub struct Model {
    /// Name of the model in Ollama, such as `llama3.2:1b`.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[a-zA-Z0-9][-._a-zA-Z0-9/:]*$")
    )]
    pub name: String,
    /// What the model is used for.
    #[serde(rename = "use")]
    pub purpose: ModelUse,
    /// Where the model comes from.
    #[serde(default)]
    pub source: ModelSource,
    /// Container image that contains the model, for source `image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = bounds::IMAGE))]
    pub image: Option<String>,
    /// URL of the GGUF file, for source `url`.
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
