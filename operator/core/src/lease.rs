//! Who may write: a lease that one contender holds at a time. Decides without a clock or a client.
//!
//! A contender calls [`Contender::next`], does what it says, and reports the result. Safety rests
//! on three facts. The API server changes a lease only for a request that names its present
//! version. A contender takes over a lease of another only after it has itself seen that lease
//! unchanged for its whole duration, by its own monotonic clock. And the holder trusts the lease
//! only for a shorter time, counted from before it sent the renewal. What is left between the two
//! times is for writes on their way and for clocks that run at different speeds.

use std::time::Duration;

/// A moment on the monotonic clock of one process, counted from an origin of its own.
pub type Moment = Duration;

/// The times of a kind of lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long others respect a lease that is not renewed.
    pub lease: Duration,
    /// How long the holder trusts its lease after it sent the last renewal that succeeded.
    pub valid: Duration,
    /// From one renewal to the next.
    pub renew: Duration,
    /// From one attempt or look to the next, while the lease is not held or a request failed.
    pub retry: Duration,
}

/// A write may reach the API server this long after it was sent, and not later: the connection is
/// dropped when nothing is acknowledged for [`TRANSIT_TIMEOUT`], and the server gives a request up
/// after [`WRITE_TIMEOUT`].
pub const IN_FLIGHT_TIMEOUT: Duration = TRANSIT_TIMEOUT.saturating_add(WRITE_TIMEOUT);
/// How long bytes that were sent may stay without an acknowledgement.
pub const TRANSIT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the API server may work at a write.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(4);

/// Between the replicas of one operator. 15 s less 8 s are 7 s: 6 s for writes on their way, and
/// clocks that differ by 7 percent.
pub const LEADER: Timing = Timing {
    lease: Duration::from_secs(15),
    valid: Duration::from_secs(8),
    renew: Duration::from_secs(2),
    retry: Duration::from_secs(1),
};

/// Between operators that were installed separately, one lease in each namespace: rarely renewed,
/// since there may be a thousand.
pub const CLAIM: Timing = Timing {
    lease: Duration::from_mins(2),
    valid: Duration::from_secs(80),
    renew: Duration::from_secs(40),
    retry: Duration::from_secs(10),
};

/// A lease as the API server returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The resourceVersion, which changes with every renewal.
    pub version: String,
    /// Who holds it, or nothing if it was released.
    pub holder: Option<String>,
    /// How long to respect it.
    pub duration: Duration,
    /// How often it passed from one holder to another.
    pub transitions: i32,
}

/// What a contender writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The new holder; nothing releases the lease.
    pub holder: Option<String>,
    /// How long others respect it.
    pub duration: Duration,
    /// How often it passed from one holder to another.
    pub transitions: i32,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing, for so long.
    Wait(Duration),
    /// Read the lease.
    Read,
    /// Create the lease.
    Create(Record),
    /// Replace the lease if it still has this version.
    Replace {
        /// The version that was seen.
        version: String,
        /// What takes its place.
        record: Record,
    },
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The lease as it was read, if there is one.
    Found(Option<Lease>),
    /// The write was accepted; this is the lease now.
    Written(Lease),
    /// The lease has another version, or exists already.
    Conflict,
    /// No answer, or another error: the request may have been carried out or not.
    Failed,
}

#[derive(Debug, Clone)]
struct Seen {
    lease: Option<Lease>,
    /// When this version was first seen.
    since: Moment,
}

/// One process that wants a lease.
#[derive(Debug, Clone)]
pub struct Contender {
    identity: String,
    timing: Timing,
    seen: Option<Seen>,
    valid_until: Option<Moment>,
    /// Not before this moment.
    due: Moment,
    /// Whether the lease must be read before anything else.
    must_read: bool,
    /// Until when another holder may trust what it holds, even if the lease was deleted since.
    respected_until: Moment,
}

impl Contender {
    /// A contender that knows nothing yet. No other process that may contend at the same time has
    /// the same identity.
    pub const fn new(identity: String, timing: Timing) -> Self {
        Self {
            identity,
            timing,
            seen: None,
            valid_until: None,
            due: Duration::ZERO,
            must_read: true,
            respected_until: Duration::ZERO,
        }
    }

