//! The rows of `platform.jobs` as others see them: what is enqueued, and what is read back.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use shared_config::Service;
use shared_db::{Db, TenantTx};
use shared_models::{CreatorId, JobId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::lease::ClaimedJob;

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Waits for a worker or for its time.
    Queued,
    /// A worker has claimed it.
    Running,
    /// Done.
    Succeeded,
    /// Failed permanently.
    Failed,
}

impl JobState {
    /// The name in the database and in responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// Whether the job has ended.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    fn parse(name: &str) -> sqlx::Result<Self> {
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == name)
            .ok_or_else(|| sqlx::Error::Decode(format!("unknown job state {name}").into()))
    }
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
    /// Its state.
    pub state: JobState,
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

/// A job to be enqueued.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub(crate) kind: &'static str,
    pub(crate) subject: Uuid,
    pub(crate) payload: Value,
    pub(crate) priority: i16,
    pub(crate) dedupe_key: Option<String>,
    pub(crate) delay: Duration,
}

impl NewJob {
    /// Work of that kind about that row.
    pub fn new(kind: &'static str, subject: Uuid) -> Self {
        Self {
            kind,
            subject,
            payload: Value::Object(serde_json::Map::new()),
            priority: 0,
            dedupe_key: None,
            delay: Duration::ZERO,
        }
    }

    /// Adds what the work needs beside its subject.
    pub fn payload(mut self, payload: &impl Serialize) -> serde_json::Result<Self> {
        self.payload = serde_json::to_value(payload)?;
        Ok(self)
    }

    /// Jobs of higher priority are claimed first; 0 is the default.
    #[must_use]
    pub const fn priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// While a job of the tenant with this key waits or runs, no second one is enqueued.
    #[must_use]
    pub fn dedupe(mut self, key: impl Into<String>) -> Self {
        self.dedupe_key = Some(key.into());
        self
    }

    /// Starts no earlier than this time from now.
    #[must_use]
    pub const fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// Inserts the job, or returns the unfinished one with its dedupe key.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    service: Service,
    job: &NewJob,
) -> sqlx::Result<JobRow> {
    let inserted = sqlx::query(
        "insert into platform.jobs
           (creator_id, id, queue, kind, subject_id, payload, priority, dedupe_key, run_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9)
         on conflict (creator_id, queue, dedupe_key)
           where dedupe_key is not null and state in ('queued', 'running') do nothing
         returning id, kind, subject_id, state, stage, progress, attempts, error_code,
                   error_reason",
    )
    .bind(tx.creator())
    .bind(JobId::new())
    .bind(service.name())
    .bind(job.kind)
    .bind(job.subject)
    .bind(&job.payload)
    .bind(job.priority)
    .bind(&job.dedupe_key)
    .bind(interval(job.delay))
    .fetch_optional(tx.conn())
    .await?;
    if let Some(row) = inserted {
        return job_row(&row);
    }
    let existing = sqlx::query(
        "select id, kind, subject_id, state, stage, progress, attempts, error_code, error_reason
         from platform.jobs
         where queue = $1 and dedupe_key = $2 and state in ('queued', 'running')",
    )
    .bind(service.name())
    .bind(&job.dedupe_key)
    .fetch_one(tx.conn())
    .await?;
    job_row(&existing)
}

