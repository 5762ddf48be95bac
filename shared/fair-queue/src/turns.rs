//! Callers that wait for their turn.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::queue::{Arrival, FairQueue, Held, QueueFull, QueueLimits, Ticket};

/// Callers that take turns. Clones share the slots and the queue.
#[derive(Debug)]
pub struct Turns<T: Copy + Ord, C: Copy + Ord>(Arc<Mutex<State<T, C>>>);

impl<T: Copy + Ord, C: Copy + Ord> Clone for Turns<T, C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct State<T, C> {
    queue: FairQueue<T, C>,
    /// Wakes a waiting call when its turn comes; dropped when it loses its place.
    waiting: HashMap<Ticket, oneshot::Sender<()>>,
}

/// Why a call was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotEntered {
    /// The queue has no room for it.
    Full(QueueFull),
    /// It would wait longer than its caller wants to.
    ExpectedTooLong,
}

/// The queue was full, and another call was due the place of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another call was due the place in the queue")]
pub struct Displaced;

/// A running or waiting call. It ends when this is dropped.
#[derive(Debug)]
pub struct Place<T: Copy + Ord, C: Copy + Ord> {
    turns: Turns<T, C>,
    ticket: Ticket,
    /// Whether it says how long calls take.
    is_typical: AtomicBool,
}

/// A call that was accepted. It leaves the queue when this is dropped.
#[derive(Debug)]
pub struct Entered<T: Copy + Ord, C: Copy + Ord> {
    place: Place<T, C>,
    /// None if it runs already.
    turn: Option<oneshot::Receiver<()>>,
}

impl<T: Copy + Ord, C: Copy + Ord> Turns<T, C> {
    /// With all slots free.
    pub fn new(limits: QueueLimits) -> Self {
        Self(Arc::new(Mutex::new(State {
            queue: FairQueue::new(limits),
            waiting: HashMap::new(),
        })))
    }

    /// Accepts a call among the running ones or in the queue, unless it would wait longer than
    /// `longest`.
    pub fn enter(
        &self,
        tenant: T,
        class: C,
        longest: Option<Duration>,
    ) -> Result<Entered<T, C>, NotEntered> {
        let mut state = self.state();
        if longest.is_some() && state.queue.expected_wait(tenant, class) > longest {
            return Err(NotEntered::ExpectedTooLong);
        }
        let arrived = state.queue.arrive(tenant, class, Instant::now());
        let Arrival {
            ticket,
            is_running,
            displaced,
        } = arrived.map_err(NotEntered::Full)?;
        if let Some(displaced) = displaced {
            state.waiting.remove(&displaced);
        }
        let turn = if is_running {
            None
        } else {
            let (sender, turn) = oneshot::channel();
            state.waiting.insert(ticket, sender);
            Some(turn)
        };
        drop(state);
        let place = Place {
            turns: self.clone(),
            ticket,
            is_typical: AtomicBool::new(false),
        };
        Ok(Entered { place, turn })
    }

    /// How long a call that arrives now would probably wait; none while that is not known.
    pub fn expected_wait(&self, tenant: T, class: C) -> Option<Duration> {
        self.state().queue.expected_wait(tenant, class)
    }

    /// Whether no call runs or waits.
    pub fn is_idle(&self) -> bool {
        self.state().queue.is_idle()
    }

    /// Calls that wait.
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State<T, C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Copy + Ord, C: Copy + Ord> Entered<T, C> {
    /// Whether it has to wait.
    pub const fn is_waiting(&self) -> bool {
        self.turn.is_some()
    }

    /// Waits for the turn.
    pub async fn turn(self) -> Result<Place<T, C>, Displaced> {
        let Self { place, turn } = self;
        if let Some(turn) = turn {
            turn.await.map_err(|_| Displaced)?;
        }
        Ok(place)
    }
}

impl<T: Copy + Ord, C: Copy + Ord> Place<T, C> {
    /// Sets whether the length of this call says how long calls take.
    pub fn set_typical(&self, is_typical: bool) {
        self.is_typical.store(is_typical, Ordering::Release);
    }
}

impl<T: Copy + Ord, C: Copy + Ord> Drop for Place<T, C> {
    fn drop(&mut self) {
        let held = if self.is_typical.load(Ordering::Acquire) {
            Held::Typical
        } else {
            Held::Untypical
        };
        let mut state = self.turns.state();
        state.waiting.remove(&self.ticket);
        if let Some(next) = state.queue.end(self.ticket, Instant::now(), held)
            && let Some(turn) = state.waiting.remove(&next)
        {
            // If its caller leaves at this moment, its place is dropped and ends there.
            let _ = turn.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    const LIMITS: QueueLimits = QueueLimits {
        slots: 1,
        queue: 3,
        queue_per_tenant: 2,
    };

    #[tokio::test]
    async fn tenants_take_turns_and_a_place_is_passed_on_when_it_is_dropped() {
        let turns = Turns::new(LIMITS);
        let running = turns.enter('a', (), None).unwrap();
        assert!(!running.is_waiting());
        let running = running.turn().await.unwrap();
        let mut second = Box::pin(turns.enter('a', (), None).unwrap().turn());
        let mut other = Box::pin(turns.enter('b', (), None).unwrap().turn());
        assert!(poll!(&mut second).is_pending() && poll!(&mut other).is_pending());
        assert_eq!(turns.waiting(), 2);
        drop(running);
        assert!(poll!(&mut second).is_pending(), "the other tenant is due");
        let other = other.await.unwrap();
        drop(other);
        drop(second.await.unwrap());
        assert!(turns.is_idle());
    }

    #[tokio::test]
    async fn a_caller_that_leaves_frees_its_place_and_a_displaced_one_learns_it() {
        let turns = Turns::new(QueueLimits { queue: 2, ..LIMITS });
        let _running = turns.enter('a', (), None).unwrap().turn().await.unwrap();
        let mut first = Box::pin(turns.enter('a', (), None).unwrap().turn());
        let mut second = Box::pin(turns.enter('a', (), None).unwrap().turn());
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        let full = turns.enter('a', (), None).unwrap_err();
        assert_eq!(full, NotEntered::Full(QueueFull::OfTenant));
        let other = turns.enter('b', (), None).unwrap();
        assert_eq!(second.await.unwrap_err(), Displaced);
        drop((first, other));
        assert_eq!(turns.waiting(), 0);
    }
}
