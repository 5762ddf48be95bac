//! A model of operators that contend for leases at an API server: clocks that run at different
//! speeds, processes that stand still, requests and answers that are late or lost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use operator_core::lease::{Action, Answer, Contender, Lease, Record, Timing};

/// Milliseconds of the world's own time.
pub(crate) type Time = u64;

/// Which release each operator belongs to: two replicas of one, and another release.
pub(crate) const RELEASES: [usize; 3] = [0, 0, 1];
/// The index of the lease of the namespace; those before it are the leader leases of the releases.
const CLAIM: usize = 2;
/// A client gives a call up after this time.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// The process stands still, as its machine may.
    Pause { node: usize, at: Time, span: Time },
    /// The process dies and another one takes its place.
    Kill { node: usize, at: Time, span: Time },
    /// The process is told to end, gives back what it holds, and another one takes its place.
    Stop { node: usize, at: Time, span: Time },
    /// Nothing that the process sends arrives.
    Cut { node: usize, at: Time, span: Time },
    /// Requests arrive and their answers do not.
    Deaf { node: usize, at: Time, span: Time },
    /// Requests and answers take this much longer.
    Slow {
        node: usize,
        at: Time,
        span: Time,
        extra: Time,
    },
    /// The API server refuses everything.
    Down { at: Time, span: Time },
}

/// The times that a model runs with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) leader: Timing,
    pub(crate) claim: Timing,
    /// The longest time from sending a write until it has its effect.
    pub(crate) in_flight: Time,
}

#[derive(Debug, Clone)]
enum Request {
    Read(usize),
    Create(usize, Record),
    Replace(usize, String, Record),
    /// A write to an object of a platform.
    Write,
}

#[derive(Debug)]
enum Event {
    /// Of a process, unless a later one was set.
    Wake(usize, u64),
    Arrive(Sent),
    Answered(Sent, Answer),
    Acknowledged(usize, u64),
    Start(usize),
}

#[derive(Debug, Clone)]
struct Sent {
    node: usize,
    incarnation: u64,
    number: u64,
    request: Request,
}

struct Pending {
    number: u64,
    sent: Duration,
}

/// The operator's two contenders, and its requests that were not answered.
struct Node {
    incarnation: u64,
    /// In thousandths of real time.
    rate: u64,
    alive: bool,
    stopping: bool,
    contenders: [Contender; 2],
    pending: [Option<Pending>; 2],
    /// Local times at which writes were sent that were not answered.
    unanswered: Vec<(u64, Duration)>,
    next_write: Duration,
    /// The number of its next wake-up.
    wake: u64,
}

/// All operators, the API server, and what is on its way.
pub(crate) struct Model {
    rules: Rules,
    now: Time,
    nodes: Vec<Node>,
    leases: [Option<Lease>; 3],
    queue: BinaryHeap<Reverse<(Time, u64, usize)>>,
    events: Vec<Option<Event>>,
    troubles: Vec<Trouble>,
    random: u64,
    version: u64,
    number: u64,
    /// When a write had its effect, and whose it was.
    pub(crate) writes: Vec<(Time, usize)>,
    /// Writes that had their effect while another operator held a lease.
    pub(crate) violations: Vec<String>,
}

impl Model {
    pub(crate) fn new(rules: Rules, seed: u64, rates: [u64; 3], troubles: Vec<Trouble>) -> Self {
        let mut model = Self {
            rules,
            now: 0,
            nodes: Vec::new(),
            leases: [None, None, None],
            queue: BinaryHeap::new(),
            events: Vec::new(),
            troubles,
            random: seed,
            version: 0,
            number: 0,
            writes: Vec::new(),
            violations: Vec::new(),
        };
        for (index, rate) in rates.into_iter().enumerate() {
            model.nodes.push(Node::new(&rules, index, (0, 0), rate));
            let start = model.draw(2000);
            model.wake_at(start, index);
        }
        model
    }

    /// Runs until that moment.
    pub(crate) fn run(&mut self, until: Time) {
        while let Some(Reverse((time, _, index))) = self.queue.peek().copied() {
            if time > until {
                break;
            }
            self.queue.pop();
            self.now = time;
            if let Some(event) = self.events[index].take() {
                self.handle(event);
            }
        }
        self.now = until;
    }

