//! Rate limit for the frames of one socket, counted in memory.

use std::time::Duration;

/// Frames that may arrive at once: a reconnecting page resends what it could not send before.
const MAX_BURST: u32 = 40;
/// Sustained rate: one frame per interval, five per second.
const FRAME_INTERVAL: Duration = Duration::from_millis(200);

/// The frames that a socket may still send (GCRA). Times count from the start of the connection.
#[derive(Debug, Default)]
pub(crate) struct FrameBudget {
    paid_until: Duration,
}

impl FrameBudget {
    /// Charges one frame. A refused frame costs nothing; the error is the time to wait.
    pub(crate) fn charge(&mut self, now: Duration) -> Result<(), Duration> {
        let due = self.paid_until.max(now);
        let wait = due.saturating_sub(now + FRAME_INTERVAL * (MAX_BURST - 1));
        if !wait.is_zero() {
            return Err(wait);
        }
        self.paid_until = due + FRAME_INTERVAL;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_five_frames_a_second() {
        let mut budget = FrameBudget::default();
        let mut passed = |now: Duration| (0..100).filter(|_| budget.charge(now).is_ok()).count();
        assert_eq!(passed(Duration::ZERO), 40);
        assert_eq!(passed(Duration::from_secs(1)), 5);
        assert_eq!(
            passed(Duration::from_mins(10)),
            40,
            "no more than one burst accumulates"
        );
    }

    #[test]
    fn a_refused_frame_costs_nothing_and_returns_the_time_to_wait() {
        let mut budget = FrameBudget::default();
        while budget.charge(Duration::ZERO).is_ok() {}
        let waits: Vec<_> = (0..5)
            .map(|_| budget.charge(Duration::ZERO).unwrap_err())
            .collect();
        assert_eq!(waits, [FRAME_INTERVAL; 5]);
        assert!(budget.charge(FRAME_INTERVAL).is_ok());
    }
}
