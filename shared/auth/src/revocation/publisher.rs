//! auth's side: publishes committed rows to Redis, and keeps the epoch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis::RedisError;
use shared_cache::Cache;
use shared_db::Db;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Subject;
use super::redis_copy::{self, Refill};
use super::rows::{self, Backlog, RecordRevocations};

/// Between two looks for rows that their own request did not publish.
const UPKEEP_INTERVAL: Duration = Duration::from_millis(500);
/// How long the epoch stands without being confirmed: after a crash of auth, services load the rows
/// themselves from then on.
const EPOCH_TTL: Duration = Duration::from_secs(3);
/// While a row has waited for longer, the epoch is not confirmed.
const MAX_PUBLISH_DELAY: Duration = Duration::from_secs(1);
/// Longest time that a commit waits for the publication; it is completed in the background.
const COMMIT_WAIT_TIMEOUT: Duration = Duration::from_secs(1);
/// Rows per round trip to Redis.
const BATCH: i32 = 200;
/// Batches of one round; the next round goes on.
const MAX_BATCHES: usize = 50;
/// Tolerated clock difference; revocations are kept longer by it.
const CLOCK_MARGIN: Duration = Duration::from_mins(1);

/// Why rows could not be published. They will be, later.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// PostgreSQL failed.
    #[error("the database is unavailable: {0}")]
    Database(#[from] sqlx::Error),
    /// Redis failed.
    #[error("Redis is unavailable: {0}")]
    Redis(#[from] RedisError),
    /// Another task has just tried for everybody.
    #[error("the attempt of another task failed")]
    Shared,
}

/// Publishes the revocations of this process, and those that a process that died left behind.
/// Clones share one queue.
#[derive(Debug, Clone)]
pub struct RevocationPublisher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cache: Cache,
    db: Db,
    token_ttl: Duration,
    /// Held during a round.
    turn: Mutex<()>,
    /// Rounds that have begun.
    rounds: AtomicU64,
    /// Whether the last round published everything.
    succeeded: AtomicBool,
}

impl RevocationPublisher {
    /// A publisher; `token_ttl` is the lifetime of an access token.
    pub fn new(cache: Cache, db: &Db, token_ttl: Duration) -> Self {
        Self(Arc::new(Inner {
            cache,
            // Commits wait for the publication while they hold connections.
            db: db.reserve(),
            token_ttl,
            turn: Mutex::default(),
            rounds: AtomicU64::default(),
            succeeded: AtomicBool::default(),
        }))
    }

    /// Revokes subjects for the lifetime of an access token. Apply it to the transaction of the
    /// change.
    pub fn revoke(&self, subjects: impl IntoIterator<Item = Subject>) -> RecordRevocations {
        self.revoke_for(subjects, self.0.token_ttl)
    }

    /// Revokes subjects whose credentials live that long.
    pub fn revoke_for(
        &self,
        subjects: impl IntoIterator<Item = Subject>,
        lifetime: Duration,
    ) -> RecordRevocations {
        RecordRevocations {
            publisher: self.clone(),
            subjects: subjects.into_iter().collect(),
            lift: false,
            lifetime: lifetime + CLOCK_MARGIN,
        }
    }

    /// Lifts the revocation of a subject: the account is active again.
    pub fn lift(&self, subject: Subject) -> RecordRevocations {
        RecordRevocations {
            lift: true,
            ..self.revoke([subject])
        }
    }

    /// Publishes in a task of its own, so that a caller who goes away interrupts nothing, and
    /// waits for it a moment: when a response is sent, the revocation is in force.
    pub(super) async fn publish_after_commit(self) {
        let publication = tokio::spawn(async move { self.publish().await });
        match timeout(COMMIT_WAIT_TIMEOUT, publication).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, "revocation committed and not published yet; will retry");
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("revocation committed and not published yet; Redis is slow");
            }
        }
    }

    /// Publishes everything that was committed before this call. Concurrent callers share a round.
    pub async fn publish(&self) -> Result<(), PublishError> {
        let inner = &self.0;
        let begun = inner.rounds.load(Ordering::Acquire);
        let _turn = inner.turn.lock().await;
        // A round that began after this call has looked at everything that the caller means.
        if inner.rounds.load(Ordering::Acquire) > begun {
            let succeeded = inner.succeeded.load(Ordering::Acquire);
            return succeeded.then_some(()).ok_or(PublishError::Shared);
        }
        inner.rounds.fetch_add(1, Ordering::AcqRel);
        let result = self.publish_all().await;
        inner.succeeded.store(result.is_ok(), Ordering::Release);
        result
    }

    async fn publish_all(&self) -> Result<(), PublishError> {
        let Inner { cache, db, .. } = &*self.0;
        for _ in 0..MAX_BATCHES {
            let rows = rows::list_unpublished(db, BATCH).await?;
            if rows.is_empty() {
                break;
            }
            let announced = redis_copy::announce(cache, &rows).await;
            // The time of a row is stored even if Redis has failed: it must not move on, or it
            // would end tokens that were issued long after the change.
            rows::record_published(db, &rows, announced.is_ok()).await?;
            announced?;
            let count = u64::try_from(rows.len()).unwrap_or_default();
            metrics::counter!("auth_revocations_published_total").increment(count);
        }
        Ok(())
    }

    /// Publishes what waits, and confirms the epoch if nothing waits any more. Refills Redis if it
    /// has no epoch, or lost what it had.
    pub async fn keep_up(&self) -> Result<(), PublishError> {
        let Inner { cache, db, .. } = &*self.0;
        let mut backlog = rows::backlog(db).await?;
        if backlog.waiting.is_some() {
            report(&backlog);
            self.publish().await?;
            backlog = rows::backlog(db).await?;
        }
        report(&backlog);
        if backlog
            .waiting
            .is_some_and(|waiting| waiting > MAX_PUBLISH_DELAY)
        {
            return Ok(());
        }
        if redis_copy::extend_epoch(cache, backlog.newest, EPOCH_TTL).await? {
            return Ok(());
        }
        self.refill(backlog.newest).await
    }

    async fn refill(&self, newest: i64) -> Result<(), PublishError> {
        let Inner { cache, db, .. } = &*self.0;
        let Some(refill) = Refill::begin(cache).await? else {
            return Ok(());
        };
        let live = rows::load_live(db).await?;
        for batch in live.chunks(usize::try_from(BATCH).unwrap_or(1)) {
            if !refill.write(batch).await? {
                return Ok(());
            }
        }
        if refill.finish(newest, EPOCH_TTL).await? {
            let count = live.len();
            tracing::info!(
                count,
                "Redis had no epoch of revocations; all were written again"
            );
        }
        Ok(())
    }

    /// Keeps up until `stop`. Every replica of auth does this.
    pub async fn run(self, stop: CancellationToken) {
        let work = async {
            let mut failing = false;
            loop {
                let kept = self.keep_up().await;
                match &kept {
                    Err(error) if !failing => {
                        tracing::warn!(%error, "revocations not published; retrying");
                    }
                    _ => {}
                }
                failing = kept.is_err();
                tokio::time::sleep(UPKEEP_INTERVAL).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }
}

fn report(backlog: &Backlog) {
    let waiting = backlog.waiting.unwrap_or_default();
    metrics::gauge!("auth_revocations_unpublished_seconds").set(waiting.as_secs_f64());
}
