//! Who is served next where calls wait: fair between tenants, and within bounds.
//!
//! A tenant is whatever takes turns: an account, or a network. The one with the fewest running
//! calls is served next, then the one that was served longest ago. So however many calls a tenant
//! sends, another tenant that has no running one waits for at most one call of each tenant that
//! waits as well. Among the calls of one tenant the class decides: the smallest is the most urgent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How much a new measurement counts: one part in so many.
const MEASUREMENT_SHARE: u32 = 4;

/// The bounds of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Calls that run at the same time.
    pub slots: usize,
    /// Calls that wait.
    pub queue: usize,
    /// Calls of one tenant that wait.
    pub queue_per_tenant: usize,
}

/// A call that runs or waits. Earlier calls have smaller tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// A call that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Which one.
    pub ticket: Ticket,
    /// Whether it runs already.
    pub is_running: bool,
    /// A waiting call that lost its place to this one.
    pub displaced: Option<Ticket>,
}

/// Why a call was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueFull {
    /// The tenant has as many waiting calls as it may have.
    OfTenant,
    /// The queue is full, and no other tenant has more of it.
    OfAll,
}

/// Whether a call says how long calls take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It does.
    Typical,
    /// It failed, or did not begin.
    Untypical,
}

/// The running and waiting calls of one model. Callers pass the time, so that this stays pure.
#[derive(Debug)]
pub struct FairQueue<T, C> {
    limits: QueueLimits,
    /// Those with a running or waiting call, and those that were served after one of them.
    tenants: BTreeMap<T, Tenant<C>>,
    running: BTreeMap<Ticket, (T, Instant)>,
    waiting: BTreeMap<Ticket, (T, C)>,
    next_ticket: u64,
    /// Calls that have started so far.
    started: u64,
    /// How long a call takes, as measured.
    length: Option<Duration>,
}

#[derive(Debug)]
struct Tenant<C> {
    running: usize,
    /// The number of its last start among all starts; 0 if it is forgotten or new.
    served: u64,
    waiting: BTreeSet<(C, Ticket)>,
}

impl<C> Default for Tenant<C> {
    fn default() -> Self {
        Self {
            running: 0,
            served: 0,
            waiting: BTreeSet::new(),
        }
    }
}

impl<C: Copy + Ord> Tenant<C> {
    /// The smallest one is served next.
    const fn turn(&self) -> (usize, u64) {
        (self.running, self.served)
    }

    fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }

    /// The waiting calls that come before a new one of that class.
    fn before(&self, class: C) -> usize {
        let waiting = self.waiting.iter();
        waiting.take_while(|(other, _)| *other <= class).count()
    }
}

