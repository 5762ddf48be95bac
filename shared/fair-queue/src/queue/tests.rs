//! Properties of the queue under any sequence of calls, and examples of fairness and bounds.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Visitor,
    Member,
    Ingestion,
}

const LIMITS: QueueLimits = QueueLimits {
    slots: 1,
    queue: 16,
    queue_per_tenant: 8,
};

/// What happens to the queue.
#[derive(Debug, Clone, Copy)]
enum Step {
    Arrive(u8, Class),
    /// The running call at that place, modulo their number, ends.
    End(usize),
    /// The waiting call at that place leaves.
    Leave(usize),
}

/// The queue, and what a reader of its promises knows of it.
struct Watched {
    queue: FairQueue<u8, Class>,
    limits: QueueLimits,
    now: Instant,
    running: Vec<(Ticket, u8)>,
    waiting: Vec<(Ticket, u8, Class)>,
    /// For a tenant that waits and has no running call: how many calls of each other tenant have
    /// started since.
    passed: BTreeMap<u8, BTreeMap<u8, usize>>,
}

impl Watched {
    fn new(limits: QueueLimits) -> Self {
        Self {
            queue: FairQueue::new(limits),
            limits,
            now: Instant::now(),
            running: Vec::new(),
            waiting: Vec::new(),
            passed: BTreeMap::new(),
        }
    }

    fn count(&self, tenant: u8) -> usize {
        let of_tenant = |call: &&(Ticket, u8, Class)| call.1 == tenant;
        self.waiting.iter().filter(of_tenant).count()
    }

    fn arrive(&mut self, tenant: u8, class: Class) -> Result<Arrival, QueueFull> {
        let (own, all) = (self.count(tenant), self.waiting.len());
        let had_slot = self.running.len() < self.limits.slots;
        let arrived = self.queue.arrive(tenant, class, self.now);
        match arrived {
            Err(QueueFull::OfTenant) => assert_eq!(own, self.limits.queue_per_tenant),
            Err(QueueFull::OfAll) => {
                assert_eq!(all, self.limits.queue);
                let most = (0..u8::MAX).map(|other| self.count(other)).max();
                assert!(
                    most <= Some(own + 1),
                    "another tenant has more of the queue"
                );
            }
            Ok(Arrival {
                ticket,
                is_running,
                displaced,
            }) => {
                assert_eq!(is_running, had_slot, "it waits only if no slot is free");
                if let Some(displaced) = displaced {
                    self.check_displaced(displaced, tenant, class);
                }
                if is_running {
                    self.started(ticket, tenant);
                } else {
                    self.waiting.push((ticket, tenant, class));
                }
            }
        }
        arrived
    }

    fn check_displaced(&mut self, displaced: Ticket, by: u8, class: Class) {
        let own = self.count(by);
        let at = self.waiting.iter().position(|call| call.0 == displaced);
        let (_, tenant, its_class) = self.waiting[at.unwrap()];
        let is_less_urgent = tenant == by && its_class > class;
        assert!(is_less_urgent || self.count(tenant) > own + 1);
        self.waiting.remove(at.unwrap());
    }

    fn started(&mut self, ticket: Ticket, tenant: u8) {
        self.running.push((ticket, tenant));
        self.passed.remove(&tenant);
        for (waiting, passed) in &mut self.passed {
            let times = passed.entry(tenant).or_default();
            *times += 1;
            assert!(
                *times <= 1,
                "{tenant} was served twice while {waiting} waited"
            );
        }
    }

    fn end(&mut self, at: usize) -> Option<u8> {
        if self.running.is_empty() {
            return None;
        }
        let (ended, _) = self.running.remove(at % self.running.len());
        // The tenant of the ended call waits as of now, if it does.
        self.watch();
        let next = self.queue.end(ended, self.now, Held::Typical);
        assert_eq!(next.is_some(), !self.waiting.is_empty(), "a slot is used");
        let next = next?;
        let at = self.waiting.iter().position(|call| call.0 == next);
        assert!(at.is_some(), "what starts has waited");
        let (_, tenant, class) = self.waiting.remove(at?);
        let mut of_tenant = self.waiting.iter().filter(|call| call.1 == tenant);
        assert!(
            of_tenant.all(|call| (class, next) < (call.2, call.0)),
            "the most urgent call of a tenant is its next one"
        );
        self.started(next, tenant);
        Some(tenant)
    }

    fn leave(&mut self, at: usize) {
        if self.waiting.is_empty() {
            return;
        }
        let (left, ..) = self.waiting.remove(at % self.waiting.len());
        assert_eq!(self.queue.end(left, self.now, Held::Untypical), None);
    }

    /// Notes who waits without a running call, and checks the bounds.
    fn watch(&mut self) {
        for tenant in 0..8 {
            let runs = self.running.iter().any(|call| call.1 == tenant);
            if self.count(tenant) > 0 && !runs {
                self.passed.entry(tenant).or_default();
            } else {
                self.passed.remove(&tenant);
            }
            assert!(self.count(tenant) <= self.limits.queue_per_tenant);
        }
        assert!(self.waiting.len() <= self.limits.queue);
        assert!(self.running.len() <= self.limits.slots);
    }
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![
        Just(Class::Visitor),
        Just(Class::Member),
        Just(Class::Ingestion)
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_u8..6, class()).prop_map(|(tenant, class)| Step::Arrive(tenant, class)),
        2 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::Leave),
    ]
}

