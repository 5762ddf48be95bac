//! The models for answers and search.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared_ai_client::FallbackReason;
use shared_web::{Permit, Problem, permit};
use utoipa::ToSchema;

use crate::app::models::{self, CalibrationStatus, ModelList, ModelStatus, ServerUse};
use crate::domain::index::calibration::Calibration;
use crate::domain::models::ModelUse;
use crate::error::Error;
use crate::state::AppState;

/// A list of models.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Models {
    /// The models that the platform uses, then the other models that Ollama has.
    models: Vec<Model>,
    /// The model servers for each use, in the order in which they are asked; absent if there is
    /// only the platform's own Ollama.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    servers: Vec<ModelServer>,
}

/// A model.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Model {
    /// The name in Ollama.
    name: String,
    /// What the platform uses it for.
    #[serde(rename = "use")]
    purpose: Purpose,
    /// Whether Ollama has it. Without the chat model, answers in mode `auto` are extractive.
    present: bool,
    /// Whether it is loaded into memory.
    loaded: bool,
    /// The size in bytes; zero if the model is not present.
    size_bytes: u64,
    /// Of the embedding model that the platform uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<ModelCalibration>,
}

/// What the similarities of the embedding model mean, as measured with this model.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ModelCalibration {
    /// Until it is `calibrated`, search goes by words, and what only similar meaning relates to a
    /// question is not found.
    state: CalibrationState,
    /// The cosine similarity from which a passage is relevant.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f32>,
    /// The languages that the model understands, of those that were tried (ISO 639-1).
    languages: Vec<String>,
}

/// How far the calibration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CalibrationState {
    /// Ollama did not answer yet.
    Pending,
    /// The threshold is known.
    Calibrated,
    /// The model does not tell passages that answer a question from others.
    Impossible,
}

/// One use of a model server.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ModelServer {
    /// The name of the server: `ollama` for the platform's own.
    server: String,
    /// What it is used for.
    #[serde(rename = "use")]
    purpose: Purpose,
    /// Its model for that.
    model: String,
    /// Whether its last call succeeded, or it has not been asked. One that is not available is left
    /// out for a while; the last one of a use never is.
    available: bool,
    /// Why not, as far as its last response says.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<FallbackReason>,
}

impl From<ServerUse> for ModelServer {
    fn from(used: ServerUse) -> Self {
        let ServerUse {
            purpose,
            server,
            model,
            paused,
        } = used;
        Self {
            server,
            purpose: purpose.into(),
            model,
            available: paused.is_none(),
            reason: paused,
        }
    }
}

/// What a model is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    /// Writes answers.
    Chat,
    /// Makes vectors of texts.
    Embedding,
    /// Not used.
    None,
}

impl From<ModelUse> for Purpose {
    fn from(purpose: ModelUse) -> Self {
        match purpose {
            ModelUse::Chat => Self::Chat,
            ModelUse::Embedding => Self::Embedding,
        }
    }
}

impl From<ModelStatus> for Model {
    fn from(status: ModelStatus) -> Self {
        let ModelStatus {
            name,
            purpose,
            present,
            loaded,
            size_bytes,
            calibration,
        } = status;
        Self {
            name,
            purpose: purpose.map_or(Purpose::None, Purpose::from),
            present,
            loaded,
            size_bytes,
            calibration: calibration.map(ModelCalibration::from),
        }
    }
}

impl From<CalibrationStatus> for ModelCalibration {
    fn from(status: CalibrationStatus) -> Self {
        let (state, calibration) = match status {
            CalibrationStatus::Pending => (CalibrationState::Pending, None),
            CalibrationStatus::Impossible => (CalibrationState::Impossible, None),
            CalibrationStatus::Calibrated(known) => (CalibrationState::Calibrated, Some(known)),
        };
        let languages = calibration.iter().flat_map(Calibration::languages);
        Self {
            state,
            languages: languages.map(str::to_owned).collect(),
            threshold: calibration.as_ref().map(Calibration::threshold),
        }
    }
}

/// List the models and their availability.
#[utoipa::path(get, path = "/models", tag = "models", security(("bearer" = [])),
    responses(
        (status = 200, body = Models),
        (status = 401, description = "No valid token", body = Problem),
        (status = 503, description = "Ollama is unavailable", body = Problem)))]
pub(super) async fn list_models(
    State(app): State<AppState>,
    _caller: Permit<permit::ModelsRead>,
) -> Result<Json<Models>, Error> {
    let ModelList { models, servers } = models::list(&app).await?;
    Ok(Json(Models {
        models: models.into_iter().map(Model::from).collect(),
        servers: servers.into_iter().map(ModelServer::from).collect(),
    }))
}
