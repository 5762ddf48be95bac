//! The work behind a 202: claims jobs, does them, and records how they ended, whatever happens.
//!
//! A job is held by a lease. A process that dies lets it run out, and another takes over; one that
//! is told to stop gives its jobs back.

mod attempt;
mod erase;
mod ingest;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use shared_cache::Key;
use shared_db::jobs::{self, ClaimedJob};
use shared_models::CreatorId;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::domain::job::JobKind;
use crate::state::{AppState, QUEUE};

/// Jobs done at once by one process.
const CONCURRENCY: usize = 2;
/// How often a worker looks for jobs that nobody woke it for: retries, expired leases.
const POLL: Duration = Duration::from_secs(1);
/// How often a held job is looked at: is it still ours, does anybody still want it.
const BEAT: Duration = Duration::from_secs(2);
/// How often leftovers of dead processes are cleared.
const SWEEP: Duration = Duration::from_hours(1);

/// Works until the service stops.
pub async fn work(state: AppState) {
    let worker = Worker::new(state);
    let stop = worker.state.stop.clone();
    let mut tasks = JoinSet::new();
    for _ in 0..CONCURRENCY {
        let worker = worker.clone();
        tasks.spawn(async move { worker.run().await });
    }
    let (waker, sweeper) = (worker.clone(), worker.clone());
    tasks.spawn(async move {
        let _ = stop.run_until_cancelled(waker.listen()).await;
    });
    let stop = worker.state.stop.clone();
    tasks.spawn(async move {
        let _ = stop.run_until_cancelled(sweeper.sweep_now_and_then()).await;
    });
    while tasks.join_next().await.is_some() {}
}

/// Does the jobs of this service.
#[derive(Debug, Clone)]
pub struct Worker {
    state: AppState,
    woken: Arc<Notify>,
}

impl Worker {
    /// A worker on the parts of a service.
    pub fn new(state: AppState) -> Self {
        Self {
            state,
            woken: Arc::default(),
        }
    }

    /// Does one job that is due; false when there is none.
    pub async fn step(&self) -> sqlx::Result<bool> {
        let Some(claim) = jobs::claim(&self.state.db, QUEUE).await? else {
            return Ok(false);
        };
        self.attempt(&claim).await?;
        Ok(true)
    }

    /// Removes what uploads left that broke off, or whose process died, that long ago.
    pub async fn sweep(&self, older_than: Duration) {
        if let Err(error) = sweep::run(&self.state, older_than).await {
            tracing::warn!(%error, "leftovers of uploads were not cleared");
        }
    }

    async fn run(&self) {
        let stop = &self.state.stop;
        while !stop.is_cancelled() {
            match self.step().await {
                // The next one may be waiting already.
                Ok(true) => continue,
                Ok(false) => {}
                // What was claimed is taken up again when its lease has run out.
                Err(error) => tracing::warn!(%error, "no work without the database"),
            }
            tokio::select! {
                () = self.woken.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn attempt(&self, claim: &ClaimedJob) -> sqlx::Result<()> {
        let begun = Instant::now();
        let kind = JobKind::from_name(&claim.kind);
        let ending = match kind {
            Some(JobKind::Ingest) => ingest::run(&self.state, claim).await?,
            Some(JobKind::Erase) => erase::run(&self.state, claim).await?,
            None => attempt::give_up(&self.state, claim, "unknown_job_kind").await?,
        };
        let labels = [
            ("kind", kind.map_or("unknown", JobKind::as_str)),
            ("ending", ending.word()),
        ];
        metrics::counter!("hub_jobs_total", &labels).increment(1);
        metrics::histogram!("hub_job_seconds", &labels).record(begun.elapsed().as_secs_f64());
        tracing::info!(
            job = %claim.id, kind = claim.kind, attempt = claim.attempt, ending = ending.word(),
            "a job was attempted"
        );
        announce(&self.state, claim.creator).await;
        Ok(())
    }

    /// Hands the wake-up calls of uploads to idle workers; without Redis they just poll.
    async fn listen(&self) {
        loop {
            match self.state.cache.subscribe(&Key::queue_wake(QUEUE)).await {
                Ok(calls) => {
                    let mut calls = calls.into_on_message();
                    while calls.next().await.is_some() {
                        self.woken.notify_one();
                    }
                }
                Err(error) => tracing::debug!(%error, "no wake-up calls"),
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn sweep_now_and_then(&self) {
        let mut clock = tokio::time::interval(SWEEP);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            self.sweep(SWEEP).await;
        }
    }
}

/// Tells whoever follows this creator's jobs to look again. A hint: they look by themselves too.
async fn announce(state: &AppState, creator: CreatorId) {
    if let Err(error) = state.cache.publish(&Key::job_events(creator), "").await {
        tracing::debug!(%error, "progress was not announced");
    }
}
