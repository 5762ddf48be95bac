//! The job that answers a conversation: how it is enqueued, and its transactions.
//!
//! No question is lost between a job that ends and a message that arrives. Who stores a message
//! locks the row of the conversation first and then enqueues; the job locks the row, looks once
//! more and then completes itself.

use std::time::Duration;

use shared_ai_client::Done;
use shared_db::TenantTx;
use shared_events::EventBus;
use shared_jobs::{JobContext, JobQueue, NewJob, lease};
use shared_models::ConversationId;
use shared_models::event::MessageAnswered;

use super::summary;
use crate::domain::conversation::ConversationKey;
use crate::domain::frame::CitedSource;
use crate::state::AppState;
use crate::store::answer_leases::{self, Completed};
use crate::store::messages::{self, MessageRow};
use crate::store::summaries;

pub(crate) use crate::store::answer_leases::LeasedQuestion;

/// The kind of the job.
pub(crate) const ANSWER_CONVERSATION: &str = "answer_conversation";
/// Messages before the question that are sent to ai-engine with it.
pub(crate) const HISTORY_SIZE: i64 = 20;

/// The next question of a conversation, as far as this job is concerned.
pub(crate) enum NextQuestion {
    /// Leased to this job, with what was said before it.
    Leased(LeasedQuestion, Earlier),
    /// Leased to a process of the version before, or to a job that has failed, for that time.
    LeasedElsewhere(Duration),
    /// Nothing is left to answer, and the job is completed.
    None,
    /// Another worker has the job by now.
    JobLost,
}

/// What was said before a question.
#[derive(Debug)]
pub(crate) struct Earlier {
    /// The last messages.
    pub(crate) messages: Vec<MessageRow>,
    /// The summary of those before them, if there are any.
    pub(crate) summary: Option<String>,
}

/// The conversation that a job answers.
pub(crate) fn conversation(context: &JobContext) -> ConversationKey {
    ConversationKey {
        creator: context.tenant(),
        conversation: context.subject().into(),
    }
}

/// Enqueues the job of a conversation in the transaction that has locked its row, unless it waits
/// or runs: then it answers this question as well.
pub(crate) async fn enqueue(
    app: &AppState,
    tx: &mut TenantTx,
    id: ConversationId,
) -> sqlx::Result<()> {
    let job = NewJob::new(ANSWER_CONVERSATION, id.as_uuid()).dedupe(format!("answer:{id}"));
    app.jobs.enqueue_here(tx, job).await
}

/// Enqueues the job of a conversation with an open question, unless it waits or runs.
pub(crate) async fn ensure_job(app: &AppState, key: ConversationKey) -> sqlx::Result<()> {
    let mut tx = app.db.tenant(key.creator).await?;
    enqueue(app, &mut tx, key.conversation).await?;
    tx.commit().await
}

/// Leases the oldest question that has no answer, or completes the job.
pub(crate) async fn lease_next_question(context: &JobContext) -> sqlx::Result<NextQuestion> {
    let (id, job) = (conversation(context).conversation, context.job().id);
    let mut tx = context.begin().await?;
    let mut leased = answer_leases::acquire(&mut tx, id, job).await?;
    if leased.is_none() {
        answer_leases::lock(&mut tx, id).await?;
        leased = answer_leases::acquire(&mut tx, id, job).await?;
    }
    let Some(question) = leased else {
        if let Some(remaining) = answer_leases::remaining(&mut tx, id, job).await? {
            return Ok(NextQuestion::LeasedElsewhere(remaining));
        }
        if !context.complete(&mut tx).await? {
            return Ok(NextQuestion::JobLost);
        }
        tx.commit().await?;
        return Ok(NextQuestion::None);
    };
    let messages = messages::before(&mut tx, id, question.seq, HISTORY_SIZE).await?;
    let is_long = question.seq > HISTORY_SIZE;
    let known = if is_long {
        summaries::find(&mut tx, id).await?
    } else {
        None
    };
    tx.commit().await?;
    let summary = known.and_then(|known| known.summary);
    Ok(NextQuestion::Leased(
        question,
        Earlier { messages, summary },
    ))
}

/// Renews the lease on the conversation. Returns false when another worker or a person has taken
/// over.
pub(crate) async fn renew(context: &JobContext) -> sqlx::Result<bool> {
    let id = conversation(context).conversation;
    let mut tx = context.begin().await?;
    let renewed = answer_leases::renew(&mut tx, id, context.job().id).await?;
    tx.commit().await?;
    Ok(renewed)
}

/// Stores an answer, complete or stopped by the visitor (without `done`), and ends the lease on the
/// conversation. Returns `None` when another worker has the conversation or the job, or a person
/// has taken over: the statement that assigns the number checks the owner, so a person always wins.
pub(crate) async fn complete(
    context: &JobContext,
    (events, jobs): (&EventBus, &JobQueue),
    reply_to: i64,
    text: &str,
    sources: &[CitedSource],
    done: Option<&Done>,
) -> sqlx::Result<Option<MessageRow>> {
    let id = conversation(context).conversation;
    let mut tx = context.begin().await?;
    let policy = done.and_then(|done| done.policy.as_ref());
    let hands_over = policy.filter(|policy| policy.hand_over);
    let job = context.job().id;
    let completed = answer_leases::complete(&mut tx, id, job, reply_to, hands_over).await?;
    let Some(Completed { seq, unsummarised }) = completed else {
        return Ok(None);
    };
    // An earlier attempt of the job has the same token in the conversation.
    if !lease::renew_lease(&mut tx, context.job()).await? {
        return Ok(None);
    }
    // PostgreSQL's text type cannot store NUL, which a model may produce.
    let stored = text.trim().replace('\0', "");
    let answer = messages::NewAnswer {
        reply_to,
        content: &stored,
        sources,
        done,
    };
    let row = messages::insert_answer(&mut tx, id, seq, answer).await?;
    let answered = MessageAnswered {
        conversation: id,
        message: row.id,
        reply_to,
    };
    events.publish(&mut tx, answered).await?;
    summary::enqueue_if_due(jobs, &mut tx, id, unsummarised).await?;
    tx.commit().await?;
    if let Some(policy) = hands_over {
        let reason = policy.kind.as_str();
        metrics::counter!("channel_hand_overs_total", "reason" => reason).increment(1);
    }
    Ok(Some(row))
}

/// Ends the lease without an answer. A `failed` question is answered only after a retry of the
/// visitor; otherwise the next attempt answers it.
pub(crate) async fn release(context: &JobContext, failed: Option<i64>) -> sqlx::Result<()> {
    let id = conversation(context).conversation;
    let mut tx = context.begin().await?;
    answer_leases::release(&mut tx, id, context.job().id, failed).await?;
    tx.commit().await
}

/// Lets the last message be answered again, and enqueues the job. Returns false when it is not an
/// open question.
pub(crate) async fn reopen_last_question(
    app: &AppState,
    key: ConversationKey,
) -> sqlx::Result<bool> {
    let mut tx = app.db.tenant(key.creator).await?;
    let reopened = answer_leases::reopen_last_question(&mut tx, key.conversation).await?;
    if reopened {
        enqueue(app, &mut tx, key.conversation).await?;
    }
    tx.commit().await?;
    Ok(reopened)
}
