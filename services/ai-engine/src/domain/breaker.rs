//! A circuit breaker: after repeated failures a model is left alone for a while, then probed once.

use std::time::{Duration, Instant};

/// Failures in a row that open the circuit.
const TOLERATED: u32 = 3;
/// How long it stays open.
const PAUSE: Duration = Duration::from_secs(5);

/// The circuit of one model. The caller brings the time.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    failures: u32,
    opened: Option<Instant>,
}

impl Breaker {
    /// Whether a call may go out; else how long to wait. After the pause one call probes, and the
    /// next has to wait again until that one has said how it went.
    pub fn permit(&mut self, now: Instant) -> Result<(), Duration> {
        let Some(opened) = self.opened else {
            return Ok(());
        };
        let waited = now.saturating_duration_since(opened);
        if waited < PAUSE {
            return Err(PAUSE.saturating_sub(waited));
        }
        self.opened = Some(now);
        Ok(())
    }

    /// A call went well.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
        self.opened = None;
    }

    /// A call failed in a way that speaks of the model's health.
    pub const fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= TOLERATED {
            self.opened = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circuit_opens_after_repeated_failures_and_closes_after_a_good_probe() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..TOLERATED {
            assert_eq!(breaker.permit(start), Ok(()));
            breaker.failed(start);
        }
        assert_eq!(breaker.permit(start), Err(PAUSE));
        let later = start + PAUSE;
        assert_eq!(breaker.permit(later), Ok(()), "the probe");
        assert_eq!(breaker.permit(later), Err(PAUSE), "only one");
        breaker.succeeded();
        assert_eq!(breaker.permit(later), Ok(()));
    }

    #[test]
    fn a_failed_probe_opens_the_circuit_again() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..TOLERATED {
            breaker.failed(start);
        }
        let later = start + PAUSE;
        assert!(breaker.permit(later).is_ok());
        breaker.failed(later);
        assert_eq!(breaker.permit(later), Err(PAUSE));
    }

    #[test]
    fn scattered_failures_do_not_open_it() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            breaker.failed(start);
            breaker.succeeded();
        }
        assert!(breaker.permit(start).is_ok());
    }
}
