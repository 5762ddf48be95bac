//! Work that no tenant asked for: clean-up, sweeps. A row of `platform.schedules` says when each
//! kind is due, and one replica at a time runs it.

mod rows;

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use shared_config::Service;
use shared_db::Db;
use shared_models::Backoff;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use rows::ClaimedWork;
pub use rows::{ScheduleRow, list};

/// How often a replica looks for work that is due.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// How often a replica says which work it knows.
const REGISTER_INTERVAL: Duration = Duration::from_mins(10);
/// How often the lease of running work is renewed.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);
/// Waits after failures, up to the work's interval.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(15), Duration::MAX);
/// Wait before work goes on that has more to do.
const MORE_INTERVAL: Duration = Duration::from_secs(10);

/// Why a run failed; logged and shown to operators.
pub type ScheduleError = Box<dyn Error + Send + Sync>;

/// How a run ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Done until the next time.
    Done,
    /// The run reached its bound; the next one follows soon.
    More,
}

/// A kind of platform-wide work. A run may end half-way with its process, and the next one starts
/// from the beginning: it must be safe to repeat.
pub trait ScheduledWork: Send + Sync + 'static {
    /// The name, stable in the database, at most 60 characters.
    const NAME: &'static str;
    /// The time from the end of a run to the next one.
    const INTERVAL: Duration;
    /// Longest run; it then has failed.
    const TIMEOUT: Duration;

    /// Does the work once. It is dropped when the process stops or the lease was lost.
    fn run(&self) -> impl Future<Output = Result<Progress, ScheduleError>> + Send;
}

/// The scheduled work of one service.
#[derive(Clone)]
pub(crate) struct Schedules {
    db: Db,
    service: Service,
    kinds: Vec<Arc<dyn ErasedWork>>,
}

impl Schedules {
    pub(crate) const fn new(db: Db, service: Service) -> Self {
        let kinds = Vec::new();
        Self { db, service, kinds }
    }

    pub(crate) fn add(&mut self, work: impl ScheduledWork) {
        self.kinds.push(Arc::new(work));
    }

    /// Creates the rows of the known work, and removes what no replica knows any more.
    pub(crate) async fn register(&self) -> sqlx::Result<()> {
        let known = self.kinds.iter().map(|kind| (kind.name(), kind.every()));
        rows::register(&self.db, known).await
    }

