//! A circuit breaker: after repeated failures calls pause for a while, then one call probes.

use std::time::{Duration, Instant};

/// Consecutive failures that open the circuit.
const MAX_FAILURES: u32 = 3;
/// How long the circuit stays open.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// The circuit of one model. Callers pass the time, so that this stays pure.
#[derive(Debug, Clone, Default)]
pub(crate) struct CircuitBreaker {
    failures: u32,
    opened_at: Option<Instant>,
}

impl CircuitBreaker {
    /// Permits a call, or returns how long to wait. Once the timeout has passed, a single call may
    /// probe; further calls wait for another timeout unless the probe succeeds.
    pub(crate) fn permit(&mut self, now: Instant) -> Result<(), Duration> {
        let Some(opened_at) = self.opened_at else {
            return Ok(());
        };
        let elapsed = now.saturating_duration_since(opened_at);
        if elapsed < OPEN_TIMEOUT {
            return Err(OPEN_TIMEOUT.saturating_sub(elapsed));
        }
        self.opened_at = Some(now);
        Ok(())
    }

    pub(crate) const fn record_success(&mut self) {
        self.failures = 0;
        self.opened_at = None;
    }

    /// Only for failures that indicate an unhealthy model, not for refused requests.
    pub(crate) const fn record_failure(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= MAX_FAILURES {
            self.opened_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circuit_opens_after_repeated_failures_and_closes_after_a_successful_probe() {
        let start = Instant::now();
        let mut breaker = CircuitBreaker::default();
        for _ in 0..MAX_FAILURES {
            assert_eq!(breaker.permit(start), Ok(()));
            breaker.record_failure(start);
        }
        assert_eq!(breaker.permit(start), Err(OPEN_TIMEOUT));
        let later = start + OPEN_TIMEOUT;
        assert_eq!(breaker.permit(later), Ok(()), "one probe is permitted");
        assert_eq!(breaker.permit(later), Err(OPEN_TIMEOUT), "and only one");
        breaker.record_success();
        assert_eq!(breaker.permit(later), Ok(()));
    }

    #[test]
    fn a_failed_probe_opens_the_circuit_again() {
        let start = Instant::now();
        let mut breaker = CircuitBreaker::default();
        for _ in 0..MAX_FAILURES {
            breaker.record_failure(start);
        }
        let later = start + OPEN_TIMEOUT;
        assert!(breaker.permit(later).is_ok());
        breaker.record_failure(later);
        assert_eq!(breaker.permit(later), Err(OPEN_TIMEOUT));
    }

    #[test]
    fn failures_between_successes_do_not_open_the_circuit() {
        let start = Instant::now();
        let mut breaker = CircuitBreaker::default();
        for _ in 0..10 {
            breaker.record_failure(start);
            breaker.record_success();
        }
        assert!(breaker.permit(start).is_ok());
    }
}
