//! A database, a queue and jobs that do what a test tells them to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use shared_config::Service;
use shared_db::Db;
use shared_jobs::{
    ClaimedJob, Job, JobContext, JobError, JobQueue, JobRow, NewJob, Outcome, Runner, lease, rows,
};
use shared_models::{CreatorId, JobId, Retry};
use shared_testkit::{Stores, TestDatabase};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const SERVICE: Service = Service::CreatorHub;

/// A database of this test, seen by creator-hub, and its queue.
pub(crate) struct TestApp {
    pub(crate) database: TestDatabase,
    pub(crate) db: Db,
    pub(crate) queue: JobQueue,
    pub(crate) tenant: CreatorId,
    pub(crate) stop: CancellationToken,
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        let stores = Stores::from_env();
        let database = TestDatabase::new(&stores).await;
        Self {
            db: database.as_service(SERVICE),
            database,
            queue: JobQueue::new(SERVICE, stores.cache()),
            tenant: CreatorId::new(),
            stop: CancellationToken::new(),
        }
    }

    pub(crate) async fn enqueue(&self, tenant: CreatorId, job: NewJob) -> JobRow {
        let mut tx = self.db.tenant(tenant).await.unwrap();
        let row = self.queue.enqueue(&mut tx, job).await.unwrap();
        tx.commit().await.unwrap();
        row
    }

    pub(crate) async fn find(&self, id: JobId) -> JobRow {
        let mut tx = self.db.tenant_read(self.tenant).await.unwrap();
        rows::find(&mut tx, id).await.unwrap().unwrap()
    }

    /// Makes a job due that waits for its next attempt or whose lease runs.
    pub(crate) async fn make_due(&self) {
        let admin = self.database.admin().await;
        sqlx::query("update platform.jobs set run_at = now(), lease_until = now() - interval '1s'")
            .execute(&admin)
            .await
            .unwrap();
    }

    pub(crate) fn runner(&self, job: impl Job) -> Runner {
        Runner::new(self.db.clone(), self.queue.clone(), 1).with(job)
    }
}

/// Claims a job as a worker of that database.
pub(crate) async fn claim(db: &Db) -> sqlx::Result<Option<ClaimedJob>> {
    lease::claim(db, SERVICE, &[Scripted::KIND]).await
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(10), "it never held");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What [`Scripted`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Script {
    Succeed,
    Fail(Retry),
    Wait,
    WaitForCancel,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) script: Script,
}

/// A job that does what its payload says, and counts its attempts and final failures.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scripted {
    pub(crate) attempts: Arc<AtomicU32>,
    pub(crate) failures: Arc<AtomicU32>,
}

impl Scripted {
    pub(crate) fn job(script: Script) -> NewJob {
        let job = NewJob::new(Self::KIND, Uuid::now_v7());
        job.payload(&Payload { script }).unwrap()
    }
}

impl Job for Scripted {
    const KIND: &'static str = "scripted";
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Payload = Payload;

    async fn run(&self, context: &JobContext, payload: Payload) -> Result<Outcome, JobError> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        match payload.script {
            Script::Succeed => Ok(Outcome::Done),
            Script::Fail(retry) => Err(JobError::new("scripted", "as the test wants", retry)),
            Script::Wait => std::future::pending().await,
            Script::WaitForCancel => {
                context.cancelled().await;
                Ok(Outcome::Cancelled)
            }
        }
    }

    async fn on_failure(
        &self,
        _tx: &mut shared_db::TenantTx,
        _context: &JobContext,
        _error: &JobError,
        failed: bool,
    ) -> sqlx::Result<()> {
        self.failures
            .fetch_add(u32::from(failed), Ordering::Relaxed);
        Ok(())
    }
}