    /// The operator whose write had its effect last.
    pub(crate) fn writer(&self) -> Option<usize> {
        self.writes.last().map(|(_, node)| *node)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Start(index) => {
                let Node {
                    incarnation,
                    rate,
                    wake,
                    ..
                } = self.nodes[index];
                self.nodes[index] = Node::new(&self.rules, index, (incarnation + 1, wake), rate);
                self.wake_at(self.now, index);
            }
            Event::Wake(index, number) if number == self.nodes[index].wake => self.wake(index),
            Event::Wake(..) => {}
            Event::Arrive(sent) => self.arrive(sent),
            Event::Answered(sent, answer) => self.answered(&sent, answer),
            Event::Acknowledged(index, number) => {
                let unanswered = &mut self.nodes[index].unanswered;
                unanswered.retain(|(other, _)| *other != number);
            }
        }
    }

    fn wake(&mut self, index: usize) {
        if !self.nodes[index].alive {
            return;
        }
        if let Some(end) = self.paused_until(index) {
            self.wake_at(end, index);
            return;
        }
        let stopping = self.nodes[index].stopping.then_some((true, self.now));
        match self.ending(index).or(stopping) {
            Some((false, end)) => {
                self.nodes[index].alive = false;
                self.at(end, Event::Start(index));
                return;
            }
            Some((true, end)) if self.stop(index, end) => return,
            Some((true, _)) | None => {}
        }
        for which in 0..2 {
            self.step(index, which);
        }
        self.maybe_write(index);
        let noise = 1 + self.draw(50);
        let local = self.local(index);
        let node = &self.nodes[index];
        let waits = node.contenders.iter().map(|one| match one.next(local) {
            Action::Wait(span) => span,
            _ => Duration::from_millis(100),
        });
        let next = waits.min().unwrap_or_default();
        let next = next.min(node.next_write.saturating_sub(local));
        let real = u64::try_from(next.as_millis()).unwrap_or(1000) * 1000 / node.rate;
        self.wake_at(self.now + real.min(1000) + noise, index);
    }

    /// Ends a process in order; answers whether it has ended.
    fn stop(&mut self, index: usize, end: Time) -> bool {
        let local = self.local(index);
        let limit = Duration::from_millis(self.rules.in_flight) * 11 / 10;
        let node = &mut self.nodes[index];
        node.stopping = true;
        node.unanswered.retain(|(_, sent)| local < *sent + limit);
        if !node.unanswered.is_empty() {
            return false;
        }
        let release = node.contenders[0].release(local);
        node.alive = false;
        if let Some(Action::Replace { version, record }) = release {
            self.send(index, Request::Replace(RELEASES[index], version, record));
        }
        self.at(end.max(self.now + 1), Event::Start(index));
        true
    }

    fn step(&mut self, index: usize, which: usize) {
        let local = self.local(index);
        let node = &mut self.nodes[index];
        if let Some(pending) = &node.pending[which] {
            let sent = pending.sent;
            if local < sent + CALL_TIMEOUT {
                return;
            }
            node.pending[which] = None;
            node.contenders[which].answered(sent, local, Answer::Failed);
        }
        // What concerns the namespace is for the leader of a release.
        if which == 1 && !node.contenders[0].holds(local) {
            return;
        }
        let lease = if which == 0 { RELEASES[index] } else { CLAIM };
        let request = match node.contenders[which].next(local) {
            Action::Wait(_) => return,
            Action::Read => Request::Read(lease),
            Action::Create(record) => Request::Create(lease, record),
            Action::Replace { version, record } => Request::Replace(lease, version, record),
        };
        let number = self.send(index, request);
        self.nodes[index].pending[which] = Some(Pending {
            number,
            sent: local,
        });
    }

    fn maybe_write(&mut self, index: usize) {
        let local = self.local(index);
        let node = &self.nodes[index];
        let may = node.contenders.iter().all(|one| one.holds(local));
        if !may || node.stopping || local < node.next_write {
            return;
        }
        let number = self.send(index, Request::Write);
        let pause = 400 + self.draw(1_000);
        let node = &mut self.nodes[index];
        node.unanswered.push((number, local));
        node.next_write = local + Duration::from_millis(pause);
    }

    fn send(&mut self, node: usize, request: Request) -> u64 {
        self.number += 1;
        let number = self.number;
        if self.troubled(|one| matches!(one, Trouble::Cut { node: cut, .. } if *cut == node)) {
            return number;
        }
        let mut delay = self.delay(node);
        if matches!(request, Request::Write) {
            delay = delay.min(self.rules.in_flight);
        }
        let incarnation = self.nodes[node].incarnation;
        let sent = Sent {
            node,
            incarnation,
            number,
            request,
        };
        self.at(self.now + delay, Event::Arrive(sent));
        number
    }

    fn arrive(&mut self, sent: Sent) {
        let is_down = self.troubled(|one| matches!(one, Trouble::Down { .. }));
        let answer = match &sent.request {
            Request::Write => {
                if !is_down {
                    self.effect(&sent);
                }
                let back = self.now + self.delay(sent.node);
                self.at(back, Event::Acknowledged(sent.node, sent.number));
                return;
            }
            _ if is_down => Answer::Failed,
            Request::Read(lease) => Answer::Found(self.leases[*lease].clone()),
            Request::Create(lease, record) => {
                if self.leases[*lease].is_none() {
                    Answer::Written(self.store(*lease, record))
                } else {
                    Answer::Conflict
                }
            }
            Request::Replace(lease, version, record) => {
                let present = self.leases[*lease].as_ref().map(|one| &one.version);
                if present == Some(version) {
                    Answer::Written(self.store(*lease, record))
                } else {
                    Answer::Conflict
                }
            }
        };
        let node = sent.node;
        let is_deaf =
            |one: &Trouble| matches!(one, Trouble::Deaf { node: deaf, .. } if *deaf == node);
        if !self.troubled(is_deaf) {
            let back = self.now + self.delay(node);
            self.at(back, Event::Answered(sent, answer));
        }
    }

    /// A write has its effect: nobody else may hold what its sender held.
    fn effect(&mut self, sent: &Sent) {
        let release = RELEASES[sent.node];
        let holder = |lease: usize| self.leases[lease].as_ref()?.holder.clone();
        let leads = holder(release) == Some(pod(sent.node, sent.incarnation));
        let claims = holder(CLAIM) == Some(format!("release-{release}"));
        if !(leads && claims) {
            let (leader, claim) = (holder(release), holder(CLAIM));
            let text = format!(
                "{} ms: {sent:?} wrote under {leader:?}, {claim:?}",
                self.now
            );
            self.violations.push(text);
        }
        self.writes.push((self.now, sent.node));
    }

    fn store(&mut self, lease: usize, record: &Record) -> Lease {
        self.version += 1;
        let stored = Lease {
            version: self.version.to_string(),
            holder: record.holder.clone(),
            duration: record.duration,
            transitions: record.transitions,
        };
        self.leases[lease] = Some(stored.clone());
        stored
    }

    /// Hands an answer to its process, when that does not stand still.
    fn answered(&mut self, sent: &Sent, answer: Answer) {
        if let Some(end) = self.paused_until(sent.node) {
            self.at(end, Event::Answered(sent.clone(), answer));
            return;
        }
        let local = self.local(sent.node);
        let node = &mut self.nodes[sent.node];
        if node.incarnation != sent.incarnation || !node.alive {
            return;
        }
        for which in 0..2 {
            let begun = node.pending[which]
                .as_ref()
                .filter(|pending| pending.number == sent.number)
                .map(|pending| pending.sent);
            if let Some(begun) = begun {
                node.pending[which] = None;
                node.contenders[which].answered(begun, local, answer.clone());
            }
        }
        self.wake_at(self.now, sent.node);
    }

    fn local(&self, node: usize) -> Duration {
        Duration::from_micros(self.now * self.nodes[node].rate)
    }

    fn delay(&mut self, node: usize) -> Time {
        let mut extra = 0;
        for trouble in &self.troubles {
            if let Trouble::Slow {
                node: slow,
                at,
                span,
                extra: more,
            } = *trouble
                && slow == node
                && (at..at + span).contains(&self.now)
            {
                extra = extra.max(more);
            }
        }
        let random = if extra == 0 { 0 } else { self.draw(extra) };
        1 + self.draw(30) + random
    }

    fn paused_until(&self, index: usize) -> Option<Time> {
        let ends = self.troubles.iter().filter_map(|one| match *one {
            Trouble::Pause { node, at, span } if node == index => Some((at, at + span)),
            _ => None,
        });
        let now = ends.filter(|(at, end)| (*at..*end).contains(&self.now));
        now.map(|(_, end)| end).max()
    }

    /// Whether the process is to end, in order or not, and when another one takes its place.
    fn ending(&self, index: usize) -> Option<(bool, Time)> {
        self.troubles.iter().find_map(|one| {
            let (node, at, span, in_order) = match *one {
                Trouble::Kill { node, at, span } => (node, at, span, false),
                Trouble::Stop { node, at, span } => (node, at, span, true),
                _ => return None,
            };
            let strikes = node == index && (at..at + span).contains(&self.now);
            strikes.then_some((in_order, at + span))
        })
    }

    fn troubled(&self, is_it: impl Fn(&Trouble) -> bool) -> bool {
        self.troubles.iter().any(|one| {
            let (Trouble::Pause { at, span, .. }
            | Trouble::Kill { at, span, .. }
            | Trouble::Stop { at, span, .. }
            | Trouble::Cut { at, span, .. }
            | Trouble::Deaf { at, span, .. }
            | Trouble::Slow { at, span, .. }
            | Trouble::Down { at, span }) = *one;
            (at..at + span).contains(&self.now) && is_it(one)
        })
    }

    fn wake_at(&mut self, time: Time, index: usize) {
        self.nodes[index].wake += 1;
        let number = self.nodes[index].wake;
        self.at(time, Event::Wake(index, number));
    }

    fn at(&mut self, time: Time, event: Event) {
        let index = self.events.len();
        self.events.push(Some(event));
        self.queue.push(Reverse((time, index as u64, index)));
    }

    /// `SplitMix64`: the same seed is the same run.
    fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }
}

impl Node {
    fn new(rules: &Rules, index: usize, (incarnation, wake): (u64, u64), rate: u64) -> Self {
        let leader = Contender::new(pod(index, incarnation), rules.leader);
        let release = format!("release-{}", RELEASES[index]);
        Self {
            incarnation,
            rate,
            alive: true,
            stopping: false,
            contenders: [leader, Contender::new(release, rules.claim)],
            pending: [None, None],
            unanswered: Vec::new(),
            next_write: Duration::ZERO,
            wake,
        }
    }
}

fn pod(index: usize, incarnation: u64) -> String {
    format!("pod-{index}-{incarnation}")
}
