//! The records of answers: how each ended and how many tokens it used.

use std::time::Instant;

use jiff::Timestamp;
use shared_models::event::UsageRecorded;
use shared_models::{CreatorId, GenerationId, UsageKind};
use uuid::Uuid;

use super::AnswerOutcome;
use crate::error::Error;
use crate::state::AppState;
use crate::store::generations;

pub(crate) use crate::store::generations::{GenerationRow, GenerationState};

/// Reads the record of an answer.
pub(crate) async fn read(
    app: &AppState,
    tenant: CreatorId,
    id: GenerationId,
) -> Result<GenerationRow, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let row = generations::find(&mut tx, id).await?;
    row.ok_or(Error::UnknownGeneration)
}

/// The records of answers, newest first.
pub(crate) async fn list(
    app: &AppState,
    tenant: CreatorId,
    state: Option<GenerationState>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<GenerationRow>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    Ok(generations::list(&mut tx, state, after, limit).await?)
}

/// Stores the record of an answer and the usage that the tenant is charged for.
pub(super) async fn record(
    app: &AppState,
    tenant: CreatorId,
    row: &GenerationRow,
) -> sqlx::Result<()> {
    let mut tx = app.db.tenant(tenant).await?;
    generations::insert(&mut tx, row).await?;
    let used = [
        (UsageKind::Answers, 1),
        (UsageKind::PromptTokens, row.prompt_tokens.into()),
        (UsageKind::CompletionTokens, row.completion_tokens.into()),
    ];
    if let Some(recorded) = UsageRecorded::of(&used) {
        app.events.publish(&mut tx, recorded).await?;
    }
    tx.commit().await
}

pub(super) fn row(
    id: GenerationId,
    outcome: &AnswerOutcome,
    chat_model: &str,
    sources: usize,
    started: Instant,
) -> GenerationRow {
    let by = outcome.answered_by.as_ref();
    let model = by.map_or(chat_model, |by| by.model.as_str());
    let saturating = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    GenerationRow {
        id,
        mode: outcome.mode(),
        fell_back: outcome.fell_back.is_some(),
        fell_back_reason: outcome.fell_back,
        truncated: outcome.truncated,
        state: outcome.state(),
        error_code: outcome.failure.as_ref().map(|failure| failure.code),
        model: outcome.model_called.then(|| model.to_owned()),
        server: by.map(|by| by.server.clone()),
        fallback_reason: by.and_then(|by| by.fallback),
        policy: outcome.policy.as_ref().map(|policy| policy.kind),
        topic: outcome
            .policy
            .as_ref()
            .and_then(|policy| policy.topic.clone()),
        sources: i32::try_from(sources).unwrap_or(i32::MAX),
        citations: outcome.citations.iter().map(|n| saturating(*n)).collect(),
        prompt_tokens: saturating(outcome.usage.prompt_tokens),
        completion_tokens: saturating(outcome.usage.completion_tokens),
        milliseconds: i32::try_from(started.elapsed().as_millis()).unwrap_or(i32::MAX),
        created_at: Timestamp::now(),
    }
}
