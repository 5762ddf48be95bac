//! Prefetches permits from rate limits, so that a burst does not ask Redis for each request.
//!
//! A replica that saw the same caller a moment ago takes more permits than it needs: one more,
//! then two, four, eight. They are counted at once for all replicas and expire unused after
//! [`PREFETCH_TTL`]. So the limit is never exceeded, and an occasional caller is counted one
//! request at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache as BoundedCache;
use redis::RedisResult;

use crate::{Cache, Decision, Key, Limit};

/// How long prefetched permits may be used, and so how late an allowed request may come.
const PREFETCH_TTL: Duration = Duration::from_millis(100);
/// Most permits prefetched at once.
const MAX_PREFETCH: u32 = 8;
/// Most callers with prefetched permits; about 2 MB.
const CAPACITY: u64 = 10_000;

/// The prefetched permits of one replica. Clones share them.
#[derive(Debug, Clone)]
pub struct PrefetchingLimiter {
    cache: Cache,
    prefetched_by_owner: BoundedCache<Key, Arc<Mutex<Prefetched>>>,
}

/// The permits left of one prefetch, and Redis's decision when they were taken.
#[derive(Debug, Clone, Copy)]
struct Prefetched {
    left: u32,
    taken: u32,
    ends: Instant,
    decision: Decision,
}

impl PrefetchingLimiter {
    /// A limiter without prefetched permits.
    pub fn new(cache: Cache) -> Self {
        let prefetched_by_owner = BoundedCache::builder().max_capacity(CAPACITY);
        let prefetched_by_owner = prefetched_by_owner.time_to_live(PREFETCH_TTL).build();
        Self {
            cache,
            prefetched_by_owner,
        }
    }

    /// Takes one permit from each limit, or none and returns how long to wait. The first limit
    /// must be the caller's own.
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
                // Two requests at the same time both prefetched: add up.
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
    /// The permits that have not expired.
    fn rest(&self, now: Instant) -> u32 {
        if now < self.ends { self.left } else { 0 }
    }

    /// Uses one permit, if any is left.
    fn spend(&mut self, now: Instant) -> Option<Decision> {
        self.left = self.rest(now).checked_sub(1)?;
        Some(self.decision())
    }

    /// Redis's decision, counting unused permits as remaining.
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

    /// How many permits to prefetch next: twice as many if these were needed.
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
