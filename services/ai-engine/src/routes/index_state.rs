//! How far the embedding of the knowledge is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared_web::{Permit, Problem, permit};
use utoipa::ToSchema;

use crate::app::index::index_state;
use crate::domain::index::model_change::EmbeddedCounts;
use crate::error::Error;
use crate::state::AppState;

/// Which embedding model the knowledge is searched with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct IndexState {
    state: EmbeddingState,
    /// The model whose vectors are searched.
    model: String,
    /// The present model of the platform, while the knowledge is embedded with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_model: Option<String>,
    /// Documents that are searchable.
    documents: EmbeddingProgress,
    /// Questions of question-and-answer pairs.
    questions: EmbeddingProgress,
}

/// Whether all vectors are those of the platform's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EmbeddingState {
    /// They are.
    Current,
    /// The platform's model has changed and embeds the knowledge again. Until it is done, searches
    /// say `reembedding`.
    Reembedding,
}

/// What the present model of the platform has embedded.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct EmbeddingProgress {
    done: i64,
    total: i64,
}

impl From<index_state::IndexState> for IndexState {
    fn from(state: index_state::IndexState) -> Self {
        let index_state::IndexState {
            model,
            next,
            counts,
        } = state;
        let EmbeddedCounts {
            documents,
            documents_done,
            questions,
            questions_done,
        } = counts;
        let progress = |done, total| EmbeddingProgress { done, total };
        Self {
            state: if next.is_some() {
                EmbeddingState::Reembedding
            } else {
                EmbeddingState::Current
            },
            model,
            next_model: next,
            documents: progress(documents_done, documents),
            questions: progress(questions_done, questions),
        }
    }
}

/// Read which embedding model the knowledge is searched with, and how far a change of it is.
#[utoipa::path(get, path = "/index", tag = "search", security(("bearer" = [])),
    responses(
        (status = 200, body = IndexState),
        (status = 401, description = "No valid token", body = Problem)))]
pub(super) async fn read_index(
    State(app): State<AppState>,
    caller: Permit<permit::KnowledgeSearch>,
) -> Result<Json<IndexState>, Error> {
    let state = index_state::read(&app, caller.tenant).await?;
    Ok(Json(state.into()))
}
