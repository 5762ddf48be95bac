//! The lease of a claimed job: claim it, renew it, report progress, record how the attempt ended.

use std::time::Duration;

use serde_json::Value;
use shared_config::Service;
use shared_db::{Db, TenantTx};
use shared_models::{CreatorId, JobId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::rows::{NewJob, interval};

/// A claimed job goes to another worker when its lease is not renewed for this long.
pub const LEASE_TTL: Duration = Duration::from_secs(30);
/// Longest stored reason of a failure, characters.
const MAX_REASON: usize = 2_000;
/// The default of the column.
const DEFAULT_MAX_ATTEMPTS: i32 = 8;

/// A job claimed by a worker.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The tenant of the job.
    pub tenant: CreatorId,
    /// The job.
    pub id: JobId,
    /// The kind of work.
    pub kind: String,
    /// The id of the row that the work is about.
    pub subject: Uuid,
    /// What the work needs beside its subject.
    pub payload: Value,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    /// The job fails after this many attempts.
    pub max_attempts: i32,
    lease_token: Uuid,
}

/// Which tenants a claim serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// All of them.
    All,
    /// Those that have no running job of the same kinds.
    Idle,
}

impl Served {
    /// A tenant is served if it has fewer running jobs than that.
    const fn most_running(self) -> Option<i32> {
        match self {
            Self::All => None,
            Self::Idle => Some(1),
        }
    }
}

/// Claims the next due job of those kinds from a service's queue, or one whose lease has expired.
/// The tenant with the fewest running jobs of these kinds comes first, then the one that was served
/// longest ago.
pub async fn claim(db: &Db, service: Service, kinds: &[&str]) -> sqlx::Result<Option<ClaimedJob>> {
    claim_for(db, service, kinds, Served::All).await
}

/// The same for those tenants only.
pub async fn claim_for(
    db: &Db,
    service: Service,
    kinds: &[&str],
    served: Served,
) -> sqlx::Result<Option<ClaimedJob>> {
    let lease_token = Uuid::new_v4();
    let mut tx = db.system().await?;
    let row = sqlx::query("select * from platform.claim_job_in_turn($1, $2, $3, $4, $5)")
        .bind(service.name())
        .bind(kinds)
        .bind(interval(LEASE_TTL))
        .bind(lease_token)
        .bind(served.most_running())
        .fetch_optional(tx.conn())
        .await?;
    tx.commit().await?;
    let claimed = |row: PgRow| -> sqlx::Result<ClaimedJob> {
        Ok(ClaimedJob {
            tenant: row.try_get("creator_id")?,
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            subject: row.try_get("subject_id")?,
            payload: row.try_get("payload")?,
            attempt: row.try_get("attempts")?,
            max_attempts: row.try_get("max_attempts")?,
            lease_token,
        })
    };
    row.map(claimed).transpose()
}

/// Inserts a job that this process has claimed already; none when an unfinished job has its dedupe
/// key.
pub(crate) async fn insert_claimed(
    tx: &mut TenantTx,
    service: Service,
    job: NewJob,
) -> sqlx::Result<Option<ClaimedJob>> {
    let claimed = ClaimedJob {
        tenant: tx.creator(),
        id: JobId::new(),
        kind: job.kind.to_owned(),
        subject: job.subject,
        payload: job.payload,
        attempt: 1,
        max_attempts: DEFAULT_MAX_ATTEMPTS,
        lease_token: Uuid::new_v4(),
    };
    let inserted = sqlx::query(
        "insert into platform.jobs
           (creator_id, id, queue, kind, subject_id, payload, priority, dedupe_key, state,
            attempts, max_attempts, lease_until, lease_token, claimed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 'running', $9, $10, now() + $11, $12, now())
         on conflict (creator_id, queue, dedupe_key)
           where dedupe_key is not null and state in ('queued', 'running') do nothing",
    )
    .bind(claimed.tenant)
    .bind(claimed.id)
    .bind(service.name())
    .bind(&claimed.kind)
    .bind(claimed.subject)
    .bind(&claimed.payload)
    .bind(job.priority)
    .bind(&job.dedupe_key)
    .bind(claimed.attempt)
    .bind(claimed.max_attempts)
    .bind(interval(LEASE_TTL))
    .bind(claimed.lease_token)
    .execute(tx.conn())
    .await?;
    Ok((inserted.rows_affected() == 1).then_some(claimed))
}

/// Whether a worker still has its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lease {
    Held { cancel_requested: bool },
    Lost,
}

