//! Requests taken from a limit in advance, so that not each one of a burst asks Redis.
//!
//! A replica that was asked for somebody a moment ago takes more than it needs: one more, then two,
//! four, eight. What is taken is counted at once and for all replicas, and lapses unused after
//! [`PREFETCH_TTL`]. So no more requests pass than the limit says, and who asks now and then is counted one
//! by one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache as BoundedCache;
use redis::RedisResult;

use crate::{Cache, Decision, Key, Limit};

/// So long a prefetched may be used. A request that a limit let through may come so much later.
const PREFETCH_TTL: Duration = Duration::from_millis(100);
/// Most that is taken in advance.
const MAX_PREFETCH: u32 = 8;
/// Most leases at the same time; about 2 MB.
const CAPACITY: u64 = 10_000;

/// The leases of one replica. Clones share them.
#[derive(Debug, Clone)]
pub struct PrefetchingLimiter {
    cache: Cache,
    prefetched_by_owner: BoundedCache<Key, Arc<Mutex<Prefetched>>>,
}

/// What is left of the requests that Redis let through, and what it said of the limits.
#[derive(Debug, Clone, Copy)]
struct Prefetched {
    left: u32,
    taken: u32,
    ends: Instant,
    decision: Decision,
}

impl PrefetchingLimiter {
    /// None yet.
    pub fn new(cache: Cache) -> Self {
        let prefetched_by_owner = BoundedCache::builder().max_capacity(CAPACITY);
        let prefetched_by_owner = prefetched_by_owner.time_to_live(PREFETCH_TTL).build();
        Self {
            cache,
            prefetched_by_owner,
        }
    }

    /// Takes one from each of the limits, or from none and says how long to wait. The first of them
    /// is the one that nobody else has.
    pub async fn take(&self, limits: &[(Key, Limit)]) -> RedisResult<Decision> {
        let Some((owner, _)) = limits.first() else {
            return self.cache.take_all(limits, 1).await;
        };
        let asked = Instant::now();
        let mut advance = 0;
        if let Some(prefetched) = self.prefetched_by_owner.get(owner) {
            let mut prefetched = lock(&prefetched);
            if let Some(decision) = prefetched.spend(asked) {
                return Ok(decision);
            }
            advance = prefetched.next(asked);
        }
        let (decision, taken) = self.cache.take_up_to(limits, 1, advance).await?;
        let prefetched = Prefetched {
            left: taken,
            taken,
            ends: asked + PREFETCH_TTL,
            decision,
        };
        self.prefetched_by_owner
            .entry_by_ref(owner)
            .and_upsert_with(|before| {
                // Asked side by side, both have taken something.
                let before = before.map(|entry| *lock(entry.value()));
                let left = before.map_or(0, |before| before.rest(asked));
                Arc::new(Mutex::new(Prefetched {
                    left: prefetched.left + left,
                    ..prefetched
                }))
            });
        Ok(prefetched.decision())
    }
}

impl Prefetched {
    /// What may still be used.
    fn rest(&self, now: Instant) -> u32 {
        if now < self.ends { self.left } else { 0 }
    }

    /// Lets a request through, if one is left.
    fn spend(&mut self, now: Instant) -> Option<Decision> {
        self.left = self.rest(now).checked_sub(1)?;
        Some(self.decision())
    }

    /// What Redis said, as if what is left here had not been taken.
    fn decision(&self) -> Decision {
        match self.decision {
            Decision::Allowed {
                limiting_rule,
                remaining,
                reset,
            } => Decision::Allowed {
                limiting_rule,
                remaining: remaining + self.left,
                reset,
            },
            refused @ Decision::Refused { .. } => refused,
        }
    }

    /// How many to take in advance by the next question: twice as many, if these were needed.
    fn next(&self, now: Instant) -> u32 {
        if now < self.ends {
            (2 * self.taken).clamp(1, MAX_PREFETCH)
        } else {
            0
        }
    }
}

fn lock(prefetched: &Mutex<Prefetched>) -> MutexGuard<'_, Prefetched> {
    prefetched.lock().unwrap_or_else(PoisonError::into_inner)
}