impl<T: Copy + Ord, C: Copy + Ord> FairQueue<T, C> {
    /// An empty queue.
    pub const fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            tenants: BTreeMap::new(),
            running: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next_ticket: 0,
            started: 0,
            length: None,
        }
    }

    /// Accepts a call: it runs at once if a slot is free, or waits.
    pub fn arrive(&mut self, tenant: T, class: C, now: Instant) -> Result<Arrival, QueueFull> {
        let is_running = self.has_free_slot();
        let displaced = if is_running {
            None
        } else {
            self.room_for(tenant, class)?
        };
        if let Some(displaced) = displaced {
            self.remove(displaced);
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        if is_running {
            self.start(ticket, tenant, now);
        } else {
            self.waiting.insert(ticket, (tenant, class));
            let own = self.tenants.entry(tenant).or_default();
            own.waiting.insert((class, ticket));
        }
        Ok(Arrival {
            ticket,
            is_running,
            displaced,
        })
    }

    /// Ends a call, whether it runs, waits or was displaced; the call that runs in its place.
    pub fn end(&mut self, ticket: Ticket, now: Instant, held: Held) -> Option<Ticket> {
        let Some((tenant, since)) = self.running.remove(&ticket) else {
            self.remove(ticket);
            self.forget_idle();
            return None;
        };
        if let Some(ended) = self.tenants.get_mut(&tenant) {
            ended.running = ended.running.saturating_sub(1);
        }
        if held == Held::Typical {
            self.measure(now.saturating_duration_since(since));
        }
        let next = self.next();
        if let Some((next, its_tenant)) = next {
            self.remove(next);
            self.start(next, its_tenant, now);
        }
        self.forget_idle();
        next.map(|(next, _)| next)
    }

    /// How long a call that arrives now would probably wait. None if calls wait but none has been
    /// measured yet.
    pub fn expected_wait(&self, tenant: T, class: C) -> Option<Duration> {
        if self.has_free_slot() {
            return Some(Duration::ZERO);
        }
        let length = self.length?;
        let position = u32::try_from(self.position(tenant, class)).unwrap_or(u32::MAX);
        let slots = u32::try_from(self.limits.slots).unwrap_or(u32::MAX).max(1);
        Some(length.saturating_mul(position) / slots)
    }

    /// Whether no call runs or waits.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    fn has_free_slot(&self) -> bool {
        self.running.len() < self.limits.slots
    }

    /// The place of a call that arrives now, from 1: after those of its tenant, and after as many
    /// calls of each other tenant as are served in the same rounds.
    fn position(&self, tenant: T, class: C) -> usize {
        let own = self.tenants.get(&tenant);
        let before = own.map_or(0, |own| own.before(class));
        let turn = own.map_or((0, 0), Tenant::<C>::turn);
        let others = self.tenants.iter().filter(|(other, _)| **other != tenant);
        let of_others = others.map(|(_, other)| {
            let rounds = before + usize::from(other.turn() < turn);
            other.waiting.len().min(rounds)
        });
        1 + before + of_others.sum::<usize>()
    }

    /// Room in the queue for a call, and which waiting call makes room if there is none: one of the
    /// same tenant that is less urgent, or the last one of the tenant that has most of the queue.
    fn room_for(&self, tenant: T, class: C) -> Result<Option<Ticket>, QueueFull> {
        let own = self.tenants.get(&tenant);
        let waiting = own.map_or(0, |own| own.waiting.len());
        let less_urgent = own
            .and_then(|own| own.waiting.last())
            .filter(|(last, _)| *last > class)
            .map(|(_, ticket)| *ticket);
        if waiting >= self.limits.queue_per_tenant {
            return less_urgent.map(Some).ok_or(QueueFull::OfTenant);
        }
        if self.waiting.len() < self.limits.queue {
            return Ok(None);
        }
        let longest = self
            .tenants
            .values()
            .max_by_key(|other| other.waiting.len());
        let last_of_longest = longest
            .filter(|longest| longest.waiting.len() > waiting + 1)
            .and_then(|longest| longest.waiting.last())
            .map(|(_, ticket)| *ticket);
        let displaced = last_of_longest.or(less_urgent);
        displaced.map(Some).ok_or(QueueFull::OfAll)
    }

    /// The waiting call that is served next.
    fn next(&self) -> Option<(Ticket, T)> {
        let heads = self.tenants.iter().filter_map(|(tenant, waiting)| {
            let (_, head) = waiting.waiting.first()?;
            Some((waiting.turn(), *head, *tenant))
        });
        let (_, head, tenant) = heads.min_by_key(|(turn, head, _)| (*turn, *head))?;
        Some((head, tenant))
    }

    fn start(&mut self, ticket: Ticket, tenant: T, now: Instant) {
        self.started += 1;
        self.running.insert(ticket, (tenant, now));
        let served = self.tenants.entry(tenant).or_default();
        served.running += 1;
        served.served = self.started;
    }

    /// Takes a call out of the queue.
    fn remove(&mut self, ticket: Ticket) {
        let Some((tenant, class)) = self.waiting.remove(&ticket) else {
            return;
        };
        if let Some(own) = self.tenants.get_mut(&tenant) {
            own.waiting.remove(&(class, ticket));
        }
    }

    /// Forgets idle tenants. One that was served after a tenant that waits or runs is remembered:
    /// if it came back as a new one, it would be served before that tenant again and again.
    fn forget_idle(&mut self) {
        let present = self.tenants.values().filter(|tenant| !tenant.is_idle());
        let oldest = present.map(|tenant| tenant.served).min();
        self.tenants.retain(|_, tenant| {
            !tenant.is_idle() || oldest.is_some_and(|oldest| tenant.served > oldest)
        });
    }

    fn measure(&mut self, length: Duration) {
        self.length = Some(self.length.map_or(length, |known| {
            (known.saturating_mul(MEASUREMENT_SHARE - 1) + length) / MEASUREMENT_SHARE
        }));
    }
}

#[cfg(test)]
mod tests;
