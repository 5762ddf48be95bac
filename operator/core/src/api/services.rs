//! The four services.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared_config::{Service, limits};

use super::storage::Storage;
use super::workload::Workload;

const ONE_SIZE: &str = "!(has(self.replicas) && has(self.autoscaling))";
const ONE_SIZE_MESSAGE: &str = "set either replicas or autoscaling, not both";

/// Settings of the four services.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Services {
    /// The auth service: accounts and tokens.
    #[serde(default)]
    pub auth: AuthService,
    /// The creator-hub service: profiles and documents.
    #[serde(default)]
    pub creator_hub: CreatorHubService,
    /// The ai-engine service: indexing, retrieval and answers.
    #[serde(default)]
    pub ai_engine: AiEngineService,
    /// The channel service: chat widget, messengers and conversations.
    #[serde(default)]
    pub channel: ChannelService,
}

impl Services {
    /// The shared part of a service's settings.
    pub const fn workload(&self, service: Service) -> &Workload {
        match service {
            Service::Auth => &self.auth.workload,
            Service::CreatorHub => &self.creator_hub.workload,
            Service::AiEngine => &self.ai_engine.workload,
            Service::Channel => &self.channel.workload,
        }
    }
}

/// Settings of the auth service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(ONE_SIZE).message(ONE_SIZE_MESSAGE))]
pub struct AuthService {
    /// What every service has.
    #[serde(flatten)]
    pub workload: Workload,
}

/// Settings of the creator-hub service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(ONE_SIZE).message(ONE_SIZE_MESSAGE),
    validation = Rule::new("self.fileAccess == 'ReadWriteMany' || \
        (!has(self.autoscaling) && (!has(self.replicas) || self.replicas <= 1))")
        .message("more than one replica requires fileAccess ReadWriteMany")
)]
pub struct CreatorHubService {
    /// What every service has.
    #[serde(flatten)]
    pub workload: Workload,
    /// Volume that stores the uploaded files.
    #[serde(default = "file_storage")]
    pub storage: Storage,
    /// Access mode of that volume. Immutable.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("fileAccess cannot change once the volume exists"))]
    pub file_access: FileAccess,
}

/// Access mode of the volume that stores the uploaded files.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FileAccess {
    /// Mounted by one node; allows one replica.
    #[default]
    ReadWriteOnce,
    /// Mounted by many nodes; the storage class must support it.
    ReadWriteMany,
}

impl FileAccess {
    /// The value of the field in Kubernetes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadWriteOnce => "ReadWriteOnce",
            Self::ReadWriteMany => "ReadWriteMany",
        }
    }
}

impl Default for CreatorHubService {
    fn default() -> Self {
        Self {
            workload: Workload::default(),
            storage: file_storage(),
            file_access: FileAccess::default(),
        }
    }
}

/// Settings of the ai-engine service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(ONE_SIZE).message(ONE_SIZE_MESSAGE))]
pub struct AiEngineService {
    /// What every service has.
    #[serde(flatten)]
    pub workload: Workload,
    /// Default answer mode, for requests that do not set one.
    #[serde(default)]
    pub answer_mode: AnswerMode,
    /// How many answers of the chat model are written at the same time, and who waits how long.
    #[serde(default)]
    pub generation: Generation,
    /// How much is embedded at the same time.
    #[serde(default)]
    pub embedding: Embedding,
}

/// Bounds of answers that the chat model writes, of each replica. Accounts take turns.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.queuePerTenant <= self.queue")
    .message("queuePerTenant must not be greater than queue"))]
