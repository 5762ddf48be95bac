//! Consecutive failures of each platform and Tenant; `operator_core::backoff` has the delays.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use operator_core::backoff;

use crate::random;

/// Failures in a row by UID. A new generation starts afresh: its failures are other failures.
#[derive(Default)]
pub struct Backoff(Mutex<HashMap<String, Failures>>);

#[derive(Clone, Copy)]
struct Failures {
    generation: i64,
    attempt: u32,
}

impl Backoff {
    /// One more failure: how long to wait.
    pub fn failed(&self, uid: &str, generation: i64) -> Duration {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all
            .get(uid)
            .filter(|failures| failures.generation == generation);
        let attempt = before.map_or(0, |failures| failures.attempt.saturating_add(1));
        all.insert(
            uid.to_owned(),
            Failures {
                generation,
                attempt,
            },
        );
        metrics::gauge!("operator_backoff_resources").set(count(all.len()));
        backoff::next(attempt, random::fraction())
    }

    /// It went well, or the platform is gone.
    pub fn forget(&self, uid: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.remove(uid).is_some() {
            metrics::gauge!("operator_backoff_resources").set(count(all.len()));
        }
    }
}

/// A gauge takes a float; 2^32 failing resources are out of reach.
fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}
