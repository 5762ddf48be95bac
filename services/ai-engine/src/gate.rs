//! The door before a model: so many at once, so many waiting, and nobody while its circuit is open.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::breaker::Breaker;
use crate::ollama::OllamaError;

/// Too much is going on, or the model has failed repeatedly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model is overloaded")]
pub struct Overloaded {
    /// When another try makes sense.
    pub retry_after: Duration,
}

/// How much a gate lets through.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls at once.
    pub at_once: usize,
    /// Calls that wait.
    pub waiting: usize,
}

/// The gate of one model's use.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    slots: Arc<Semaphore>,
    limits: Limits,
    waiting: AtomicUsize,
    breaker: Mutex<Breaker>,
}

/// The right to one call. It ends when it is dropped.
#[derive(Debug)]
pub struct Pass {
    gate: Gate,
    _slot: OwnedSemaphorePermit,
}

/// Counts one who waits for as long as they do, also when they give up.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Gate {
    /// A gate with those limits.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner {
            slots: Arc::new(Semaphore::new(limits.at_once)),
            limits,
            waiting: AtomicUsize::new(0),
            breaker: Mutex::default(),
        }))
    }

    /// Waits for a slot for at most `patience`.
    pub async fn enter(&self, patience: Duration) -> Result<Pass, Overloaded> {
        let inner = &self.0;
        let slot = match Arc::clone(&inner.slots).try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => self.queue(patience).await.ok_or(Overloaded {
                retry_after: Duration::from_secs(2),
            })?,
        };
        let permit = inner
            .breaker
            .lock()
            .map_or(Ok(()), |mut breaker| breaker.permit(Instant::now()));
        permit.map_err(|retry_after| Overloaded { retry_after })?;
        Ok(Pass {
            gate: self.clone(),
            _slot: slot,
        })
    }

    /// None when the queue is full, or patience ends.
    async fn queue(&self, patience: Duration) -> Option<OwnedSemaphorePermit> {
        let inner = &self.0;
        let ahead = inner.waiting.fetch_add(1, Ordering::AcqRel);
        let _waiting = Waiting(&inner.waiting);
        if ahead >= inner.limits.waiting {
            return None;
        }
        let slot = Arc::clone(&inner.slots).acquire_owned();
        tokio::time::timeout(patience, slot).await.ok()?.ok()
    }
}

impl Pass {
    /// Tells the gate how the call went.
    pub fn report<T>(&self, outcome: &Result<T, OllamaError>) {
        let Ok(mut breaker) = self.gate.0.breaker.lock() else {
            return;
        };
        match outcome {
            Err(error) if error.unhealthy() => breaker.failed(Instant::now()),
            _ => breaker.succeeded(),
        }
    }
}

#[cfg(test)]
mod tests;
