//! Claims the due jobs of one queue and runs them: the only lease loop of the platform.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use shared_cache::Key;
use shared_db::Db;
use shared_models::{Backoff, Retry};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::JobContext;
use crate::erased::ErasedJob;
use crate::job::{Job, JobError, Outcome};
use crate::lease::{self, ClaimedJob, Failure, Lease, Served};
use crate::local::Started;
use crate::queue::JobQueue;
use crate::schedule::{ScheduledWork, Schedules};

/// How often an idle runner looks for due jobs: retries, schedules, expired leases.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How often the lease of a running job is renewed and its cancellation checked.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);
/// Delays after failures that count.
const FAILURE_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(5));
/// Delays of a job whose dependency is unavailable.
const OUTAGE_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// Runs the jobs of one queue.
#[derive(Clone)]
pub struct Runner {
    db: Db,
    queue: JobQueue,
    kinds: Arc<HashMap<&'static str, Arc<dyn ErasedJob>>>,
    schedules: Schedules,
    slots: Arc<Semaphore>,
    /// Of these slots; see [`Runner::reserving`].
    reserved: usize,
    poll_interval: Duration,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("queue", &self.queue)
            .field("kinds", &self.kinds.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Runner {
    /// A runner without any kind; `concurrency` jobs run at once in this process. Long work and
    /// work that somebody waits for belong to runners of their own over the same queue.
    pub fn new(db: Db, queue: JobQueue, concurrency: usize) -> Self {
        let schedules = Schedules::new(db.clone(), queue.service());
        Self {
            db,
            queue,
            kinds: Arc::default(),
            schedules,
            slots: Arc::new(Semaphore::new(concurrency)),
            reserved: 0,
            poll_interval: POLL_INTERVAL,
        }
    }

    /// Looks for due jobs that often while nothing wakes it, instead of each second.
    #[must_use]
    pub const fn poll_every(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Keeps so many of the slots for tenants that have no running job of these kinds, so that the
    /// long jobs of one tenant cannot hold all of them.
    #[must_use]
    pub const fn reserving(mut self, slots: usize) -> Self {
        self.reserved = slots;
        self
    }

    /// Adds a kind of work.
    #[must_use]
    pub fn with<J: Job>(mut self, job: J) -> Self {
        let mut kinds = (*self.kinds).clone();
        kinds.insert(J::KIND, Arc::new(job));
        self.kinds = Arc::new(kinds);
        self
    }

    /// Adds work that no tenant asked for, which one replica at a time runs.
    #[must_use]
    pub fn scheduled(mut self, work: impl ScheduledWork) -> Self {
        self.schedules.add(work);
        self
    }

    /// Works until `stop` is cancelled. Jobs that run then go back to the queue, after the time
    /// that their kind may take to end.
    pub async fn run(self, stop: CancellationToken) {
        let attempts = TaskTracker::new();
        let jobs = async {
            // With work by schedule only there is nothing to claim.
            if !self.kinds.is_empty() {
                tokio::join!(
                    self.claim_until(&stop, &attempts),
                    self.start_until(&stop, &attempts),
                    stop.run_until_cancelled(self.listen()),
                );
            }
        };
        tokio::join!(jobs, self.schedules.clone().run(stop.clone()));
        attempts.close();
        attempts.wait().await;
    }

    /// Runs one due job; false when there is none.
    pub async fn step(&self, stop: &CancellationToken) -> sqlx::Result<bool> {
        let Some(job) = self.claim(Served::All).await? else {
            return Ok(false);
        };
        self.attempt(job, stop).await?;
        Ok(true)
    }

    /// Creates the rows of the scheduled work, as [`Runner::run`] does at its start.
    pub async fn register_schedules(&self) -> sqlx::Result<()> {
        self.schedules.register().await
    }

    /// Runs one kind of scheduled work that is due; false when there is none.
    pub async fn scheduled_step(&self, stop: &CancellationToken) -> sqlx::Result<bool> {
        self.schedules.step(stop).await
    }

    async fn claim(&self, served: Served) -> sqlx::Result<Option<ClaimedJob>> {
        let kinds: Vec<_> = self.kinds.keys().copied().collect();
        lease::claim_for(&self.db, self.queue.service(), &kinds, served).await
    }

    /// Whom the slot that was just taken is for.
    fn served(&self) -> Served {
        if self.slots.available_permits() < self.reserved {
            Served::Idle
        } else {
            Served::All
        }
    }

    /// The lease loop: as long as a slot is free and a job is due, runs it; then waits.
    async fn claim_until(&self, stop: &CancellationToken, attempts: &TaskTracker) {
        let mut wakes = self.queue.wakes();
        while let Some(Some(slot)) = stop.run_until_cancelled(self.slot()).await {
            // A wake-up during the claim is seen by the wait below.
            wakes.mark_unchanged();
            // Never cancelled: a claimed job would wait for the end of its lease.
            match self.claim(self.served()).await {
                Ok(Some(job)) => {
                    self.spawn(attempts, job, slot, stop);
                    continue; // the next one may be due already
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "database unavailable; jobs wait"),
            }
            // Idle: what is enqueued here may use the slot.
            drop(slot);
            tokio::select! {
                _ = wakes.changed() => {}
                () = tokio::time::sleep(self.poll_interval) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Runs the jobs that this process has enqueued as claimed.
    async fn start_until(&self, stop: &CancellationToken, attempts: &TaskTracker) {
        let kinds = self.kinds.keys().copied();
        let (registration, mut started) = self.queue.local().register(kinds, &self.slots);
        while let Some(Some(Started { job, slot })) = stop.run_until_cancelled(started.recv()).await
        {
            self.spawn(attempts, job, slot, stop);
        }
        drop(registration);
        started.close();
        // These go back to the queue, unless their kind may take its time to end.
        while let Some(Started { job, slot }) = started.recv().await {
            self.spawn(attempts, job, slot, stop);
        }
    }

    /// The next free slot; none is ever closed.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    fn spawn(
        &self,
        attempts: &TaskTracker,
        job: ClaimedJob,
        slot: OwnedSemaphorePermit,
        stop: &CancellationToken,
    ) {
        let (runner, stop) = (self.clone(), stop.clone());
        attempts.spawn(async move {
            // The job is run again when its lease has expired.
            if let Err(error) = runner.attempt(job, &stop).await {
                tracing::warn!(%error, "database unavailable; the job waits");
            }
            drop(slot);
            if runner.reserved > 0 {
                // The slot that is waited for may serve every tenant by now.
                runner.queue.wake_local();
            }
        });
    }

    /// Wakes workers when another process enqueues; without Redis they poll.
    async fn listen(&self) {
        let channel = Key::queue_wake(self.queue.service().name());
        loop {
            match self.queue.cache().subscribe(&channel).await {
                Ok(subscription) => {
                    let mut messages = subscription.into_on_message();
                    while messages.next().await.is_some() {
                        self.queue.wake_local();
                    }
                }
                Err(error) => tracing::debug!(%error, "cannot subscribe to job wake-ups; polling"),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    async fn attempt(&self, job: ClaimedJob, stop: &CancellationToken) -> sqlx::Result<()> {
        let started = Instant::now();
        let context = JobContext {
            db: self.db.clone(),
            queue: self.queue.clone(),
            cancelled: CancellationToken::new(),
            job,
        };
        // Only kinds of this runner are claimed; one of a newer version waits for its own process.
        let Some(kind) = self.kinds.get(context.job.kind.as_str()) else {
            return Ok(());
        };
        let outcome = self.run_kind(kind.as_ref(), &context, stop).await?;
        let labels = [
            ("queue", self.queue.service().name()),
            ("kind", kind.name()),
            ("outcome", outcome),
        ];
        metrics::counter!("jobs_total", &labels).increment(1);
        metrics::histogram!("job_seconds", &labels).record(started.elapsed().as_secs_f64());
        tracing::info!(
            job = %context.job.id, kind = context.job.kind, attempt = context.job.attempt,
            outcome, "job attempt finished"
        );
        self.queue.notify_progress(context.job.tenant);
        Ok(())
    }

    async fn run_kind(
        &self,
        kind: &dyn ErasedJob,
        context: &JobContext,
        stop: &CancellationToken,
    ) -> sqlx::Result<&'static str> {
        // Work that kills its process would otherwise be claimed forever.
        if !kind.never_fails() && context.job.attempt > context.job.max_attempts {
            return self.fail(context, kind, &interrupted()).await;
        }
        let result = tokio::select! {
            result = tokio::time::timeout(kind.timeout(), kind.run(context)) => {
                result.unwrap_or_else(|_| Err(timed_out()))
            }
            () = self.hold_lease(context) => Ok(Outcome::LeaseLost),
            () = drained(stop, kind.drain()) => Ok(Outcome::Continue(Duration::ZERO)),
        };
        match result {
            Ok(outcome) => self.finish(context, outcome).await,
            Err(error) => self.fail(context, kind, &error).await,
        }
    }

    /// Renews the lease; returns when it was lost.
    async fn hold_lease(&self, context: &JobContext) {
        loop {
            tokio::time::sleep(HEARTBEAT_INTERVAL).await;
            match lease::heartbeat(&self.db, &context.job).await {
                Ok(Lease::Held { cancel_requested }) => {
                    if cancel_requested {
                        context.cancelled.cancel();
                    }
                }
                Ok(Lease::Lost) => return,
                // The lease outlives a short outage of the database.
                Err(error) => tracing::warn!(%error, "lease not renewed; will retry"),
            }
        }
    }

    async fn finish(&self, context: &JobContext, outcome: Outcome) -> sqlx::Result<&'static str> {
        if matches!(outcome, Outcome::Completed | Outcome::LeaseLost) {
            return Ok(outcome.as_str());
        }
        let mut tx = context.begin().await?;
        let ours = match outcome {
            Outcome::Continue(wait) => lease::release(&mut tx, &context.job, wait).await?,
            _ => lease::complete(&mut tx, &context.job).await?,
        };
        tx.commit().await?;
        if outcome == Outcome::Continue(Duration::ZERO) {
            self.queue.wake_local();
        }
        Ok(if ours {
            outcome.as_str()
        } else {
            Outcome::LeaseLost.as_str()
        })
    }

    async fn fail(
        &self,
        context: &JobContext,
        kind: &dyn ErasedJob,
        error: &JobError,
    ) -> sqlx::Result<&'static str> {
        let job = &context.job;
        let mut tx = context.begin().await?;
        let retry = if kind.never_fails() {
            Retry::UntilAvailable
        } else {
            error.retry
        };
        let (code, reason) = (&error.code, &error.reason);
        let failure = match retry {
            Retry::UntilAvailable => {
                let backoff = OUTAGE_BACKOFF.after(job.attempt);
                let wait = error.retry_after.unwrap_or(backoff);
                lease::reschedule(&mut tx, job, code, reason, wait).await?
            }
            Retry::Limited => {
                let backoff = FAILURE_BACKOFF.after(job.attempt);
                let wait = error.retry_after.unwrap_or(backoff);
                lease::fail(&mut tx, job, code, reason, Some(wait)).await?
            }
            Retry::Never => lease::fail(&mut tx, job, code, reason, None).await?,
        };
        if let Failure::Retried | Failure::Failed = failure {
            let failed = failure == Failure::Failed;
            kind.on_failure(&mut tx, context, error, failed).await?;
        }
        tx.commit().await?;
        let retried = failure == Failure::Retried;
        tracing::warn!(job = %job.id, kind = job.kind, %error, retried, "job attempt failed");
        Ok(failure.as_str())
    }
}

/// Completes that long after `stop`.
async fn drained(stop: &CancellationToken, time: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(time).await;
}

fn interrupted() -> JobError {
    let reason = "processing was interrupted too often";
    JobError::new("interrupted", reason, Retry::Never)
}

fn timed_out() -> JobError {
    JobError::new("timed_out", "the attempt took too long", Retry::Limited)
}
