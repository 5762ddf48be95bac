//! The queue of one service: enqueue a job, wake the workers after the commit, announce progress.

use std::sync::Arc;

use shared_cache::{Cache, Key};
use shared_config::Service;
use shared_db::{Effect, TenantTx};
use shared_models::CreatorId;
use tokio::sync::watch;
use uuid::Uuid;

use crate::lease;
use crate::local::LocalRunners;
use crate::rows::{self, JobRow, NewJob};

/// The tenant of the platform's own jobs: the nil id, which no account has.
pub fn platform() -> CreatorId {
    Uuid::nil().into()
}

/// The queue of one service. Clones share the runners of this process and their wake-up.
#[derive(Clone)]
pub struct JobQueue {
    service: Service,
    cache: Cache,
    /// A new version wakes every runner of this process, also one that is claiming just now.
    wake: Arc<watch::Sender<()>>,
    local: LocalRunners,
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
            wake: Arc::new(watch::Sender::new(())),
            local: LocalRunners::default(),
        }
    }

    /// The service whose workers run the jobs.
    pub const fn service(&self) -> Service {
        self.service
    }

    /// The queue of another service; this one for the same service.
    #[must_use]
    pub fn of(&self, service: Service) -> Self {
        if service == self.service {
            self.clone()
        } else {
            Self::new(service, self.cache.clone())
        }
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

    /// Enqueues a job and, when a runner of this process has a free slot, starts it right after the
    /// commit: it is inserted as claimed, so nobody has to look for it. Otherwise it waits for its
    /// turn like any other. With the dedupe key of a waiting or running job, nothing happens.
    pub async fn enqueue_here(&self, tx: &mut TenantTx, job: NewJob) -> sqlx::Result<()> {
        let Some(slot) = self.local.reserve(job.kind) else {
            return self.enqueue(tx, job).await.map(|_| ());
        };
        if let Some(claimed) = lease::insert_claimed(tx, self.service, job).await? {
            tx.after_commit(move || slot.start(claimed));
        }
        Ok(())
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

    /// The wake-ups from now on.
    pub(crate) fn wakes(&self) -> watch::Receiver<()> {
        self.wake.subscribe()
    }

    pub(crate) fn wake_local(&self) {
        self.wake.send_replace(());
    }

    pub(crate) const fn local(&self) -> &LocalRunners {
        &self.local
    }

    pub(crate) const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Wakes the runners of all processes. A hint: they also poll.
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
        let row = rows::insert(tx, queue.service, &job).await?;
        // A delayed job is found by polling when its time has come.
        if job.delay.is_zero() {
            tx.after_commit(move || queue.wake());
        }
        Ok(row)
    }
}
