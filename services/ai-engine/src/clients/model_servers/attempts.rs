//! One request, and the servers that are asked for it one after the other.

use std::time::Instant;

use shared_ai_client::FallbackReason;

use super::{Candidate, Inner, Protocol, measured};
use crate::clients::model_error::ModelError;
use crate::domain::failover::{self, Choice};

/// The servers that were asked so far.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    servers: &'a Inner,
    /// In which order they are asked.
    order: Vec<usize>,
    /// The next place of the order.
    next: usize,
    /// Why the first one that was wanted did not do it.
    fallback: Option<FallbackReason>,
    /// What the caller learns if every server fails.
    error: Option<ModelError>,
}

/// A server that is asked now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) candidate: &'a Candidate,
    pub(super) protocol: &'a Protocol,
    /// Whether it is the last server that can be asked.
    pub(super) is_last: bool,
    index: usize,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(servers: &'a Inner, preferred: Option<usize>) -> Self {
        Self {
            servers,
            order: failover::order(servers.list.len(), preferred),
            next: 0,
            fallback: None,
            error: None,
        }
    }

    /// The next server to ask.
    pub(super) fn next(&mut self) -> Option<Attempt<'a>> {
        loop {
            let Choice {
                place,
                index,
                passed_over,
            } = {
                let mut health = self.servers.health.lock().ok()?;
                failover::choose(&mut health, &self.order, self.next, Instant::now())?
            };
            self.fallback = self.fallback.or(passed_over);
            self.next = place + 1;
            let candidate = self.servers.list.get(index)?;
            if let Some(protocol) = &candidate.protocol {
                return Some(Attempt {
                    candidate,
                    protocol,
                    is_last: self.next == self.order.len(),
                    index,
                });
            }
        }
    }

    /// Records that a server has done it; why it was not the first one, if it was not.
    pub(super) fn succeeded(&self, attempt: Attempt<'_>) -> Option<FallbackReason> {
        let (server, purpose) = (attempt.candidate.server.as_str(), self.servers.purpose);
        let is_back = self
            .servers
            .health
            .lock()
            .ok()
            .and_then(|mut health| Some(health.get_mut(attempt.index)?.record_success()));
        if is_back == Some(true) {
            tracing::info!(server, purpose, "model server is available again");
        }
        measured::call(server, purpose, None);
        if let Some(reason) = self.fallback {
            measured::fallback(server, purpose, reason);
        }
        self.fallback
    }

    /// Records that a server has not done it. A failure is logged when it is new, so that a wrong
    /// key is one line and not one for each question.
    pub(super) fn failed(&mut self, attempt: Attempt<'_>, error: ModelError) {
        let (server, purpose) = (attempt.candidate.server.as_str(), self.servers.purpose);
        let reason = error.fallback_reason();
        let is_new = self.servers.health.lock().ok().and_then(|mut health| {
            let asked = health.get_mut(attempt.index)?;
            Some(asked.record_failure(Instant::now(), reason, error.retry_after()))
        });
        // What the last one says goes to the caller, who logs it.
        if is_new == Some(true) && !attempt.is_last {
            log(server, purpose, &attempt.candidate.model, reason, &error);
        }
        measured::call(server, purpose, Some(reason));
        self.fallback = self.fallback.or(Some(reason));
        // One that passes by itself matters more than what comes after it.
        if !self.error.as_ref().is_some_and(ModelError::is_transient) {
            self.error = Some(error);
        }
    }

    /// Why every server has failed.
    pub(super) fn into_error(self) -> ModelError {
        let unusable = || ModelError::Refused("no model server can be used".to_owned());
        self.error.unwrap_or_else(unusable)
    }
}

fn log(
    server: &str,
    purpose: &'static str,
    model: &str,
    reason: FallbackReason,
    error: &ModelError,
) {
    let reason_code = reason.as_str();
    if reason == FallbackReason::Misconfigured {
        tracing::error!(
            %error, server, purpose, model, reason = reason_code,
            "model server refuses requests: check its key, model and url in spec.modelServers"
        );
    } else {
        tracing::warn!(
            %error, server, purpose, model, reason = reason_code,
            "model server failed; asking the next one"
        );
    }
}
