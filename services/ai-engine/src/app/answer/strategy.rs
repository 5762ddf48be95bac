//! Decides whether the chat model writes an answer.

use shared_ai_client::{AnswerMode, FellBackReason};

use super::Strategy;
use crate::clients::bulkhead::{BulkheadPermit, Overloaded, Patience, Refusal};
use crate::clients::model_error::ModelError;
use crate::domain::caller::Caller;
use crate::error::Error;
use crate::state::AppState;

/// Decides how passages become an answer to a question of that caller.
pub(super) async fn choose(
    app: &AppState,
    caller: Caller,
    mode: AnswerMode,
) -> Result<Strategy, Error> {
    match mode {
        AnswerMode::Extractive => Ok(Strategy::Extractive { fell_back: None }),
        AnswerMode::Generative => {
            let patience = Patience::AtMost(app.queues.generation_patience);
            let permit = acquire_chat_model(app, caller, patience).await?;
            Ok(Strategy::Generative {
                permit,
                may_fall_back: false,
            })
        }
        AnswerMode::Auto => {
            // Quotations at once are better than a long wait.
            let patience = Patience::IfExpectedWithin(app.queues.quote_after);
            match acquire_chat_model(app, caller, patience).await {
                Ok(permit) => Ok(Strategy::Generative {
                    permit,
                    may_fall_back: true,
                }),
                Err(error) => {
                    log_fallback(&error);
                    Ok(Strategy::Extractive {
                        fell_back: Some(reason(&error)),
                    })
                }
            }
        }
    }
}

pub(super) fn log_fallback(cause: &dyn std::fmt::Display) {
    tracing::warn!(%cause, "no usable text of the chat model; answering with quotations");
}

/// Why quotations take the place of a text.
const fn reason(error: &Error) -> FellBackReason {
    match error {
        Error::Overloaded(Overloaded { cause, .. }) => match cause {
            Refusal::Paused => FellBackReason::Unavailable,
            _ => FellBackReason::Overloaded,
        },
        Error::Model(ModelError::Busy { .. }) => FellBackReason::Overloaded,
        _ => FellBackReason::Unavailable,
    }
}

/// Acquires a slot of the chat model and checks that Ollama has the model, unless another server is
/// asked first.
async fn acquire_chat_model(
    app: &AppState,
    caller: Caller,
    patience: Patience,
) -> Result<BulkheadPermit, Error> {
    let permit = app.chat_bulkhead.acquire(caller, patience).await?;
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
