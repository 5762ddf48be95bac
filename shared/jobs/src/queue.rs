//! The queue of one service: enqueue a job, wake a worker after the commit, announce progress.

use std::sync::Arc;

use shared_cache::{Cache, Key};
use shared_config::Service;
use shared_db::TenantTx;
use shared_models::CreatorId;
use tokio::sync::Notify;

use crate::rows::{self, JobRow, NewJob};

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
        let row = rows::insert(tx, self.service, &job).await?;
        let queue = self.clone();
        // A delayed job is found by polling when its time has come.
        if job.delay.is_zero() {
            tx.after_commit(move || queue.wake());
        }
        Ok(row)
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