    /// Runs what is due until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        if self.kinds.is_empty() {
            return;
        }
        let mut tasks = JoinSet::new();
        let mut registered: Option<Instant> = None;
        while !stop.is_cancelled() {
            if registered.is_none_or(|at| at.elapsed() >= REGISTER_INTERVAL) {
                match self.register().await {
                    Ok(()) => registered = Some(Instant::now()),
                    Err(error) => tracing::warn!(%error, "schedules not registered; will retry"),
                }
            }
            match self.claim().await {
                Ok(Some((kind, claimed))) => {
                    let (schedules, stop) = (self.clone(), stop.clone());
                    tasks.spawn(async move { schedules.attempt(&*kind, &claimed, &stop).await });
                    continue; // the next one may be due already
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "database unavailable; schedules wait"),
            }
            stop.run_until_cancelled(tokio::time::sleep(POLL_INTERVAL))
                .await;
            while tasks.try_join_next().is_some() {}
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Runs one kind of work that is due; false when there is none.
    pub(crate) async fn step(&self, stop: &CancellationToken) -> sqlx::Result<bool> {
        let Some((kind, claimed)) = self.claim().await? else {
            return Ok(false);
        };
        self.attempt(&*kind, &claimed, stop).await;
        Ok(true)
    }

    async fn claim(&self) -> sqlx::Result<Option<(Arc<dyn ErasedWork>, ClaimedWork)>> {
        let names = self.kinds.iter().map(|kind| kind.name()).collect();
        let Some(claimed) = rows::claim(&self.db, names).await? else {
            return Ok(None);
        };
        let kind = self.kinds.iter().find(|kind| kind.name() == claimed.name);
        Ok(kind.map(|kind| (Arc::clone(kind), claimed)))
    }

    async fn attempt(&self, kind: &dyn ErasedWork, work: &ClaimedWork, stop: &CancellationToken) {
        let started = Instant::now();
        let result = tokio::select! {
            result = tokio::time::timeout(kind.timeout(), kind.run()) => {
                result.unwrap_or_else(|_| Err("the run took too long".into()))
            }
            () = self.hold_lease(work) => return self.count(kind, "lost", started),
            () = stop.cancelled() => {
                // Another replica takes over at once instead of when the lease ends.
                let _ = rows::renew(&self.db, work, Duration::ZERO).await;
                return self.count(kind, "stopped", started);
            }
        };
        let (outcome, wait, error) = match result {
            Ok(Progress::Done) => ("succeeded", kind.every(), None),
            Ok(Progress::More) => ("continued", MORE_INTERVAL.min(kind.every()), None),
            Err(error) => {
                let wait = BACKOFF.after(work.failures + 1).min(kind.every());
                ("failed", wait, Some(error.to_string()))
            }
        };
        self.log(work, error.as_deref());
        self.count(kind, outcome, started);
        let finished = rows::finish(&self.db, work, wait, error.as_deref()).await;
        if let Err(error) = finished {
            // It runs again when the lease has ended.
            tracing::warn!(%error, work = work.name, "end of scheduled work not recorded");
        }
    }

    /// A failure that lasts is logged when it begins and when it ends.
    fn log(&self, work: &ClaimedWork, error: Option<&str>) {
        let (queue, name, failures) = (self.service.name(), &work.name, work.failures);
        match error {
            Some(error) if failures == 0 => {
                tracing::warn!(
                    queue,
                    work = name,
                    error,
                    "scheduled work failed; will retry"
                );
            }
            Some(error) => {
                tracing::debug!(queue, work = name, error, failures, "still failing");
            }
            None if failures > 0 => {
                tracing::info!(
                    queue,
                    work = name,
                    failures,
                    "scheduled work succeeds again"
                );
            }
            None => tracing::debug!(queue, work = name, "scheduled work finished"),
        }
    }

    fn count(&self, kind: &dyn ErasedWork, outcome: &'static str, started: Instant) {
        let labels = [
            ("queue", self.service.name()),
            ("work", kind.name()),
            ("outcome", outcome),
        ];
        metrics::counter!("scheduled_work_total", &labels).increment(1);
        metrics::histogram!("scheduled_work_seconds", &labels)
            .record(started.elapsed().as_secs_f64());
    }

    /// Renews the lease; returns when it was lost.
    async fn hold_lease(&self, work: &ClaimedWork) {
        loop {
            tokio::time::sleep(HEARTBEAT_INTERVAL).await;
            match rows::renew(&self.db, work, rows::LEASE_TTL).await {
                Ok(true) => {}
                Ok(false) => return,
                // The lease outlives a short outage of the database.
                Err(error) => tracing::warn!(%error, "lease not renewed; will retry"),
            }
        }
    }
}

/// A [`ScheduledWork`] without its type, so that kinds can be kept in one list.
trait ErasedWork: Send + Sync {
    fn name(&self) -> &'static str;
    fn every(&self) -> Duration;
    fn timeout(&self) -> Duration;
    fn run(&self) -> BoxFuture<'_, Result<Progress, ScheduleError>>;
}

impl<W: ScheduledWork> ErasedWork for W {
    fn name(&self) -> &'static str {
        W::NAME
    }

    fn every(&self) -> Duration {
        W::INTERVAL
    }

    fn timeout(&self) -> Duration {
        W::TIMEOUT
    }

    fn run(&self) -> BoxFuture<'_, Result<Progress, ScheduleError>> {
        Box::pin(ScheduledWork::run(self))
    }
}
