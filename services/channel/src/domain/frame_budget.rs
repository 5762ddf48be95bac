//! How fast a client may send frames over one socket, counted without asking any store.

use std::time::Duration;

/// Frames that may come at once: a page that connects again sends what it could not send before.
const BURST: u32 = 40;
/// The time that one frame costs: five a second in the long run.
const COST: Duration = Duration::from_millis(200);

/// What a socket may still send; times count from the beginning of the connection (GCRA).
#[derive(Debug, Default)]
pub(crate) struct FrameBudget {
    paid_until: Duration,
}

impl FrameBudget {
    /// Pays for a frame, or gives the time to wait.
    pub(crate) fn pay(&mut self, now: Duration) -> Result<(), Duration> {
        let due = self.paid_until.max(now);
        let wait = due.saturating_sub(now + COST * (BURST - 1));
        if !wait.is_zero() {
            return Err(wait);
        }
        self.paid_until = due + COST;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_five_a_second() {
        let mut budget = FrameBudget::default();
        let mut passed = |now: Duration| (0..100).filter(|_| budget.pay(now).is_ok()).count();
        assert_eq!(passed(Duration::ZERO), 40);
        assert_eq!(passed(Duration::from_secs(1)), 5);
        assert_eq!(
            passed(Duration::from_mins(10)),
            40,
            "no more than a burst is saved up"
        );
    }

    #[test]
    fn a_refused_frame_costs_nothing_and_says_how_long_to_wait() {
        let mut budget = FrameBudget::default();
        while budget.pay(Duration::ZERO).is_ok() {}
        let waits: Vec<_> = (0..5)
            .map(|_| budget.pay(Duration::ZERO).unwrap_err())
            .collect();
        assert_eq!(waits, [COST; 5]);
        assert!(budget.pay(COST).is_ok());
    }
}