fn limits() -> impl Strategy<Value = QueueLimits> {
    (1_usize..5, 1_usize..12, 1_usize..6).prop_map(|(slots, queue, of_tenant)| QueueLimits {
        slots,
        queue,
        queue_per_tenant: of_tenant.min(queue),
    })
}

proptest! {
    #[test]
    fn no_tenant_is_passed_twice_by_another_one_and_all_bounds_hold(
        limits in limits(), steps in vec(step(), 0..300)
    ) {
        let mut watched = Watched::new(limits);
        for step in steps {
            match step {
                Step::Arrive(tenant, class) => {
                    let _ = watched.arrive(tenant, class);
                }
                Step::End(at) => {
                    watched.end(at);
                }
                Step::Leave(at) => watched.leave(at),
            }
            watched.watch();
        }
        while !watched.running.is_empty() {
            watched.end(0);
        }
        prop_assert!(watched.queue.is_idle());
        prop_assert!(watched.queue.tenants.is_empty(), "no tenant is remembered");
    }

    #[test]
    fn a_hundred_calls_of_a_tenant_delay_another_by_one_call(
        slots in 1_usize..8, calls in 1_usize..100, ends in any::<usize>()
    ) {
        let mut watched = Watched::new(QueueLimits { slots, ..LIMITS });
        for _ in 0..slots + calls {
            let _ = watched.arrive(0, Class::Visitor);
        }
        watched.arrive(1, Class::Member).unwrap();
        prop_assert_eq!(watched.end(ends), Some(1), "the first free slot is the other tenant's");
    }
}

#[test]
fn tenants_take_turns_and_visitors_come_before_members_of_the_same_tenant() {
    let mut watched = Watched::new(LIMITS);
    for class in [Class::Member, Class::Member, Class::Member, Class::Visitor] {
        watched.arrive(0, class).unwrap();
    }
    for _ in 0..2 {
        watched.arrive(1, Class::Member).unwrap();
    }
    let served: Vec<u8> = (0..5).map_while(|_| watched.end(0)).collect();
    assert_eq!(served, [1, 0, 1, 0, 0]);
}

#[test]
fn a_full_share_refuses_its_tenant_and_a_full_queue_makes_room_for_others() {
    let mut watched = Watched::new(LIMITS);
    for _ in 0..9 {
        watched.arrive(0, Class::Visitor).unwrap();
    }
    assert_eq!(watched.arrive(0, Class::Visitor), Err(QueueFull::OfTenant));
    for _ in 0..8 {
        watched.arrive(1, Class::Visitor).unwrap();
    }
    let third = watched.arrive(2, Class::Ingestion).unwrap();
    assert!(
        third.displaced.is_some(),
        "it takes a place of the one that has most"
    );
    assert_eq!(watched.waiting.len(), 16);
    assert_eq!(watched.count(2), 1);
}

#[test]
fn a_visitor_takes_the_place_of_a_member_of_the_same_tenant() {
    let mut watched = Watched::new(LIMITS);
    for _ in 0..9 {
        watched.arrive(0, Class::Member).unwrap();
    }
    assert_eq!(watched.arrive(0, Class::Member), Err(QueueFull::OfTenant));
    let visitor = watched.arrive(0, Class::Visitor).unwrap();
    assert!(visitor.displaced.is_some());
    watched.end(0);
    assert_eq!(watched.running[0].0, visitor.ticket);
}

#[test]
fn the_expected_wait_is_the_position_times_the_measured_length_by_slots() {
    let start = Instant::now();
    let limits = QueueLimits { slots: 2, ..LIMITS };
    let mut queue = FairQueue::new(limits);
    let first = queue.arrive(0, Class::Visitor, start).unwrap().ticket;
    assert_eq!(
        queue.expected_wait(0, Class::Visitor),
        Some(Duration::ZERO),
        "a slot is free"
    );
    queue.arrive(0, Class::Visitor, start).unwrap();
    queue.arrive(0, Class::Visitor, start).unwrap();
    let unknown = queue.expected_wait(0, Class::Visitor);
    assert_eq!(unknown, None, "no call has ended");
    let expected = |seconds: u64| Some(Duration::from_secs(seconds));
    queue.end(first, start + Duration::from_secs(10), Held::Typical);
    assert_eq!(queue.expected_wait(0, Class::Visitor), expected(5));
    for _ in 0..3 {
        queue.arrive(0, Class::Visitor, start).unwrap();
    }
    assert_eq!(queue.expected_wait(0, Class::Visitor), expected(20));
    let other = queue.expected_wait(1, Class::Visitor);
    assert_eq!(other, expected(5), "it is the next one to be served");
}

#[test]
fn a_failed_call_does_not_say_how_long_calls_take() {
    let start = Instant::now();
    let mut queue = FairQueue::new(LIMITS);
    for (seconds, held) in [(8, Held::Typical), (0, Held::Untypical), (4, Held::Typical)] {
        let ticket = queue.arrive(0, Class::Visitor, start).unwrap().ticket;
        queue.end(ticket, start + Duration::from_secs(seconds), held);
    }
    queue.arrive(0, Class::Visitor, start).unwrap();
    let expected = queue.expected_wait(0, Class::Visitor);
    assert_eq!(
        expected,
        Some(Duration::from_secs(7)),
        "3/4 of 8 and 1/4 of 4"
    );
}
