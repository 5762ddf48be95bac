//! A bulkhead for one model: bounded concurrency, a bounded queue, and a circuit breaker.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::model_error::ModelError;
use crate::domain::circuit_breaker::CircuitBreaker;

/// How long a caller should wait if the queue is full.
const FULL_QUEUE_BACKOFF: Duration = Duration::from_secs(2);

/// The queue is full, no slot became free in time, or the circuit is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model is overloaded")]
pub struct Overloaded {
    /// When another attempt makes sense.
    pub retry_after: Duration,
}

/// The capacity of a bulkhead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BulkheadLimits {
    pub(crate) max_concurrent: usize,
    pub(crate) max_queued: usize,
}

/// Limits the calls for one use of a model. Clones share the limits.
#[derive(Debug, Clone)]
pub struct Bulkhead(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    slots: Arc<Semaphore>,
    limits: BulkheadLimits,
    queued: AtomicUsize,
    breaker: Mutex<CircuitBreaker>,
}

/// The right to one call, returned when it is dropped.
#[derive(Debug)]
pub struct BulkheadPermit {
    bulkhead: Bulkhead,
    _slot: OwnedSemaphorePermit,
}

/// Counts a queued caller until it is dropped, so also when the caller is cancelled.
struct QueueEntry<'a>(&'a AtomicUsize);

impl Drop for QueueEntry<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Bulkhead {
    pub(crate) fn new(limits: BulkheadLimits) -> Self {
        Self(Arc::new(Inner {
            slots: Arc::new(Semaphore::new(limits.max_concurrent)),
            limits,
            queued: AtomicUsize::new(0),
            breaker: Mutex::default(),
        }))
    }

    /// Acquires a slot, waiting in the queue for at most `queue_timeout`.
    pub async fn acquire(&self, queue_timeout: Duration) -> Result<BulkheadPermit, Overloaded> {
        let inner = &self.0;
        let slot = match Arc::clone(&inner.slots).try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => self.queue(queue_timeout).await.ok_or(Overloaded {
                retry_after: FULL_QUEUE_BACKOFF,
            })?,
        };
        let permitted = inner
            .breaker
            .lock()
            .map_or(Ok(()), |mut breaker| breaker.permit(Instant::now()));
        permitted.map_err(|retry_after| Overloaded { retry_after })?;
        Ok(BulkheadPermit {
            bulkhead: self.clone(),
            _slot: slot,
        })
    }

    /// Whether there is no call and none is waited for.
    pub(crate) fn is_idle(&self) -> bool {
        let inner = &self.0;
        inner.queued.load(Ordering::Acquire) == 0
            && inner.slots.available_permits() == inner.limits.max_concurrent
    }

    /// Waits for a slot; none if the queue is full or the timeout passes.
    async fn queue(&self, queue_timeout: Duration) -> Option<OwnedSemaphorePermit> {
        let inner = &self.0;
        let ahead = inner.queued.fetch_add(1, Ordering::AcqRel);
        let _entry = QueueEntry(&inner.queued);
        if ahead >= inner.limits.max_queued {
            return None;
        }
        let slot = Arc::clone(&inner.slots).acquire_owned();
        tokio::time::timeout(queue_timeout, slot).await.ok()?.ok()
    }
}

impl BulkheadPermit {
    /// Reports to the circuit breaker how the call ended.
    pub(crate) fn report(&self, error: Option<&ModelError>) {
        let Ok(mut breaker) = self.bulkhead.0.breaker.lock() else {
            return;
        };
        match error {
            Some(error) if error.counts_as_failure() => breaker.record_failure(Instant::now()),
            _ => breaker.record_success(),
        }
    }
}

#[cfg(test)]
mod tests;