    /// Until when the lease is held; writes are allowed before this moment.
    pub const fn valid_until(&self) -> Option<Moment> {
        self.valid_until
    }

    /// Whether the lease is held.
    pub fn holds(&self, now: Moment) -> bool {
        self.valid_until.is_some_and(|until| now < until)
    }

    /// The other holder that was last seen.
    pub fn other_holder(&self) -> Option<&str> {
        let lease = self.seen.as_ref()?.lease.as_ref()?;
        let holder = lease.holder.as_deref()?;
        (holder != self.identity).then_some(holder)
    }

    /// What to do now.
    pub fn next(&self, now: Moment) -> Action {
        if now < self.due {
            return Action::Wait(self.due.saturating_sub(now));
        }
        let Some(seen) = self.seen.as_ref().filter(|_| !self.must_read) else {
            return Action::Read;
        };
        let Some(lease) = &seen.lease else {
            if now < self.respected_until {
                return Action::Read;
            }
            return Action::Create(self.record(0));
        };
        let is_expired = now >= seen.since.saturating_add(lease.duration);
        match &lease.holder {
            Some(holder) if *holder == self.identity => self.replace(lease, lease.transitions),
            Some(_) if !is_expired => Action::Read,
            _ => self.replace(lease, lease.transitions.saturating_add(1)),
        }
    }

    /// Takes in what came of an action that began at `sent`.
    pub fn answered(&mut self, sent: Moment, now: Moment, answer: Answer) {
        match answer {
            Answer::Found(lease) => self.found(lease, now),
            Answer::Written(lease) => {
                let is_mine = lease.holder.as_ref() == Some(&self.identity);
                self.valid_until = is_mine.then(|| sent.saturating_add(self.timing.valid));
                self.due = sent.saturating_add(self.timing.renew);
                self.see(Some(lease), now);
                self.must_read = false;
            }
            Answer::Conflict => {
                // Whoever wrote may hold it now.
                self.valid_until = None;
                self.must_read = true;
                self.due = now;
            }
            Answer::Failed => {
                self.must_read = true;
                self.due = now.saturating_add(self.timing.retry);
            }
        }
    }

    /// Gives the lease back: the request that does so, if it is held. From now on it is not.
    pub fn release(&mut self, now: Moment) -> Option<Action> {
        let held = self.holds(now) && !self.must_read;
        self.valid_until = None;
        let lease = self.seen.as_ref()?.lease.as_ref()?;
        held.then(|| Action::Replace {
            version: lease.version.clone(),
            record: Record {
                holder: None,
                duration: self.timing.lease,
                transitions: lease.transitions,
            },
        })
    }

    fn found(&mut self, lease: Option<Lease>, now: Moment) {
        let holder = lease.as_ref().and_then(|lease| lease.holder.as_deref());
        let is_mine = holder == Some(self.identity.as_str());
        if !is_mine {
            self.valid_until = None;
        }
        let is_released = lease.is_some() && holder.is_none();
        let duration = lease
            .as_ref()
            .map_or(Duration::ZERO, |lease| lease.duration);
        self.see(lease, now);
        self.must_read = false;
        if is_mine || is_released {
            self.due = now;
            return;
        }
        if duration > Duration::ZERO {
            let since = self.seen.as_ref().map_or(now, |seen| seen.since);
            self.respected_until = since.saturating_add(duration);
        }
        // The last attempt comes when the lease expires, not up to a whole interval later.
        let next_attempt = now.saturating_add(self.timing.retry);
        self.due = next_attempt.min(self.respected_until.max(now));
    }

    fn see(&mut self, lease: Option<Lease>, now: Moment) {
        let version = |lease: &Option<Lease>| lease.as_ref().map(|lease| lease.version.clone());
        let is_known = self
            .seen
            .as_ref()
            .is_some_and(|seen| version(&seen.lease) == version(&lease));
        if !is_known {
            self.seen = Some(Seen { lease, since: now });
        }
    }

    fn replace(&self, lease: &Lease, transitions: i32) -> Action {
        Action::Replace {
            version: lease.version.clone(),
            record: self.record(transitions),
        }
    }

    fn record(&self, transitions: i32) -> Record {
        Record {
            holder: Some(self.identity.clone()),
            duration: self.timing.lease,
            transitions,
        }
    }
}
