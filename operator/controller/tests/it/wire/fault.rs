//! Which faults there are, and when each strikes.

use std::collections::{HashMap, VecDeque};

use http::Method;

use super::{Call, Recorded};

/// Where calls are broken, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Never.
    None,
    /// After write n nothing is sent and no answer arrives any more: the process died. To those
    /// who come after, dying before write n + 1 looks the same.
    Crash(usize),
    /// Write n is not sent, once.
    Refused(usize),
    /// Write n is sent and its answer is lost, once.
    Lost(usize),
    /// Right before write n somebody else writes the same object.
    Conflict(usize),
    /// Write n is answered that the server is busy.
    BusyWrite(usize, Busy),
    /// Read n is answered that the server is busy.
    BusyRead(usize, Busy),
    /// Every n-th read is answered that the server is busy.
    BusyReads(usize, Busy),
    /// Instead of event n of all watches, its watch is told that it has expired, and ends.
    Gone(usize),
    /// After event n of all watches its watch ends.
    Dropped(usize),
    /// Event n of all watches is never delivered.
    Swallowed(usize),
    /// The n-th watch is refused as it begins: what it would go on from is too old.
    GoneAtStart(usize),
    /// Lists have one object a page, and the n-th further page is refused: its token is too old.
    GoneOnPage(usize),
    /// Of the reads whose answer is no longer the first one, the n-th is told that first one.
    Outdated(usize),
}

/// How a server says that it is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy {
    pub(crate) status: u16,
    pub(crate) retry_after: bool,
    /// How many attempts at the same call: the client makes three.
    pub(crate) attempts: usize,
}

impl Busy {
    /// Both codes, with and without `Retry-After`.
    pub(crate) fn all(attempts: usize) -> [Self; 4] {
        [(429, false), (429, true), (503, false), (503, true)].map(|(status, retry_after)| Self {
            status,
            retry_after,
            attempts,
        })
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    Refuse,
    LoseAnswer,
    Rival,
    Busy(Busy),
    Gone,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    AsIs,
    Never,
    Last,
    Expired,
}

/// What is known of the calls so far.
pub(super) struct State {
    pub(super) calls: Vec<Call>,
    pub(super) struck: bool,
    pub(super) events: usize,
    pub(super) reads: usize,
    /// Watches that began.
    pub(super) watches: usize,
    /// Pages of lists after their first one.
    pub(super) pages: usize,
    pub(super) outdated_answers: usize,
    pub(super) first_answers: HashMap<String, Recorded>,
    /// What the next reads of each are told instead of the truth.
    pub(super) outdated: HashMap<String, VecDeque<Recorded>>,
    fault: Fault,
    writes: usize,
    dead: bool,
    /// The call that the server is busy for, and for how many more attempts at it.
    refusing: Option<(String, usize)>,
}

impl State {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            calls: Vec::new(),
            struck: false,
            events: 0,
            reads: 0,
            watches: 0,
            pages: 0,
            outdated_answers: 0,
            first_answers: HashMap::new(),
            outdated: HashMap::new(),
            fault,
            writes: 0,
            dead: false,
            refusing: None,
        }
    }

    pub(super) fn arm(&mut self, fault: Fault) {
        (self.writes, self.reads, self.events) = (0, 0, 0);
        (self.watches, self.pages) = (0, 0);
        (self.fault, self.struck) = (fault, false);
    }

    pub(super) fn decide(&mut self, method: &Method, uri: &str) -> Fate {
        if self.dead {
            return Fate::Refuse;
        }
        let fate = if reads(method) {
            self.reads += 1;
            self.at_read(uri)
        } else {
            self.writes += 1;
            self.at_write()
        };
        let fate = self.repeated(fate, &format!("{method} {uri}"));
        // A rival strikes when it has found something to write.
        self.struck |= !matches!(fate, Fate::Pass | Fate::Rival);
        self.dead = self.struck && matches!(self.fault, Fault::Crash(_));
        fate
    }

    fn at_read(&mut self, uri: &str) -> Fate {
        let (watch, page) = (uri.contains("watch="), uri.contains("continue="));
        self.watches += usize::from(watch);
        self.pages += usize::from(page);
        match self.fault {
            Fault::GoneAtStart(n) if watch && n == self.watches => Fate::Gone,
            Fault::GoneOnPage(n) if page && n == self.pages => Fate::Gone,
            Fault::BusyRead(n, busy) if n == self.reads => Fate::Busy(busy),
            Fault::BusyReads(n, busy) if self.reads.is_multiple_of(n) => Fate::Busy(busy),
            _ => Fate::Pass,
        }
    }

    const fn at_write(&self) -> Fate {
        match self.fault {
            Fault::Crash(n) if n < self.writes => Fate::Refuse,
            Fault::Crash(n) if n == self.writes => Fate::LoseAnswer,
            Fault::Refused(n) if n == self.writes => Fate::Refuse,
            Fault::Lost(n) if n == self.writes => Fate::LoseAnswer,
            Fault::Conflict(n) if n == self.writes => Fate::Rival,
            Fault::BusyWrite(n, busy) if n == self.writes => Fate::Busy(busy),
            _ => Fate::Pass,
        }
    }

    /// Further attempts at a call that the server was busy for.
    fn repeated(&mut self, fate: Fate, call: &str) -> Fate {
        match (fate, &mut self.refusing, self.fault) {
            (Fate::Busy(busy), refusing, _) => {
                *refusing = Some((call.to_owned(), busy.attempts - 1));
                fate
            }
            (
                Fate::Pass,
                Some((same, left @ 1..)),
                Fault::BusyWrite(_, busy) | Fault::BusyRead(_, busy),
            ) if same == call => {
                *left -= 1;
                Fate::Busy(busy)
            }
            _ => fate,
        }
    }

    /// Whether pages are as small as can be.
    pub(super) const fn pages_of_one(&self) -> bool {
        matches!(self.fault, Fault::GoneOnPage(_))
    }

    pub(super) fn delivery(&mut self) -> Delivery {
        self.events += 1;
        let delivery = match self.fault {
            Fault::Gone(n) if n == self.events => Delivery::Expired,
            Fault::Dropped(n) if n == self.events => Delivery::Last,
            Fault::Swallowed(n) if n == self.events => Delivery::Never,
            _ => Delivery::AsIs,
        };
        self.struck |= delivery != Delivery::AsIs;
        delivery
    }

    /// What a read is told, given what it should be told.
    pub(super) fn told(&mut self, uri: &str, truth: Recorded) -> Recorded {
        let outdated = self.outdated.get_mut(uri);
        if let Some(outdated) = outdated.and_then(VecDeque::pop_front)
            && outdated.body != truth.body
        {
            self.outdated_answers += 1;
            self.struck = true;
            return outdated;
        }
        let first = self.first_answers.entry(uri.to_owned());
        let first = first.or_insert_with(|| truth.clone());
        if first.body == truth.body {
            return truth;
        }
        self.outdated_answers += 1;
        if self.fault == Fault::Outdated(self.outdated_answers) {
            self.struck = true;
            return first.clone();
        }
        truth
    }
}

pub(super) fn reads(method: &Method) -> bool {
    *method == Method::GET
}
