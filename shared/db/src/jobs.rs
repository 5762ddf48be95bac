//! The lease queue: claim, report, finish; one row is one piece of long work.

use std::time::Duration;

use shared_models::{CreatorId, JobId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::{Db, TenantTx};

/// How long a worker may be silent before its job is given to another.
pub const LEASE: Duration = Duration::from_secs(30);
/// Longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_mins(5);

/// A job that a worker holds.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// Whose job it is.
    pub creator: CreatorId,
    /// The job.
    pub id: JobId,
    /// What is to be done.
    pub kind: String,
    /// What it is to be done to.
    pub subject: Uuid,
    /// Which attempt this is, from 1.
    pub attempt: i32,
    /// The attempt after which it fails for good.
    pub max_attempts: i32,
    token: Uuid,
}

/// A job as its creator sees it.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// The job.
    pub id: JobId,
    /// What is done.
    pub kind: String,
    /// What it is done to.
    pub subject: Uuid,
    /// `queued`, `running`, `succeeded` or `failed`.
    pub state: String,
    /// The step that it stands at.
    pub stage: String,
    /// 0 to 100.
    pub progress: i16,
    /// Attempts begun.
    pub attempts: i32,
    /// Stable word for what went wrong last.
    pub error_code: Option<String>,
    /// What went wrong last, for a person.
    pub error_reason: Option<String>,
}

/// Puts work into the queue; it starts when the transaction commits.
pub async fn enqueue(
    tx: &mut TenantTx,
    queue: &str,
    kind: &str,
    subject: Uuid,
) -> sqlx::Result<JobId> {
    enqueue_after(tx, queue, kind, subject, Duration::ZERO).await
}

/// Puts work into the queue that starts no sooner than `wait` from now.
pub async fn enqueue_after(
    tx: &mut TenantTx,
    queue: &str,
    kind: &str,
    subject: Uuid,
    wait: Duration,
) -> sqlx::Result<JobId> {
    let (id, creator) = (JobId::new(), tx.creator());
    sqlx::query(
        "insert into platform.jobs (creator_id, id, queue, kind, subject_id, run_at)
         values ($1, $2, $3, $4, $5, now() + $6)",
    )
    .bind(creator)
    .bind(id)
    .bind(queue)
    .bind(kind)
    .bind(subject)
    .bind(interval(wait))
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// Takes the oldest due job of a queue, or one whose worker has gone silent.
pub async fn claim(db: &Db, queue: &str) -> sqlx::Result<Option<ClaimedJob>> {
    let token = Uuid::new_v4();
    let mut tx = db.system().await?;
    let row = sqlx::query("select * from platform.claim_job($1, $2, $3)")
        .bind(queue)
        .bind(interval(LEASE))
        .bind(token)
        .fetch_optional(tx.conn())
        .await?;
    tx.commit().await?;
    let read = |row: PgRow| -> sqlx::Result<ClaimedJob> {
        Ok(ClaimedJob {
            creator: row.try_get("creator_id")?,
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            subject: row.try_get("subject_id")?,
            attempt: row.try_get("attempts")?,
            max_attempts: row.try_get("max_attempts")?,
            token,
        })
    };
    row.map(read).transpose()
}

/// Reports where the work stands and keeps the lease; false when the job is no longer ours.
pub async fn report_progress(
    tx: &mut TenantTx,
    claim: &ClaimedJob,
    stage: &str,
    progress: i16,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update platform.jobs
         set stage = $3, progress = greatest(progress, $4), lease_until = now() + $5,
             updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'",
    )
    .bind(claim.id)
    .bind(claim.token)
    .bind(stage)
    .bind(progress.clamp(0, 100))
    .bind(interval(LEASE))
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a job well, in the transaction of its effect; false when it is no longer ours.
pub async fn complete(tx: &mut TenantTx, claim: &ClaimedJob) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update platform.jobs
         set state = 'succeeded', stage = 'done', progress = 100, error_code = null,
             error_reason = null, lease_until = null, lease_token = null, updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'",
    )
    .bind(claim.id)
    .bind(claim.token)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether another attempt can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureOutcome {
    /// The job waits and is tried again.
    Retried,
    /// The job has failed for good.
    Failed,
    /// The job belongs to another worker by now.
    Lost,
}

