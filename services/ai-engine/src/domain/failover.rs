//! Which model server is asked next: in order of preference, and not one that failed just now.

use std::time::{Duration, Instant};

use shared_ai_client::FallbackReason;

/// The first pause after a failure; each further failure doubles it.
const FIRST_BACKOFF: Duration = Duration::from_secs(5);
/// The same after a timeout, which costs more than other failures.
const FIRST_TIMEOUT_BACKOFF: Duration = Duration::from_secs(30);
/// The shortest pause, also if a server asks for a shorter one.
const MIN_BACKOFF: Duration = Duration::from_secs(1);
/// The longest pause, also if a server asks for a longer one.
const MAX_BACKOFF: Duration = Duration::from_mins(5);
/// After a refusal that only another configuration ends.
const MISCONFIGURED_BACKOFF: Duration = Duration::from_mins(1);

/// What is known of one use of one server. Callers pass the time, so that this stays pure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ServerHealth {
    /// Failures since the last success.
    failures: u32,
    pause: Option<Pause>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pause {
    /// None: until the process starts again.
    until: Option<Instant>,
    length: Duration,
    reason: FallbackReason,
}

/// The next server to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    /// In the order of asking.
    pub(crate) place: usize,
    /// In the list of the servers.
    pub(crate) index: usize,
    /// Why a server before it was not asked; of the first one.
    pub(crate) passed_over: Option<FallbackReason>,
}

impl ServerHealth {
    /// Of a server that cannot be asked before its configuration changes.
    pub(crate) const fn unusable() -> Self {
        Self {
            failures: 0,
            pause: Some(Pause {
                until: None,
                length: MAX_BACKOFF,
                reason: FallbackReason::Misconfigured,
            }),
        }
    }

    const fn is_unusable(&self) -> bool {
        matches!(&self.pause, Some(pause) if pause.until.is_none())
    }

    /// Permits a call, or says why not. Once a pause has passed, a single call may probe; further
    /// ones wait for another pause unless the probe succeeds.
    fn permit(&mut self, now: Instant) -> Result<(), FallbackReason> {
        let Some(pause) = &mut self.pause else {
            return Ok(());
        };
        match pause.until {
            Some(until) if now >= until => {
                pause.until = Some(now + pause.length);
                Ok(())
            }
            _ => Err(pause.reason),
        }
    }

    /// Why it is left alone now.
    pub(crate) fn paused(&self, now: Instant) -> Option<FallbackReason> {
        let pause = self.pause.as_ref()?;
        pause
            .until
            .is_none_or(|until| now < until)
            .then_some(pause.reason)
    }

    /// Records a call that succeeded; whether the one before had failed.
    pub(crate) fn record_success(&mut self) -> bool {
        self.failures = 0;
        self.pause.take().is_some()
    }

    /// Records a call that failed; whether that is new, so that it should be logged.
    pub(crate) fn record_failure(
        &mut self,
        now: Instant,
        reason: FallbackReason,
        retry_after: Option<Duration>,
    ) -> bool {
        if reason == FallbackReason::TooLong {
            // It says nothing about the next question.
            return true;
        }
        let known = self.pause.as_ref().map(|pause| pause.reason);
        let first = match reason {
            FallbackReason::Timeout => FIRST_TIMEOUT_BACKOFF,
            _ => FIRST_BACKOFF,
        };
        let doubled = first.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        let length = match (reason, retry_after) {
            (FallbackReason::Misconfigured, _) => MISCONFIGURED_BACKOFF,
            (_, Some(asked)) => asked.clamp(MIN_BACKOFF, MAX_BACKOFF),
            (_, None) => doubled.min(MAX_BACKOFF),
        };
        self.pause = Some(Pause {
            until: Some(now + length),
            length,
            reason,
        });
        known != Some(reason)
    }
}

/// The order in which servers are asked: as they are listed, but the preferred one first.
pub(crate) fn order(servers: usize, preferred: Option<usize>) -> Vec<usize> {
    let preferred = preferred.filter(|index| *index < servers);
    let others = (0..servers).filter(|index| Some(*index) != preferred);
    preferred.into_iter().chain(others).collect()
}

/// The next server to ask, from a place in the order on. The last one has no successor, so it is
/// asked also after a failure; a circuit breaker around all of them protects it.
pub(crate) fn choose(
    servers: &mut [ServerHealth],
    order: &[usize],
    first: usize,
    now: Instant,
) -> Option<Choice> {
    let last = order.len().saturating_sub(1);
    let mut passed_over = None;
    for (place, index) in order.iter().copied().enumerate().skip(first) {
        let server = servers.get_mut(index)?;
        match server.permit(now) {
            Err(reason) if place < last || server.is_unusable() => {
                passed_over.get_or_insert(reason);
            }
            _ => {
                return Some(Choice {
                    place,
                    index,
                    passed_over,
                });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
