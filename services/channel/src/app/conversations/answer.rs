//! The transactions of `jobs/answer.rs`: leases, questions and their answers.

use std::time::Duration;

use shared_ai_client::Done;
use shared_models::event::MessageAnswered;
use uuid::Uuid;

use crate::app::live::broadcast::ConversationKey;
use crate::domain::frame::CitedSource;
use crate::state::AppState;
use crate::store::answer_leases;
use crate::store::messages::{self, MessageRow};

pub(crate) use crate::store::answer_leases::LeasedQuestion;

/// Messages before the question that are sent to ai-engine with it.
const HISTORY_SIZE: i64 = 20;

/// A lease on the answers of one conversation, held by one run of the job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) key: ConversationKey,
    pub(crate) worker: Uuid,
}

/// The next question of a conversation, as far as this worker is concerned.
pub(crate) enum NextQuestion {
    /// Leased to this worker, with the messages before it.
    Leased(LeasedQuestion, Vec<MessageRow>),
    /// Leased to another worker for that time.
    LeasedElsewhere(Duration),
    None,
}

/// Leases the oldest question that has no answer.
pub(crate) async fn lease_next_question(
    app: &AppState,
    lease: Lease,
) -> sqlx::Result<NextQuestion> {
    let Lease { key, worker } = lease;
    let mut tx = app.db.tenant(key.creator).await?;
    let leased = answer_leases::acquire(&mut tx, key.conversation, worker).await?;
    let Some(question) = leased else {
        let remaining = answer_leases::remaining(&mut tx, key.conversation).await?;
        return Ok(remaining.map_or(NextQuestion::None, NextQuestion::LeasedElsewhere));
    };
    let id = key.conversation;
    let history = messages::before(&mut tx, id, question.seq, HISTORY_SIZE).await?;
    tx.commit().await?;
    Ok(NextQuestion::Leased(question, history))
}

/// Renews the lease. Returns false when another worker or a person has taken over.
pub(crate) async fn renew(app: &AppState, lease: Lease) -> sqlx::Result<bool> {
    let mut tx = app.db.tenant(lease.key.creator).await?;
    let renewed = answer_leases::renew(&mut tx, lease.key.conversation, lease.worker).await?;
    tx.commit().await?;
    Ok(renewed)
}

/// Stores an answer and ends the lease. Returns `None` when the lease is lost or a person has
/// taken over: the statement that assigns the number checks both, so a person always wins.
pub(crate) async fn complete(
    app: &AppState,
    lease: Lease,
    reply_to: i64,
    text: &str,
    sources: &[CitedSource],
    done: &Done,
) -> sqlx::Result<Option<MessageRow>> {
    let Lease { key, worker } = lease;
    let mut tx = app.db.tenant(key.creator).await?;
    let seq = answer_leases::complete(&mut tx, key.conversation, worker, reply_to).await?;
    let Some(seq) = seq else {
        return Ok(None);
    };
    // PostgreSQL's text type cannot store NUL, which a model may produce.
    let content = text.trim().replace('\0', "");
    let answer = messages::NewAnswer {
        reply_to,
        content: &content,
        sources,
        done,
    };
    let row = messages::insert_answer(&mut tx, key.conversation, seq, answer).await?;
    let answered = MessageAnswered {
        conversation: key.conversation,
        message: row.id,
        reply_to,
    };
    app.events.publish(&mut tx, answered).await?;
    tx.commit().await?;
    Ok(Some(row))
}

/// Ends the lease without an answer. A `failed` question is answered only after a retry of the
/// visitor; otherwise the next worker answers it.
pub(crate) async fn release(app: &AppState, lease: Lease, failed: Option<i64>) -> sqlx::Result<()> {
    let Lease { key, worker } = lease;
    let mut tx = app.db.tenant(key.creator).await?;
    answer_leases::release(&mut tx, key.conversation, worker, failed).await?;
    tx.commit().await
}

/// Lets the last message be answered again. Returns false when it is not an open question.
pub(crate) async fn reopen_last_question(
    app: &AppState,
    key: ConversationKey,
) -> sqlx::Result<bool> {
    let mut tx = app.db.tenant(key.creator).await?;
    let reopened = answer_leases::reopen_last_question(&mut tx, key.conversation).await?;
    tx.commit().await?;
    Ok(reopened)
}