/// Records a failed attempt. `retry` says whether another attempt can help.
pub async fn fail(
    tx: &mut TenantTx,
    claim: &ClaimedJob,
    code: &str,
    reason: &str,
    retry: bool,
) -> sqlx::Result<FailureOutcome> {
    let again = retry && claim.attempt < claim.max_attempts;
    let reason: String = reason.chars().take(2000).collect();
    let done = sqlx::query(
        "update platform.jobs
         set state = case when $3 then 'queued' else 'failed' end,
             run_at = now() + $4, error_code = $5, error_reason = $6,
             lease_until = null, lease_token = null, updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'",
    )
    .bind(claim.id)
    .bind(claim.token)
    .bind(again)
    .bind(interval(backoff(claim.attempt)))
    .bind(code)
    .bind(reason)
    .execute(tx.conn())
    .await?;
    Ok(match (done.rows_affected(), again) {
        (0, _) => FailureOutcome::Lost,
        (_, true) => FailureOutcome::Retried,
        (_, false) => FailureOutcome::Failed,
    })
}

/// Keeps the lease without a word on progress; false when the job is no longer ours.
pub async fn renew_lease(tx: &mut TenantTx, claim: &ClaimedJob) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update platform.jobs set lease_until = now() + $3, updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'",
    )
    .bind(claim.id)
    .bind(claim.token)
    .bind(interval(LEASE))
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a job back as if it had not been taken, to be taken again after `wait`: the process ends,
/// or something else has to finish first. False when it is no longer ours.
pub async fn release(tx: &mut TenantTx, claim: &ClaimedJob, wait: Duration) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update platform.jobs
         set state = 'queued', attempts = attempts - 1, run_at = now() + $3,
             lease_until = null, lease_token = null, updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'",
    )
    .bind(claim.id)
    .bind(claim.token)
    .bind(interval(wait))
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Records an attempt that met an outage, and waits: it is shown, and counts towards no last one.
/// Takes the right to update `max_attempts`. False when the job is no longer ours.
pub async fn reschedule(
    tx: &mut TenantTx,
    claim: &ClaimedJob,
    code: &str,
    reason: &str,
    most: Duration,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update platform.jobs
         set state = 'queued', max_attempts = max_attempts + 1, run_at = now() + $3,
             error_code = $4, error_reason = left($5, 2000),
             lease_until = null, lease_token = null, updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'",
    )
    .bind(claim.id)
    .bind(claim.token)
    .bind(interval(backoff(claim.attempt).min(most)))
    .bind(code)
    .bind(reason)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether a worker holds another job about the same subject.
pub async fn has_running_sibling(tx: &mut TenantTx, claim: &ClaimedJob) -> sqlx::Result<bool> {
    sqlx::query(
        "select exists (select from platform.jobs
         where subject_id = $1 and id <> $2 and state = 'running' and lease_until > now())",
    )
    .bind(claim.subject)
    .bind(claim.id)
    .fetch_one(tx.conn())
    .await?
    .try_get(0)
}

/// The newest job about a subject.
pub async fn newest(tx: &mut TenantTx, subject: Uuid) -> sqlx::Result<Option<JobRow>> {
    let row = sqlx::query(
        "select id, kind, subject_id, state, stage, progress, attempts, error_code, error_reason
         from platform.jobs where subject_id = $1 order by id desc limit 1",
    )
    .bind(subject)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| job(&row)).transpose()
}

/// One job.
pub async fn find(tx: &mut TenantTx, id: JobId) -> sqlx::Result<Option<JobRow>> {
    let row = sqlx::query(
        "select id, kind, subject_id, state, stage, progress, attempts, error_code, error_reason
         from platform.jobs where id = $1",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| job(&row)).transpose()
}

fn job(row: &PgRow) -> sqlx::Result<JobRow> {
    Ok(JobRow {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject_id")?,
        state: row.try_get("state")?,
        stage: row.try_get("stage")?,
        progress: row.try_get("progress")?,
        attempts: row.try_get("attempts")?,
        error_code: row.try_get("error_code")?,
        error_reason: row.try_get("error_reason")?,
    })
}

/// 1, 2, 4 … seconds, at most five minutes.
fn backoff(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1))
        .unwrap_or(0)
        .min(16);
    Duration::from_secs(1 << doublings).min(MAX_BACKOFF)
}

fn interval(duration: Duration) -> PgInterval {
    let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    PgInterval {
        months: 0,
        days: 0,
        microseconds,
    }
}
