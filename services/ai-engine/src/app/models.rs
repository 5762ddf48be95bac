//! The models that Ollama has, the other model servers, and whether what is in use is available.

use shared_ai_client::{AnswerMode, FallbackReason};

use crate::clients::model_error::ModelError;
use crate::clients::model_servers::ServerStatus;
use crate::clients::ollama::Model;
use crate::domain::index::calibration::Calibration;
use crate::domain::models::{ModelUse, is_same_model};
use crate::error::Error;
use crate::state::AppState;

/// The models and the servers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelList {
    pub(crate) models: Vec<ModelStatus>,
    /// Empty if there is no server but Ollama.
    pub(crate) servers: Vec<ServerUse>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelStatus {
    pub(crate) name: String,
    /// None if the platform does not use the model.
    pub(crate) purpose: Option<ModelUse>,
    /// Whether Ollama has the model.
    pub(crate) present: bool,
    /// Whether the model is loaded into memory.
    pub(crate) loaded: bool,
    /// Zero if the model is not present.
    pub(crate) size_bytes: u64,
    /// Of the embedding model in use.
    pub(crate) calibration: Option<CalibrationStatus>,
}

/// Whether the similarities of the embedding model can be used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CalibrationStatus {
    /// Ollama did not answer yet.
    Pending,
    /// They can.
    Calibrated(Calibration),
    /// They mean nothing.
    Impossible,
}

/// One use of a model server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUse {
    pub(crate) purpose: ModelUse,
    pub(crate) server: String,
    pub(crate) model: String,
    /// Why it is not asked at the moment.
    pub(crate) paused: Option<FallbackReason>,
}

/// Lists the models in use, then the other models that Ollama has, and the model servers. Ollama
/// may be unavailable if it is not the only server.
pub(crate) async fn list(app: &AppState) -> Result<ModelList, Error> {
    let servers = servers(app);
    let (present, loaded) =
        match tokio::try_join!(app.ollama.list_models(), app.ollama.loaded_models()) {
            Ok(lists) => lists,
            Err(_) if !servers.is_empty() => (Vec::new(), Vec::new()),
            Err(error) => return Err(error.into()),
        };
    let used = [
        (app.chat_model.as_str(), ModelUse::Chat),
        (app.embedder.model().name.as_str(), ModelUse::Embedding),
    ];
    let is_used = |name: &str| used.iter().any(|(used, _)| is_same_model(used, name));
    let is_loaded = |name: &str| loaded.iter().any(|model| is_same_model(&model.name, name));
    let mut models = Vec::new();
    for (name, purpose) in used {
        let found = present
            .iter()
            .find(|model| is_same_model(&model.name, name));
        models.push(ModelStatus {
            name: name.to_owned(),
            purpose: Some(purpose),
            present: found.is_some(),
            loaded: is_loaded(name),
            size_bytes: found.map_or(0, |model| model.size),
            calibration: (purpose == ModelUse::Embedding).then(|| calibration(app)),
        });
    }
    let others = present.iter().filter(|model| !is_used(&model.name));
    models.extend(others.map(|model| ModelStatus {
        name: model.name.clone(),
        purpose: None,
        present: true,
        loaded: is_loaded(&model.name),
        size_bytes: model.size,
        calibration: None,
    }));
    Ok(ModelList { models, servers })
}

fn calibration(app: &AppState) -> CalibrationStatus {
    match app.embedder.calibration() {
        Some(Some(calibration)) => CalibrationStatus::Calibrated(calibration.clone()),
        Some(None) => CalibrationStatus::Impossible,
        None => CalibrationStatus::Pending,
    }
}

/// The servers of each use, in order of preference; none if there is only Ollama.
fn servers(app: &AppState) -> Vec<ServerUse> {
    let uses = [
        (ModelUse::Chat, app.chat_servers.statuses()),
        (ModelUse::Embedding, app.embedder.servers().statuses()),
    ];
    if uses.iter().all(|(_, statuses)| statuses.len() < 2) {
        return Vec::new();
    }
    let of = |(purpose, statuses): (ModelUse, Vec<ServerStatus>)| {
        statuses.into_iter().map(move |status| {
            let ServerStatus {
                server,
                model,
                paused,
            } = status;
            ServerUse {
                purpose,
                server,
                model,
                paused,
            }
        })
    };
    uses.into_iter().flat_map(of).collect()
}

/// Succeeds if an embedding model is available. A missing chat model is logged and measured; it is
/// an error only if answers must be generative, since `auto` and `extractive` work without it.
/// What Ollama lacks, another server may have.
pub(crate) async fn check(app: &AppState) -> Result<(), ModelError> {
    let models = app.ollama.list_models().await;
    let is_present = |name: &str, models: &[Model]| {
        let mut models = models.iter();
        models.any(|model| is_same_model(&model.name, name))
    };
    let embedding_model = &app.embedder.model().name;
    let embeds_elsewhere = app.embedder.servers().has_alternative();
    match &models {
        Ok(models) if !is_present(embedding_model, models) && !embeds_elsewhere => {
            return Err(ModelError::NotFound(embedding_model.clone()));
        }
        _ => {}
    }
    let missing = match models {
        Err(error) if !embeds_elsewhere => return Err(error),
        Err(error) => error,
        Ok(models) => {
            let has_chat_model = is_present(&app.chat_model, &models);
            metrics::gauge!("ai_engine_chat_model_present").set(if has_chat_model {
                1.0
            } else {
                0.0
            });
            if has_chat_model {
                return Ok(());
            }
            ModelError::NotFound(app.chat_model.clone())
        }
    };
    if app.chat_servers.has_alternative() {
        return Ok(());
    }
    tracing::warn!(cause = %missing, model = app.chat_model, "no server has the chat model");
    match app.answer_mode {
        AnswerMode::Generative => Err(missing),
        AnswerMode::Auto | AnswerMode::Extractive => Ok(()),
    }
}
