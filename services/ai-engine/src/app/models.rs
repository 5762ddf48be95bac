//! The models that Ollama has, and whether those in use are available.

use shared_ai_client::AnswerMode;

use crate::clients::ollama::OllamaError;
use crate::domain::index::calibration::Calibration;
use crate::domain::models::{ModelUse, is_same_model};
use crate::error::Error;
use crate::state::AppState;

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

/// Lists the models in use, then the other models that Ollama has.
pub(crate) async fn list(app: &AppState) -> Result<Vec<ModelStatus>, Error> {
    let (present, loaded) = tokio::try_join!(app.ollama.list_models(), app.ollama.loaded_models())?;
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
    Ok(models)
}

fn calibration(app: &AppState) -> CalibrationStatus {
    match app.embedder.calibration() {
        Some(Some(calibration)) => CalibrationStatus::Calibrated(calibration.clone()),
        Some(None) => CalibrationStatus::Impossible,
        None => CalibrationStatus::Pending,
    }
}

/// Succeeds if the embedding model is available. A missing chat model is logged and measured; it is
/// an error only if answers must be generative, since `auto` and `extractive` work without it.
pub(crate) async fn check(app: &AppState) -> Result<(), OllamaError> {
    let models = app.ollama.list_models().await?;
    let is_present = |name: &str| models.iter().any(|model| is_same_model(&model.name, name));
    let embedding_model = &app.embedder.model().name;
    if !is_present(embedding_model) {
        return Err(OllamaError::NotFound(embedding_model.clone()));
    }
    let has_chat_model = is_present(&app.chat_model);
    metrics::gauge!("ai_engine_chat_model_present").set(if has_chat_model { 1.0 } else { 0.0 });
    if has_chat_model {
        return Ok(());
    }
    tracing::warn!(
        model = app.chat_model,
        "ollama does not have the chat model"
    );
    match app.answer_mode {
        AnswerMode::Generative => Err(OllamaError::NotFound(app.chat_model.clone())),
        AnswerMode::Auto | AnswerMode::Extractive => Ok(()),
    }
}
