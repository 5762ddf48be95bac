//! `spec.modelServers`: servers of language models that are asked before Ollama.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;
use super::workload::KeyRef;

/// What a model server speaks.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ModelServerKind {
    /// Ollama's own API.
    Ollama,
    /// The API of OpenAI, as vLLM, llama.cpp and hosted services have it.
    OpenAi,
}

/// What a model of a server is used for.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ServedUse {
    /// Generates answers.
    Chat,
    /// Computes embeddings.
    Embeddings,
}

/// A model of a model server.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ServedModel {
    /// Name of the model at this server. A model of use `embeddings` must have the name of the
    /// embedding model in `spec.ollama.models`, and be that model.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[a-zA-Z0-9][-._a-zA-Z0-9/:]*$")
    )]
    pub name: String,
    /// What the model is used for.
    #[serde(rename = "use")]
    pub purpose: ServedUse,
}

/// A server of language models outside of the platform.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.name != 'ollama'")
        .message("the name ollama stands for the Ollama of spec.ollama; choose another one"),
    validation = Rule::new("!has(self.apiKeySecretRef) || self.url.startsWith('https://') || \
        self.url.matches('^http://([-a-zA-Z0-9]+|[-a-zA-Z0-9.]+[.]svc([.]cluster[.]local)?|\
        127[.][0-9.]+)(:[0-9]+)?(/.*)?$')")
        .message("a server with apiKeySecretRef needs an https url, unless it is a Service of the \
            cluster (name, name.namespace.svc) or on loopback: others could read the key"),
    validation = Rule::new("!has(self.caSecretRef) || self.url.startsWith('https://')")
        .message("caSecretRef is allowed with an https url only"),
    validation = Rule::new("self.models.filter(m, m.use == 'chat').size() <= 1 && \
        self.models.filter(m, m.use == 'embeddings').size() <= 1")
        .message("a server lists at most one model of use chat and at most one of use embeddings; \
            list the same url under another name for a further model")
)]
pub struct ModelServer {
    /// Name of the server in records of answers, metrics and logs.
    #[schemars(length(min = 1, max = 40), regex(pattern = bounds::LABEL))]
    pub name: String,
    /// What the server speaks.
    pub kind: ModelServerKind,
    /// Base URL, without credentials, query or fragment. For kind `openai` what comes before
    /// `/chat/completions`, such as `https://api.example.com/v1`; for kind `ollama` what comes
    /// before `/api/chat`, such as `http://gpu-box:11434`.
    #[schemars(length(min = 8, max = 300), regex(pattern = bounds::BASE_URL))]
    pub url: String,
    /// Secret key with the API key, sent as a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_secret_ref: Option<KeyRef>,
    /// Secret key with the certificates (PEM) of the authority that signed the server's
    /// certificate. Then no other authority is accepted for this server, and this one for no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<KeyRef>,
    /// Its models that the platform uses.
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub models: Vec<ServedModel>,
}

impl ModelServer {
    /// The name of its model for a use.
    pub fn model(&self, purpose: ServedUse) -> Option<&str> {
        let mut models = self.models.iter();
        models
            .find(|model| model.purpose == purpose)
            .map(|model| model.name.as_str())
    }
}
