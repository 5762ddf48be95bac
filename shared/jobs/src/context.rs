//! What an attempt has to work with: its job, its tenant's transactions, its lease.

use shared_config::Service;
use shared_db::{Db, TenantTx};
use shared_models::CreatorId;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::lease::{self, ClaimedJob};
use crate::queue::JobQueue;
use crate::rows::{JobRow, NewJob};

/// One attempt at a job.
#[derive(Debug, Clone)]
pub struct JobContext {
    pub(crate) db: Db,
    pub(crate) queue: JobQueue,
    pub(crate) job: ClaimedJob,
    pub(crate) cancelled: CancellationToken,
}

impl JobContext {
    /// The job.
    pub const fn job(&self) -> &ClaimedJob {
        &self.job
    }

    /// The tenant of the job.
    pub const fn tenant(&self) -> CreatorId {
        self.job.tenant
    }

    /// The id of the row that the work is about.
    pub const fn subject(&self) -> Uuid {
        self.job.subject
    }

    /// Begins a transaction of the job's tenant.
    pub async fn begin(&self) -> sqlx::Result<TenantTx> {
        self.db.tenant(self.job.tenant).await
    }

    /// Begins a read-only transaction of the job's tenant.
    pub async fn begin_read(&self) -> sqlx::Result<TenantTx> {
        self.db.tenant_read(self.job.tenant).await
    }

    /// Reports progress (0 to 100) in a transaction of its own; false when the lease was lost.
    pub async fn progress(&self, stage: &str, percent: i16) -> sqlx::Result<bool> {
        let mut tx = self.begin().await?;
        let ours = lease::report_progress(&mut tx, &self.job, stage, percent).await?;
        self.queue.notify_progress_on_commit(&mut tx);
        tx.commit().await?;
        Ok(ours)
    }

    /// Completes the job in the transaction of its effect; false when the lease was lost: roll
    /// back then.
    pub async fn complete(&self, tx: &mut TenantTx) -> sqlx::Result<bool> {
        self.queue.notify_progress_on_commit(tx);
        lease::complete(tx, &self.job).await
    }

    /// Completes the job and enqueues the one that follows it in the queue of `service`, both or
    /// neither. `None` when the lease was lost: roll back then; the worker that has the job by now
    /// enqueues its successor. The database allows only some pairs of services.
    pub async fn complete_and_enqueue(
        &self,
        tx: &mut TenantTx,
        service: Service,
        next: NewJob,
    ) -> sqlx::Result<Option<JobRow>> {
        if !self.complete(tx).await? {
            return Ok(None);
        }
        self.queue.of(service).enqueue(tx, next).await.map(Some)
    }

    /// Whether somebody has asked to cancel the job. Long work checks this between steps.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    /// Waits until somebody asks to cancel the job.
    pub async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }
}
