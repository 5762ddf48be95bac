//! The four services.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared_config::Service;

use super::storage::Storage;
use super::workload::Workload;

const ONE_SIZE: &str = "!(has(self.replicas) && has(self.autoscaling))";
const ONE_SIZE_MESSAGE: &str = "give either replicas or autoscaling, not both";

/// Settings of the four services.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Services {
    /// Accounts and tokens.
    #[serde(default)]
    pub auth: AuthService,
    /// Profiles and documents.
    #[serde(default)]
    pub creator_hub: CreatorHubService,
    /// Ingestion, retrieval and answers.
    #[serde(default)]
    pub ai_engine: AiEngineService,
    /// Where end users talk.
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

/// Settings of auth.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(ONE_SIZE).message(ONE_SIZE_MESSAGE))]
pub struct AuthService {
    /// What every service has.
    #[serde(flatten)]
    pub workload: Workload,
}

/// Settings of creator-hub.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(ONE_SIZE).message(ONE_SIZE_MESSAGE),
    validation = Rule::new("self.fileAccess == 'ReadWriteMany' || \
        (!has(self.autoscaling) && (!has(self.replicas) || self.replicas <= 1))")
        .message("more than one replica needs fileAccess ReadWriteMany")
)]
pub struct CreatorHubService {
    /// What every service has.
    #[serde(flatten)]
    pub workload: Workload,
    /// Volume of the uploaded files.
    #[serde(default = "file_storage")]
    pub storage: Storage,
    /// Who may mount that volume. Immutable.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("fileAccess cannot change once the volume exists"))]
    pub file_access: FileAccess,
}

/// Who may mount the volume of the uploaded files.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FileAccess {
    /// One node: enough for one replica.
    #[default]
    ReadWriteOnce,
    /// Many nodes; the storage class must be able to.
    ReadWriteMany,
}

impl FileAccess {
    /// The word that Kubernetes reads.
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

/// Settings of ai-engine.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(ONE_SIZE).message(ONE_SIZE_MESSAGE))]
pub struct AiEngineService {
    /// What every service has.
    #[serde(flatten)]
    pub workload: Workload,
    /// How an answer is made when the request names no mode.
    #[serde(default)]
    pub answer_mode: AnswerMode,
}

/// How answers are made.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum AnswerMode {
    /// The chat model writes the answer.
    Generative,
    /// The best passages, quoted and cited; no model is called.
    Extractive,
    /// Generative; extractive while the chat model is down or overloaded.
    #[default]
    Auto,
}

impl AnswerMode {
    /// The word that ai-engine reads.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generative => "generative",
            Self::Extractive => "extractive",
            Self::Auto => "auto",
        }
    }
}

/// Settings of channel.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(ONE_SIZE).message(ONE_SIZE_MESSAGE))]
pub struct ChannelService {
    /// What every service has.
    #[serde(flatten)]
    pub workload: Workload,
    /// Serves a page with the widget, to try it out. Leave it off in production.
    #[serde(default)]
    pub demo_page: bool,
}

fn file_storage() -> Storage {
    Storage::of("10Gi")
}
