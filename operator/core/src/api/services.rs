//! The four services.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared_config::Service;

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
