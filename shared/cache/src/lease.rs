//! Requests taken from a limit in advance, so that not each one of a burst asks Redis.
//!
//! A replica that was asked for somebody a moment ago takes more than it needs: one more, then two,
//! four, eight. What is taken is counted at once and for all replicas, and lapses unused after
//! [`LIFE`]. So no more requests pass than the limit says, and who asks now and then is counted one
//! by one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache as Remembered;
use redis::RedisResult;

use crate::{Cache, Key, Limit, Verdict};

/// So long a lease may be used. A request that a limit let through may come so much later.
const LIFE: Duration = Duration::from_millis(100);
/// Most that is taken in advance.
const MOST: u32 = 8;
/// Most leases at the same time; about 2 MB.
const CAPACITY: u64 = 10_000;

/// The leases of one replica. Clones share them.
#[derive(Debug, Clone)]
pub struct Leases {
    cache: Cache,
    held: Remembered<Key, Arc<Mutex<Lease>>>,
}

/// What is left of the requests that Redis let through, and what it said of the limits.
#[derive(Debug, Clone, Copy)]
struct Lease {
    left: u32,
    taken: u32,
    ends: Instant,
    verdict: Verdict,
}

impl Leases {
    /// None yet.
    pub fn new(cache: Cache) -> Self {
        let held = Remembered::builder().max_capacity(CAPACITY);
        let held = held.time_to_live(LIFE).build();
        Self { cache, held }
    }

    /// Takes one from each of the limits, or from none and says how long to wait. The first of them
    /// is the one that nobody else has.
    pub async fn take(&self, limits: &[(Key, Limit)]) -> RedisResult<Verdict> {
        let Some((owner, _)) = limits.first() else {
            return self.cache.take_all(limits, 1).await;
        };
        let asked = Instant::now();
        let mut advance = 0;
        if let Some(lease) = self.held.get(owner) {
            let mut lease = lock(&lease);
            if let Some(verdict) = lease.spend(asked) {
                return Ok(verdict);
            }
            advance = lease.next(asked);
        }
        let (verdict, taken) = self.cache.take_up_to(limits, 1, advance).await?;
        let lease = Lease {
            left: taken,
            taken,
            ends: asked + LIFE,
            verdict,
        };
        self.held.entry_by_ref(owner).and_upsert_with(|before| {
            // Asked side by side, both have taken something.
            let before = before.map(|entry| *lock(entry.value()));
            let left = before.map_or(0, |before| before.rest(asked));
            Arc::new(Mutex::new(Lease {
                left: lease.left + left,
                ..lease
            }))
        });
        Ok(lease.verdict())
    }
}

impl Lease {
    /// What may still be used.
    fn rest(&self, now: Instant) -> u32 {
        if now < self.ends { self.left } else { 0 }
    }

    /// Lets a request through, if one is left.
    fn spend(&mut self, now: Instant) -> Option<Verdict> {
        self.left = self.rest(now).checked_sub(1)?;
        Some(self.verdict())
    }

    /// What Redis said, as if what is left here had not been taken.
    fn verdict(&self) -> Verdict {
        match self.verdict {
            Verdict::Allowed {
                tightest,
                remaining,
                reset,
            } => Verdict::Allowed {
                tightest,
                remaining: remaining + self.left,
                reset,
            },
            refused @ Verdict::Refused { .. } => refused,
        }
    }

    /// How many to take in advance by the next question: twice as many, if these were needed.
    fn next(&self, now: Instant) -> u32 {
        if now < self.ends {
            (2 * self.taken).clamp(1, MOST)
        } else {
            0
        }
    }
}

fn lock(lease: &Mutex<Lease>) -> MutexGuard<'_, Lease> {
    lease.lock().unwrap_or_else(PoisonError::into_inner)
}
