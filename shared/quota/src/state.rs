//! How far an account is from a quota.

/// How far an account is from a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaState {
    /// Less than 80 percent is used, or nothing is limited.
    Available,
    /// At least 80 percent is used.
    Near,
    /// All of it is used: nothing can be added.
    Reached,
}

impl QuotaState {
    /// From what is used, and what may be used.
    pub fn of(used: u64, limit: Option<u64>) -> Self {
        // Wider than the numbers, so that nothing overflows.
        let (used, limit) = match limit {
            Some(limit) => (u128::from(used), u128::from(limit)),
            None => return Self::Available,
        };
        if used >= limit {
            Self::Reached
        } else if used * 100 >= limit * u128::from(Self::Near.percent()) {
            Self::Near
        } else {
            Self::Available
        }
    }

    /// From which share of a quota on an account is in this state, percent.
    pub const fn percent(self) -> u8 {
        match self {
            Self::Available => 0,
            Self::Near => 80,
            Self::Reached => 100,
        }
    }

    /// The name in responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Near => "near",
            Self::Reached => "reached",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::QuotaState::{Available, Near, Reached};
    use super::*;

    #[test]
    fn a_quota_is_near_from_80_percent_on_and_reached_at_its_limit() {
        for (used, limit, expected) in [
            (0, None, Available),
            (u64::MAX, None, Available),
            (0, Some(20), Available),
            (15, Some(20), Available),
            (16, Some(20), Near),
            (19, Some(20), Near),
            (20, Some(20), Reached),
            (21, Some(20), Reached),
            (3, Some(4), Available),
            (0, Some(1), Available),
            (1, Some(1), Reached),
            (0, Some(0), Reached),
            (u64::MAX - 1, Some(u64::MAX), Near),
        ] {
            assert_eq!(QuotaState::of(used, limit), expected, "{used} of {limit:?}");
        }
    }
}