pub struct Generation {
    /// Answers that are written at the same time. More than the model servers write at the same
    /// time makes each of them slower.
    #[serde(default = "generation_slots")]
    #[schemars(range(min = 1, max = 64))]
    pub slots: i32,
    /// Questions that wait for one of them; further ones are refused.
    #[serde(default = "generation_queue")]
    #[schemars(range(min = 1, max = 1000))]
    pub queue: i32,
    /// Questions of one account that wait.
    #[serde(default = "generation_queue_per_tenant")]
    #[schemars(range(min = 1, max = 1000))]
    pub queue_per_tenant: i32,
    /// Longest wait, in seconds, of a question that only the chat model may answer; it is refused
    /// then.
    #[serde(default = "generation_queue_seconds")]
    #[schemars(range(min = 1, max = 120))]
    pub queue_seconds: i32,
    /// A question in the mode `auto` that would wait longer than so many seconds is answered with
    /// quotations at once.
    #[serde(default = "quote_after_seconds")]
    #[schemars(range(min = 0, max = 120))]
    pub quote_after_seconds: i32,
}

impl Default for Generation {
    fn default() -> Self {
        Self {
            slots: generation_slots(),
            queue: generation_queue(),
            queue_per_tenant: generation_queue_per_tenant(),
            queue_seconds: generation_queue_seconds(),
            quote_after_seconds: quote_after_seconds(),
        }
    }
}

/// Bounds of what the embedding model does, of each replica. Accounts take turns, and questions do
/// not wait for documents.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.queuePerTenant <= self.queue")
    .message("queuePerTenant must not be greater than queue"))]
pub struct Embedding {
    /// Questions that are embedded at the same time.
    #[serde(default = "embedding_slots")]
    #[schemars(range(min = 1, max = 64))]
    pub slots: i32,
    /// Questions that wait for that; further ones are searched by words.
    #[serde(default = "embedding_queue")]
    #[schemars(range(min = 1, max = 1000))]
    pub queue: i32,
    /// Questions of one account that wait.
    #[serde(default = "embedding_queue_per_tenant")]
    #[schemars(range(min = 1, max = 1000))]
    pub queue_per_tenant: i32,
    /// Documents that are indexed at the same time, batch by batch in turns. Half of the places are
    /// for accounts that have no document in work.
    #[serde(default = "indexed_documents")]
    #[schemars(range(min = 2, max = 64))]
    pub documents: i32,
}

impl Default for Embedding {
    fn default() -> Self {
        Self {
            slots: embedding_slots(),
            queue: embedding_queue(),
            queue_per_tenant: embedding_queue_per_tenant(),
            documents: indexed_documents(),
        }
    }
}

/// How answers are produced.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum AnswerMode {
    /// The chat model generates the answer.
    Generative,
    /// The best passages are quoted and cited; the chat model is not called.
    Extractive,
    /// Generative; extractive while the chat model is unavailable or overloaded.
    #[default]
    Auto,
}

impl AnswerMode {
    /// The value of ai-engine's setting.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generative => "generative",
            Self::Extractive => "extractive",
            Self::Auto => "auto",
        }
    }
}

/// Settings of the channel service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(ONE_SIZE).message(ONE_SIZE_MESSAGE))]
pub struct ChannelService {
    /// What every service has.
    #[serde(flatten)]
    pub workload: Workload,
    /// Serves a demo page with the chat widget. Not for production.
    #[serde(default)]
    pub demo_page: bool,
}

fn file_storage() -> Storage {
    Storage::of("10Gi")
}

const fn generation_slots() -> i32 {
    limits::GENERATION_SLOTS
}

const fn generation_queue() -> i32 {
    limits::GENERATION_QUEUE
}

const fn generation_queue_per_tenant() -> i32 {
    limits::GENERATION_QUEUE_PER_TENANT
}

const fn generation_queue_seconds() -> i32 {
    limits::GENERATION_QUEUE_SECONDS
}

const fn quote_after_seconds() -> i32 {
    limits::QUOTE_AFTER_SECONDS
}

const fn embedding_slots() -> i32 {
    limits::EMBEDDING_SLOTS
}

const fn embedding_queue() -> i32 {
    limits::EMBEDDING_QUEUE
}

const fn embedding_queue_per_tenant() -> i32 {
    limits::EMBEDDING_QUEUE_PER_TENANT
}

const fn indexed_documents() -> i32 {
    limits::INDEXED_DOCUMENTS
}
