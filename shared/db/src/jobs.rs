//! The job queue: claim, report progress, finish. A claim is a lease that must be renewed.

use std::time::Duration;

use shared_models::{CreatorId, JobId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::{Db, TenantTx};

/// A claimed job goes to another worker when its lease is not renewed for this long.
pub const LEASE: Duration = Duration::from_secs(30);
/// Longest delay between two attempts.
const MAX_BACKOFF: Duration = Duration::from_mins(5);

/// A job claimed by a worker.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The tenant of the job.
    pub creator: CreatorId,
    /// The job.
    pub id: JobId,
    /// The kind of work.
    pub kind: String,
    /// The id of the row that the work is about.
    pub subject: Uuid,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    /// The job fails after this many attempts.
    pub max_attempts: i32,
    token: Uuid,
}

/// A job as the API shows it.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// The job.
    pub id: JobId,
    /// The kind of work.
    pub kind: String,
    /// The id of the row that the work is about.
    pub subject: Uuid,
    /// `queued`, `running`, `succeeded` or `failed`.
    pub state: String,
    /// The current step.
    pub stage: String,
    /// Progress in percent.
    pub progress: i16,
    /// Number of attempts started.
    pub attempts: i32,
    /// Stable code of the last failure.
    pub error_code: Option<String>,
    /// The last failure, for a person.
    pub error_reason: Option<String>,
}

/// Enqueues a job; it becomes visible when the transaction commits.
pub async fn enqueue(
    tx: &mut TenantTx,
    queue: &str,
    kind: &str,
    subject: Uuid,
) -> sqlx::Result<JobId> {
    enqueue_after(tx, queue, kind, subject, Duration::ZERO).await
}

/// Enqueues a job that starts no earlier than `wait` from now.
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

/// Claims the oldest due job of a queue, or one whose lease has expired.
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

/// Reports progress and renews the lease; false when the lease was lost.
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

/// Completes a job, in the transaction of its effect; false when the lease was lost.
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

/// What became of a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureOutcome {
    /// Another attempt is scheduled.
    Retried,
    /// The job has failed permanently.
    Failed,
    /// The lease was lost to another worker.
    Lost,
}

/// Records a failed attempt; `retry` allows another one while attempts are left.
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

/// Renews the lease without reporting progress; false when the lease was lost.
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

/// Returns a job to the queue as if it had not been claimed, to start after `wait`: the process
/// stops, or other work has to finish first. False when the lease was lost.
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

/// Records an attempt that failed because a dependency is unavailable, and schedules another one
/// that does not count towards the last. False when the lease was lost.
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

/// Whether another job about the same subject is running.
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
