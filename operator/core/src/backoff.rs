//! How long to wait after a failure: 1 s doubling to 5 min, with jitter.

use std::time::Duration;

/// First delay.
const FIRST: f64 = 1.0;
/// Longest delay.
const LONGEST: f64 = 300.0;
/// Doublings after which the longest delay is certainly reached.
const DOUBLINGS_MAX: u32 = 10;

/// The delay before attempt `attempt` (0 is the first retry); `jitter` lies in 0 to 1 and makes
/// the delay up to a fifth shorter, so that many objects do not come back together.
pub fn next(attempt: u32, jitter: f64) -> Duration {
    let doubled = FIRST * f64::from(1_u32 << attempt.min(DOUBLINGS_MAX));
    Duration::from_secs_f64(doubled.min(LONGEST) * 0.2_f64.mul_add(-jitter.clamp(0.0, 1.0), 1.0))
}