/// Renews the lease in a transaction of its own.
pub(crate) async fn heartbeat(db: &Db, job: &ClaimedJob) -> sqlx::Result<Lease> {
    let mut tx = db.tenant(job.tenant).await?;
    let row = sqlx::query(
        "update platform.jobs set lease_until = now() + $3, updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'
         returning cancel_requested",
    )
    .bind(job.id)
    .bind(job.lease_token)
    .bind(interval(LEASE_TTL))
    .fetch_optional(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(match row {
        Some(row) => Lease::Held {
            cancel_requested: row.try_get(0)?,
        },
        None => Lease::Lost,
    })
}

/// Renews the lease within a transaction; false when the lease was lost.
pub async fn renew_lease(tx: &mut TenantTx, job: &ClaimedJob) -> sqlx::Result<bool> {
    let updated = sqlx::query(
        "update platform.jobs set lease_until = now() + $3, updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'",
    )
    .bind(job.id)
    .bind(job.lease_token)
    .bind(interval(LEASE_TTL))
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Renews the lease within a transaction; false when the lease was lost or the job is to be
/// cancelled. Until the transaction ends, nobody can ask to cancel.
pub async fn renew_if_wanted(tx: &mut TenantTx, job: &ClaimedJob) -> sqlx::Result<bool> {
    let updated = sqlx::query(
        "update platform.jobs set lease_until = now() + $3, updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running' and not cancel_requested",
    )
    .bind(job.id)
    .bind(job.lease_token)
    .bind(interval(LEASE_TTL))
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Reports progress and renews the lease; false when the lease was lost.
pub async fn report_progress(
    tx: &mut TenantTx,
    job: &ClaimedJob,
    stage: &str,
    percent: i16,
) -> sqlx::Result<bool> {
    let updated = sqlx::query(
        "update platform.jobs
         set stage = $3, progress = greatest(progress, $4), lease_until = now() + $5,
             updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'",
    )
    .bind(job.id)
    .bind(job.lease_token)
    .bind(stage)
    .bind(percent.clamp(0, 100))
    .bind(interval(LEASE_TTL))
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Completes a job, in the transaction of its effect; false when the lease was lost.
pub async fn complete(tx: &mut TenantTx, job: &ClaimedJob) -> sqlx::Result<bool> {
    let updated = sqlx::query(
        "update platform.jobs
         set state = 'succeeded', stage = 'done', progress = 100, error_code = null,
             error_reason = null, lease_until = null, lease_token = null, updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'",
    )
    .bind(job.id)
    .bind(job.lease_token)
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// What became of a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Another attempt is scheduled.
    Retried,
    /// The job has failed permanently.
    Failed,
    /// The lease was lost to another worker.
    LeaseLost,
}

impl Failure {
    /// The label of logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retried => "retried",
            Self::Failed => "failed",
            Self::LeaseLost => "lost",
        }
    }
}

/// Records a failed attempt; `retry` allows another one after that time, while attempts are left.
pub async fn fail(
    tx: &mut TenantTx,
    job: &ClaimedJob,
    code: &str,
    reason: &str,
    retry: Option<Duration>,
) -> sqlx::Result<Failure> {
    let retried = retry.is_some() && job.attempt < job.max_attempts;
    let reason: String = reason.chars().take(MAX_REASON).collect();
    let updated = sqlx::query(
        "update platform.jobs
         set state = case when $3 then 'queued' else 'failed' end,
             run_at = now() + $4, error_code = $5, error_reason = $6,
             lease_until = null, lease_token = null, updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'",
    )
    .bind(job.id)
    .bind(job.lease_token)
    .bind(retried)
    .bind(interval(retry.unwrap_or_default()))
    .bind(code)
    .bind(reason)
    .execute(tx.conn())
    .await?;
    Ok(match (updated.rows_affected(), retried) {
        (0, _) => Failure::LeaseLost,
        (_, true) => Failure::Retried,
        (_, false) => Failure::Failed,
    })
}

/// Records an attempt that failed because a dependency is unavailable, and schedules another one
/// after `wait` that does not count towards the last.
pub async fn reschedule(
    tx: &mut TenantTx,
    job: &ClaimedJob,
    code: &str,
    reason: &str,
    wait: Duration,
) -> sqlx::Result<Failure> {
    let reason: String = reason.chars().take(MAX_REASON).collect();
    let updated = sqlx::query(
        "update platform.jobs
         set state = 'queued', max_attempts = max_attempts + 1, run_at = now() + $3,
             error_code = $4, error_reason = $5,
             lease_until = null, lease_token = null, updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'",
    )
    .bind(job.id)
    .bind(job.lease_token)
    .bind(interval(wait))
    .bind(code)
    .bind(reason)
    .execute(tx.conn())
    .await?;
    Ok(if updated.rows_affected() == 1 {
        Failure::Retried
    } else {
        Failure::LeaseLost
    })
}

/// Returns a job to the queue as if it had not been claimed, to start after `wait`: the process
/// stops, or other work has to finish first. False when the lease was lost.
pub async fn release(tx: &mut TenantTx, job: &ClaimedJob, wait: Duration) -> sqlx::Result<bool> {
    let updated = sqlx::query(
        "update platform.jobs
         set state = 'queued', attempts = attempts - 1, run_at = now() + $3,
             lease_until = null, lease_token = null, updated_at = now()
         where id = $1 and lease_token = $2 and state = 'running'",
    )
    .bind(job.id)
    .bind(job.lease_token)
    .bind(interval(wait))
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}
