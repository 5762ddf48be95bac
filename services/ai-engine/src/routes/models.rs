//! The models behind answers and search.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared_ai_client::AnswerMode;
use shared_web::{Permit, Problem, permit};
use utoipa::ToSchema;

use crate::error::Error;
use crate::ollama::{self, OllamaError};
use crate::state::AppState;

/// The models.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Models {
    /// Those that the platform uses first, then others that Ollama has.
    models: Vec<Model>,
}

/// A model.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Model {
    /// Its Ollama name.
    name: String,
    /// What the platform uses it for.
    #[serde(rename = "use")]
    purpose: Purpose,
    /// Whether Ollama has it. Without the chat model, answers in mode `auto` are quotations.
    present: bool,
    /// Whether it is in memory.
    loaded: bool,
    /// Its size, bytes; zero while it is not present.
    size_bytes: u64,
}

/// What a model is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    /// Writes answers.
    Chat,
    /// Makes vectors.
    Embedding,
    /// Nothing.
    None,
}

/// List the models and whether they are there.
#[utoipa::path(get, path = "/models", tag = "models", security(("bearer" = [])),
    responses(
        (status = 200, body = Models),
        (status = 401, description = "No valid token", body = Problem),
        (status = 503, description = "Ollama is away", body = Problem)))]
pub(super) async fn list_models(
    State(app): State<AppState>,
    _creator: Permit<permit::ModelsRead>,
) -> Result<Json<Models>, Error> {
    let (has, loaded) = tokio::try_join!(app.ollama.tags(), app.ollama.loaded())?;
    let used = [
        (app.chat_model.as_str(), Purpose::Chat),
        (app.embedder.model().name.as_str(), Purpose::Embedding),
    ];
    let is_used = |name: &str| used.iter().any(|(used, _)| ollama::same_model(used, name));
    let in_memory = |name: &str| loaded.iter().any(|m| ollama::same_model(&m.name, name));
    let mut models: Vec<Model> = Vec::new();
    for (name, purpose) in used {
        let found = has.iter().find(|m| ollama::same_model(&m.name, name));
        models.push(Model {
            name: name.to_owned(),
            purpose,
            present: found.is_some(),
            loaded: in_memory(name),
            size_bytes: found.map_or(0, |model| model.size),
        });
    }
    let others = has.iter().filter(|model| !is_used(&model.name));
    models.extend(others.map(|model| Model {
        name: model.name.clone(),
        purpose: Purpose::None,
        present: true,
        loaded: in_memory(&model.name),
        size_bytes: model.size,
    }));
    Ok(Json(Models { models }))
}

/// Ready means that the embedding model is there. A missing chat model is reported, and is not
/// unready unless answers must be generative: `auto` and `extractive` do without.
pub(crate) async fn ready(app: &AppState) -> Result<(), OllamaError> {
    let has = app.ollama.tags().await?;
    let present = |name: &str| {
        has.iter()
            .any(|model| ollama::same_model(&model.name, name))
    };
    let embedding = &app.embedder.model().name;
    if !present(embedding) {
        return Err(OllamaError::NotFound(embedding.clone()));
    }
    let chat = present(&app.chat_model);
    metrics::gauge!("ai_chat_model_present").set(if chat { 1.0 } else { 0.0 });
    if chat {
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
