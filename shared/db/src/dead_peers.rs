//! Connections to a node that has vanished: they never answer and never end.
//!
//! The kernel gives such a connection up after a quarter of an hour, and sqlx sets no option of
//! its socket. So nothing waits for long, and who has waited in vain once spares the others the
//! wait: every connection of that time is dropped without a goodbye.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::PgPoolOptions;

/// So long a connection may take to begin a transaction, or to go back to the pool.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// When an answer was last waited for in vain.
#[derive(Debug, Clone)]
pub(crate) struct StaleConnections {
    began: Instant,
    /// Milliseconds after `began`; 0 is never.
    last: Arc<AtomicU64>,
}

impl StaleConnections {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            last: Arc::default(),
        }
    }

    /// An answer did not come.
    pub(crate) fn mark(&self) {
        let now = self.began.elapsed().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX).max(1);
        self.last.fetch_max(now, Ordering::Relaxed);
    }

    /// The pool asks it for every connection that goes out and comes back.
    pub(crate) fn install(&self, options: PgPoolOptions) -> PgPoolOptions {
        let (out, back) = (self.clone(), self.clone());
        let kept = |gone: bool| (!gone).then_some(true).ok_or(sqlx::Error::PoolTimedOut);
        options
            .before_acquire(move |_, about| Box::pin(ready(kept(out.is_stale(about.age)))))
            .after_release(move |_, about| Box::pin(ready(kept(back.is_stale(about.age)))))
    }

    /// Whether a connection of that age was there when the answer did not come.
    fn is_stale(&self, age: Duration) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        let opened = self.began.elapsed().saturating_sub(age);
        last > 0 && opened < Duration::from_millis(last)
    }
}
