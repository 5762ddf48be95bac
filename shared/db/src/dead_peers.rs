//! Detects connections to a vanished node, which never answer and never close.
//!
//! The kernel gives up such a connection only after a quarter of an hour, and sqlx sets no socket
//! options. So every wait has a timeout, and after one timeout all connections opened before it
//! are presumed dead and closed without a handshake.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::PgPoolOptions;

/// Longest wait for a connection to begin a transaction or to return to the pool.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The time of the last timeout.
#[derive(Debug, Clone)]
pub(crate) struct StaleConnections {
    began: Instant,
    /// Milliseconds after `began`; 0 is never.
    last: Arc<AtomicU64>,
}

impl StaleConnections {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            last: Arc::default(),
        }
    }

    /// Records a timeout now.
    pub(crate) fn mark(&self) {
        let now = self.began.elapsed().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX).max(1);
        self.last.fetch_max(now, Ordering::Relaxed);
    }

    /// Checks every connection that leaves or returns to the pool.
    pub(crate) fn install(&self, options: PgPoolOptions) -> PgPoolOptions {
        let (out, back) = (self.clone(), self.clone());
        let kept = |gone: bool| (!gone).then_some(true).ok_or(sqlx::Error::PoolTimedOut);
        options
            .before_acquire(move |_, about| Box::pin(ready(kept(out.is_stale(about.age)))))
            .after_release(move |_, about| Box::pin(ready(kept(back.is_stale(about.age)))))
    }

    /// Whether a connection of that age was opened before the last timeout.
    fn is_stale(&self, age: Duration) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        let opened = self.began.elapsed().saturating_sub(age);
        last > 0 && opened < Duration::from_millis(last)
    }
}