/// Asks a waiting or running job to stop; false when it has ended already.
pub async fn request_cancel(tx: &mut TenantTx, id: JobId) -> sqlx::Result<bool> {
    let updated = sqlx::query(
        "update platform.jobs set cancel_requested = true, updated_at = now()
         where id = $1 and state in ('queued', 'running')",
    )
    .bind(id)
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Puts a failed job back into the queue with fresh attempts; false when it has not failed.
pub async fn requeue(tx: &mut TenantTx, id: JobId) -> sqlx::Result<bool> {
    let updated = sqlx::query(
        "update platform.jobs
         set state = 'queued', stage = 'queued', attempts = 0, run_at = now(),
             error_code = null, error_reason = null, cancel_requested = false, updated_at = now()
         where id = $1 and state = 'failed'",
    )
    .bind(id)
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// A failed job as an operator of the platform sees it.
#[derive(Debug, Clone)]
pub struct FailedJob {
    /// The tenant of the job.
    pub tenant: CreatorId,
    /// The job.
    pub id: JobId,
    /// The kind of work.
    pub kind: String,
    /// The id of the row that the work is about.
    pub subject: Uuid,
    /// Number of attempts started.
    pub attempts: i32,
    /// Stable code of the last failure.
    pub error_code: String,
    /// The last failure, for a person.
    pub error_reason: String,
    /// Age of the failure.
    pub minutes_ago: i32,
}

/// The failed jobs of all tenants in the queue of the service that `db` is connected as, the newest
/// first. [`requeue`] gives one another try.
pub async fn failed(db: &Db, most: i32) -> sqlx::Result<Vec<FailedJob>> {
    let mut tx = db.system().await?;
    let rows = sqlx::query(
        "select creator_id, id, kind, subject_id, attempts, coalesce(error_code, '') as code,
                coalesce(error_reason, '') as reason,
                (extract(epoch from now() - updated_at) / 60)::int as minutes_ago
         from platform.failed_jobs($1)",
    )
    .bind(most)
    .fetch_all(tx.conn())
    .await?;
    tx.commit().await?;
    let failed = |row: &PgRow| -> sqlx::Result<FailedJob> {
        Ok(FailedJob {
            tenant: row.try_get("creator_id")?,
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            subject: row.try_get("subject_id")?,
            attempts: row.try_get("attempts")?,
            error_code: row.try_get("code")?,
            error_reason: row.try_get("reason")?,
            minutes_ago: row.try_get("minutes_ago")?,
        })
    };
    rows.iter().map(failed).collect()
}

/// Whether another job about the same subject is running.
pub async fn has_running_sibling(tx: &mut TenantTx, job: &ClaimedJob) -> sqlx::Result<bool> {
    sqlx::query(
        "select exists (select from platform.jobs
         where subject_id = $1 and id <> $2 and state = 'running' and lease_until > now())",
    )
    .bind(job.subject)
    .bind(job.id)
    .fetch_one(tx.conn())
    .await?
    .try_get(0)
}

/// Stops all work about a subject, but for the job `except`: what waits fails as `cancelled` at
/// once, and what runs is asked to stop. A worker whose lease has expired can no longer commit.
pub async fn cancel_subject(
    tx: &mut TenantTx,
    subject: Uuid,
    except: Option<JobId>,
    reason: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "update platform.jobs
         set state = 'failed', error_code = 'cancelled', error_reason = $3, lease_until = null,
             lease_token = null, updated_at = now()
         where subject_id = $1 and id is distinct from $2
           and (state = 'queued' or state = 'running' and lease_until < now())",
    )
    .bind(subject)
    .bind(except)
    .bind(reason)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "update platform.jobs set cancel_requested = true, updated_at = now()
         where subject_id = $1 and id is distinct from $2 and state = 'running'",
    )
    .bind(subject)
    .bind(except)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// A job and those that continue its work, in any queue: they name it as `root` in their payload.
/// The newest comes first and the root last; empty when there is no such job.
pub async fn chain(tx: &mut TenantTx, root: JobId) -> sqlx::Result<Vec<JobRow>> {
    let rows = sqlx::query(
        "select id, kind, subject_id, state, stage, progress, attempts, error_code, error_reason
         from platform.jobs
         where id = $1
            or subject_id = (select r.subject_id from platform.jobs r where r.id = $1)
               and payload ->> 'root' = $1::text
         order by id = $1, id desc",
    )
    .bind(root)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(job_row).collect()
}

/// The chain of the newest job about a subject that continues no other one.
pub async fn newest_chain(tx: &mut TenantTx, subject: Uuid) -> sqlx::Result<Vec<JobRow>> {
    let root = sqlx::query(
        "select id from platform.jobs where subject_id = $1 and payload ->> 'root' is null
         order by id desc limit 1",
    )
    .bind(subject)
    .fetch_optional(tx.conn())
    .await?;
    match root {
        Some(row) => chain(tx, row.try_get(0)?).await,
        None => Ok(Vec::new()),
    }
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
    row.map(|row| job_row(&row)).transpose()
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
    row.map(|row| job_row(&row)).transpose()
}

fn job_row(row: &PgRow) -> sqlx::Result<JobRow> {
    Ok(JobRow {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject_id")?,
        state: JobState::parse(row.try_get("state")?)?,
        stage: row.try_get("stage")?,
        progress: row.try_get("progress")?,
        attempts: row.try_get("attempts")?,
        error_code: row.try_get("error_code")?,
        error_reason: row.try_get("error_reason")?,
    })
}

pub(crate) fn interval(duration: Duration) -> PgInterval {
    let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    PgInterval {
        months: 0,
        days: 0,
        microseconds,
    }
}
