//! A bulkhead for one model: bounded concurrency, a bounded queue that is fair between tenants, and
//! a circuit breaker.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shared_fair_queue::{NotEntered, Place, QueueFull, QueueLimits, Turns};
use shared_models::CreatorId;
use tokio::time::timeout;

use super::model_error::ModelError;
use crate::domain::caller::{Caller, Class};
use crate::domain::circuit_breaker::CircuitBreaker;

/// How long a refused caller should wait while it is not known how long calls take.
const UNKNOWN_WAIT_BACKOFF: Duration = Duration::from_secs(2);
/// The shortest and the longest time after which a refused caller should try again.
const MIN_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_mins(1);

/// The model is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model is overloaded: {cause}")]
pub struct Overloaded {
    /// Why.
    pub cause: Refusal,
    /// When another attempt makes sense.
    pub retry_after: Duration,
}

/// Why a model is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The tenant has as many waiting calls as it may have.
    #[error("the account has too many waiting calls")]
    TenantFull,
    /// The queue is full.
    #[error("the queue is full")]
    Full,
    /// Another call took its place in the queue.
    #[error("the queue is full, and another call was due its place")]
    Displaced,
    /// The wait would be longer than the caller wants to wait.
    #[error("the expected wait is too long")]
    ExpectedTooLong,
    /// The wait was longer than the caller wants to wait.
    #[error("no slot became free in time")]
    TimedOut,
    /// The model has failed several times in a row and is left alone for a moment.
    #[error("it has failed repeatedly")]
    Paused,
}

impl Refusal {
    /// The label of metrics.
    const fn as_str(self) -> &'static str {
        match self {
            Self::TenantFull => "tenant_full",
            Self::Full => "full",
            Self::Displaced => "displaced",
            Self::ExpectedTooLong => "expected_too_long",
            Self::TimedOut => "timed_out",
            Self::Paused => "paused",
        }
    }
}

impl From<NotEntered> for Refusal {
    fn from(cause: NotEntered) -> Self {
        match cause {
            NotEntered::Full(QueueFull::OfTenant) => Self::TenantFull,
            NotEntered::Full(QueueFull::OfAll) => Self::Full,
            NotEntered::ExpectedTooLong => Self::ExpectedTooLong,
        }
    }
}

/// How long a caller waits for a slot.
#[derive(Debug, Clone, Copy)]
pub enum Patience {
    /// At most that long.
    AtMost(Duration),
    /// Not at all if a longer wait than that is expected, and at most that long otherwise.
    IfExpectedWithin(Duration),
}

impl Patience {
    const fn longest(self) -> Duration {
        match self {
            Self::AtMost(longest) | Self::IfExpectedWithin(longest) => longest,
        }
    }

    const fn longest_expected(self) -> Option<Duration> {
        match self {
            Self::AtMost(_) => None,
            Self::IfExpectedWithin(longest) => Some(longest),
        }
    }
}

/// Limits the calls for one use of a model. Clones share the limits.
#[derive(Debug, Clone)]
pub struct Bulkhead(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The queue's name in metrics.
    name: &'static str,
    turns: Turns<Option<CreatorId>, Class>,
    breaker: Mutex<CircuitBreaker>,
}

/// The right to one call, returned when it is dropped.
#[derive(Debug)]
pub struct BulkheadPermit {
    bulkhead: Bulkhead,
    place: Place<Option<CreatorId>, Class>,
}

/// Counts a waiting call in a gauge until it is dropped.
struct CountedWait {
    queue: &'static str,
    class: Class,
}

impl CountedWait {
    fn of(queue: &'static str, class: Class) -> Self {
        let labels = [("queue", queue), ("class", class.as_str())];
        metrics::gauge!("ai_engine_queue_length", &labels).increment(1.0);
        Self { queue, class }
    }
}

impl Drop for CountedWait {
    fn drop(&mut self) {
        let labels = [("queue", self.queue), ("class", self.class.as_str())];
        metrics::gauge!("ai_engine_queue_length", &labels).decrement(1.0);
    }
}

impl Bulkhead {
    pub(crate) fn new(name: &'static str, limits: QueueLimits) -> Self {
        Self(Arc::new(Inner {
            name,
            turns: Turns::new(limits),
            breaker: Mutex::default(),
        }))
    }

    /// Acquires a slot, waiting for it as long as the caller does.
    pub async fn acquire(
        &self,
        caller: Caller,
        patience: Patience,
    ) -> Result<BulkheadPermit, Overloaded> {
        let place = self.wait_for_place(caller, patience).await;
        let permitted = place.and_then(|place| {
            let breaker = self.0.breaker.lock();
            let paused = breaker.map_or(Ok(()), |mut breaker| breaker.permit(Instant::now()));
            match paused {
                Ok(()) => Ok(place),
                Err(retry_after) => Err(Overloaded {
                    cause: Refusal::Paused,
                    retry_after,
                }),
            }
        });
        if let Err(Overloaded { cause, .. }) = &permitted {
            let labels = [
                ("queue", self.0.name),
                ("class", caller.class.as_str()),
                ("cause", cause.as_str()),
            ];
            metrics::counter!("ai_engine_queue_refusals_total", &labels).increment(1);
        }
        let place = permitted?;
        place.set_typical(true);
        Ok(BulkheadPermit {
            bulkhead: self.clone(),
            place,
        })
    }

    /// Whether there is no call and none is waited for.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.turns.is_idle()
    }

    /// Calls that wait.
    pub fn waiting(&self) -> usize {
        self.0.turns.waiting()
    }

    async fn wait_for_place(
        &self,
        caller: Caller,
        patience: Patience,
    ) -> Result<Place<Option<CreatorId>, Class>, Overloaded> {
        let started = Instant::now();
        let Caller { tenant, class } = caller;
        let turns = &self.0.turns;
        let entered = turns.enter(tenant, class, patience.longest_expected());
        let entered = entered.map_err(|cause| self.overloaded(caller, cause.into()))?;
        let counted = entered
            .is_waiting()
            .then(|| CountedWait::of(self.0.name, class));
        let place = match timeout(patience.longest(), entered.turn()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(self.overloaded(caller, Refusal::Displaced)),
            Err(_) => return Err(self.overloaded(caller, Refusal::TimedOut)),
        };
        drop(counted);
        let labels = [("queue", self.0.name), ("class", class.as_str())];
        metrics::histogram!("ai_engine_queue_seconds", &labels)
            .record(started.elapsed().as_secs_f64());
        Ok(place)
    }

    fn overloaded(&self, caller: Caller, cause: Refusal) -> Overloaded {
        let Caller { tenant, class } = caller;
        let expected = self.0.turns.expected_wait(tenant, class);
        let retry_after = expected.map_or(UNKNOWN_WAIT_BACKOFF, |wait| {
            wait.clamp(MIN_BACKOFF, MAX_BACKOFF)
        });
        Overloaded { cause, retry_after }
    }
}

impl BulkheadPermit {
    /// Reports to the circuit breaker how the call ended.
    pub(crate) fn report(&self, error: Option<&ModelError>) {
        self.place.set_typical(error.is_none());
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
