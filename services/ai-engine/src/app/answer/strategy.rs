//! Decides whether the chat model writes an answer.

use std::time::Duration;

use shared_ai_client::AnswerMode;

use super::Strategy;
use crate::clients::bulkhead::BulkheadPermit;
use crate::clients::model_error::ModelError;
use crate::error::Error;
use crate::state::AppState;

/// For the chat model, if the answer must be generative.
const GENERATIVE_QUEUE_TIMEOUT: Duration = Duration::from_secs(10);
/// For the chat model, if an extractive answer is good enough.
const AUTO_QUEUE_TIMEOUT: Duration = Duration::from_secs(2);

/// Decides how passages become an answer.
pub(super) async fn choose(app: &AppState, mode: AnswerMode) -> Result<Strategy, Error> {
    match mode {
        AnswerMode::Extractive => Ok(Strategy::Extractive { fell_back: false }),
        AnswerMode::Generative => {
            let permit = acquire_chat_model(app, GENERATIVE_QUEUE_TIMEOUT).await?;
            Ok(Strategy::Generative {
                permit,
                may_fall_back: false,
            })
        }
        AnswerMode::Auto => match acquire_chat_model(app, AUTO_QUEUE_TIMEOUT).await {
            Ok(permit) => Ok(Strategy::Generative {
                permit,
                may_fall_back: true,
            }),
            Err(error) => {
                log_fallback(&error);
                Ok(Strategy::Extractive { fell_back: true })
            }
        },
    }
}

pub(super) fn log_fallback(cause: &dyn std::fmt::Display) {
    tracing::warn!(%cause, "no usable text of the chat model; answering with quotations");
}

/// Acquires a slot of the chat model and checks that Ollama has the model, unless another server is
/// asked first.
async fn acquire_chat_model(
    app: &AppState,
    queue_timeout: Duration,
) -> Result<BulkheadPermit, Error> {
    let permit = app.chat_bulkhead.acquire(queue_timeout).await?;
    if app.chat_servers.has_alternative() {
        return Ok(permit);
    }
    let model = &app.chat_model;
    let error = match app.ollama.has_model(model).await {
        // Not reported as a success: only the chat itself proves that the model works.
        Ok(true) => return Ok(permit),
        Ok(false) => ModelError::NotFound(model.clone()),
        Err(error) => error,
    };
    permit.report(Some(&error));
    Err(error.into())
}
