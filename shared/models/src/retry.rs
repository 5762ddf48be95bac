//! Whether failed work may succeed when it is tried again, and when: one enum at both ends of a
//! hop, and one way to count waits.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The retry class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same request fails again: the input is wrong or the caller is not allowed.
    Never,
    /// Another attempt may succeed; attempts are counted and end.
    Limited,
    /// A dependency is unavailable; attempts do not count towards the last one.
    UntilAvailable,
}

/// The waits between attempts that are counted in a row of the database: they double up to a
/// bound. Attempts of one process in a loop are made by the crate `backon`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Waits from `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The wait after so many failures in a row, from 1.
    pub fn after(self, failures: i32) -> Duration {
        // Beyond that, every first wait is longer than any bound.
        let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_have_a_bound() {
        let backoff = Backoff::new(Duration::from_secs(5), Duration::from_mins(1));
        let seconds: Vec<u64> = (1..7).map(|n| backoff.after(n).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 60, 60]);
        for failures in [-1, 0] {
            assert_eq!(backoff.after(failures).as_secs(), 5);
        }
        for failures in [32, 33, 34, i32::MAX] {
            assert_eq!(backoff.after(failures).as_secs(), 60);
        }
    }
}
