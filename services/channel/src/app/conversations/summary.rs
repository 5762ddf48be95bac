//! The summary of a conversation: of the messages that are, or will soon be, too old to be sent
//! with a question.

use shared_db::TenantTx;
use shared_jobs::{JobContext, JobQueue, NewJob};
use shared_models::ConversationId;

use super::answer::HISTORY_SIZE;
use crate::domain::summary::{self, Said};
use crate::store::messages;
use crate::store::summaries;

/// The kind of the job.
pub(crate) const SUMMARISE_CONVERSATION: &str = "summarise_conversation";
/// The newest messages, which are not summarised yet. The summary is extended when so many are
/// unsummarised as are sent with a question, so that there is never one between both.
const UNSUMMARISED_SIZE: i64 = HISTORY_SIZE / 2;
/// Messages of one step of the job.
const STEP_SIZE: i64 = 100;

/// Enqueues the extension of the summary in the transaction that has stored an answer, if it is
/// due.
pub(crate) async fn enqueue_if_due(
    jobs: &JobQueue,
    tx: &mut TenantTx,
    id: ConversationId,
    unsummarised: i64,
) -> sqlx::Result<()> {
    if unsummarised < HISTORY_SIZE {
        return Ok(());
    }
    let job = NewJob::new(SUMMARISE_CONVERSATION, id.as_uuid()).dedupe(format!("summary:{id}"));
    jobs.enqueue(tx, job).await.map(|_| ())
}

/// Summarises all but the newest messages, a number of them at a time. Returns whether more are
/// left.
pub(crate) async fn extend(context: &JobContext) -> sqlx::Result<bool> {
    let id = ConversationId::from(context.subject());
    let mut tx = context.begin().await?;
    let Some(known) = summaries::find(&mut tx, id).await? else {
        return Ok(false);
    };
    let end = known.last_seq - UNSUMMARISED_SIZE;
    let limit = STEP_SIZE.min(end - known.summarised_seq);
    if limit <= 0 {
        return Ok(false);
    }
    let rows = messages::after(&mut tx, id, known.summarised_seq, limit).await?;
    let Some(last) = rows.last() else {
        return Ok(false);
    };
    let said = rows.iter().map(|row| Said {
        role: row.role,
        text: &row.content,
    });
    let extended = summary::extended(known.summary.as_deref(), said);
    let is_replaced = summaries::replace(
        &mut tx,
        id,
        known.summarised_seq,
        extended.as_deref(),
        last.seq,
    );
    let is_replaced = is_replaced.await?;
    tx.commit().await?;
    Ok(is_replaced && last.seq < end)
}
