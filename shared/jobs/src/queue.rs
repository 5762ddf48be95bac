//! The rows of `platform.jobs`: enqueue, claim, report progress, end. A claim is a lease.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use shared_cache::{Cache, Key};
use shared_config::Service;
use shared_db::{Db, Effect, TenantTx};
use shared_models::{CreatorId, JobId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::postgres::types::PgInterval;
use tokio::sync::Notify;
use uuid::Uuid;

/// A claimed job goes to another worker when its lease is not renewed for this long.
pub const LEASE_TTL: Duration = Duration::from_secs(30);
/// Longest delay between two attempts.
const MAX_BACKOFF: Duration = Duration::from_mins(5);
/// Longest stored reason of a failure, characters.
const MAX_REASON: usize = 2_000;

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
    kind: &'static str,
    subject: Uuid,
    payload: Value,
    priority: i16,
    dedupe_key: Option<String>,
    delay: Duration,
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

/// The queue of one service. Clones share the wake-up of this process's workers.
#[derive(Clone)]
pub struct JobQueue {
    service: Service,
    cache: Cache,
    wake: Arc<Notify>,
}

impl std::fmt::Debug for JobQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("JobQueue").field(&self.service).finish()
    }
}

impl JobQueue {
    /// The queue of that service.
    pub fn new(service: Service, cache: Cache) -> Self {
        Self {
            service,
            cache,
            wake: Arc::default(),
        }
    }

    /// The service whose workers run the jobs.
    pub const fn service(&self) -> Service {
        self.service
    }

    /// Enqueues a job. After the commit, and only then, a worker is woken. A job with the dedupe
    /// key of a waiting or running one returns that one.
    pub async fn enqueue(&self, tx: &mut TenantTx, job: NewJob) -> sqlx::Result<JobRow> {
        tx.apply(self.enqueueing(job)).await
    }

    /// The effect of enqueueing a job, for code that is given its effects.
    pub fn enqueueing(&self, job: NewJob) -> Enqueue {
        Enqueue {
            queue: self.clone(),
            job,
        }
    }

    /// Announces the progress of a tenant's jobs after the commit.
    pub fn notify_progress_on_commit(&self, tx: &mut TenantTx) {
        let (queue, tenant) = (self.clone(), tx.creator());
        tx.after_commit(move || queue.notify_progress(tenant));
    }

    /// Announces progress to those who follow this tenant's jobs. A hint: they also poll.
    pub(crate) fn notify_progress(&self, tenant: CreatorId) {
        self.publish(Key::job_events(tenant));
    }

    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(crate) fn wake_local(&self) {
        self.wake.notify_one();
    }

    pub(crate) const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Wakes a worker, in this process or another. A hint: workers also poll.
    fn wake(&self) {
        self.wake_local();
        self.publish(Key::queue_wake(self.service.name()));
    }

    fn publish(&self, channel: Key) {
        let cache = self.cache.clone();
        tokio::spawn(async move {
            if let Err(error) = cache.publish(&channel, "").await {
                tracing::debug!(%error, %channel, "job notification not published");
            }
        });
    }
}

/// A job to be enqueued in a transaction.
#[derive(Debug, Clone)]
pub struct Enqueue {
    queue: JobQueue,
    job: NewJob,
}

impl Effect for Enqueue {
    type Output = JobRow;

    async fn write(self, tx: &mut TenantTx) -> sqlx::Result<JobRow> {
        let Self { queue, job } = self;
        let row = insert(tx, queue.service, &job).await?;
        // A delayed job is found by polling when its time has come.
        if job.delay.is_zero() {
            tx.after_commit(move || queue.wake());
        }
        Ok(row)
    }
}

async fn insert(tx: &mut TenantTx, service: Service, job: &NewJob) -> sqlx::Result<JobRow> {
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

/// Claims the next due job of a service's queue, or one whose lease has expired. The tenant with
/// the fewest running jobs comes first.
pub async fn claim(db: &Db, service: Service) -> sqlx::Result<Option<ClaimedJob>> {
    let lease_token = Uuid::new_v4();
    let mut tx = db.system().await?;
    let row = sqlx::query("select * from platform.claim_next_job($1, $2, $3)")
        .bind(service.name())
        .bind(interval(LEASE_TTL))
        .bind(lease_token)
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

/// Records a failed attempt; `retry` allows another one while attempts are left.
pub async fn fail(
    tx: &mut TenantTx,
    job: &ClaimedJob,
    code: &str,
    reason: &str,
    retry: bool,
) -> sqlx::Result<Failure> {
    let retried = retry && job.attempt < job.max_attempts;
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
    .bind(interval(backoff(job.attempt)))
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
/// that does not count towards the last.
pub async fn reschedule(
    tx: &mut TenantTx,
    job: &ClaimedJob,
    code: &str,
    reason: &str,
    max_backoff: Duration,
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
    .bind(interval(backoff(job.attempt).min(max_backoff)))
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

/// 1, 2, 4 … seconds, at most [`MAX_BACKOFF`].
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
