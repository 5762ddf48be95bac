//! Leases at the API server: carries out what a contender decides.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt};
use operator_core::lease::{Action, Answer, Contender, Record, Timing};
use operator_core::plan::FIELD_MANAGER;
use tokio::time::{sleep, timeout};

use crate::error::code;
use crate::fence::Token;

/// Shorter than the time in which a lease has to be renewed.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);
/// Steps of one attempt: read, write, and once more after a conflict.
const MAX_STEPS: usize = 4;

/// A lease that this process contends for.
pub struct Holding {
    api: Api<Lease>,
    name: String,
    contender: Contender,
    token: Token,
    origin: Instant,
    acquired: Option<MicroTime>,
}

impl Holding {
    /// Contends for the lease of that name; `token` is valid while it is held.
    pub fn new(
        (client, namespace, name): (Client, &str, &str),
        identity: String,
        timing: Timing,
        token: Token,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            contender: Contender::new(identity, timing),
            token,
            origin: Instant::now(),
            acquired: None,
        }
    }

    /// Whether the lease is held now.
    pub fn holds(&self) -> bool {
        self.contender.holds(self.origin.elapsed())
    }

    /// Who else holds it, as far as is known.
    pub fn other_holder(&self) -> Option<&str> {
        self.contender.other_holder()
    }

    /// Contends until the lease is held.
    pub async fn until_held(&mut self) {
        while !self.holds() {
            if let Some(wait) = self.step().await {
                sleep(wait).await;
            }
        }
    }

    /// Renews the lease until it is lost.
    pub async fn until_lost(&mut self) {
        while self.holds() {
            if let Some(wait) = self.step().await {
                sleep(wait.min(self.left())).await;
            }
        }
    }

    /// Tries to get or renew the lease, without waiting for another holder; answers whether it is
    /// held.
    pub async fn try_once(&mut self) -> bool {
        for _ in 0..MAX_STEPS {
            if self.step().await.is_some() {
                break;
            }
        }
        self.holds()
    }

    /// Gives the lease back, if it is held.
    pub async fn release(&mut self) {
        let release = self.contender.release(self.origin.elapsed());
        self.token.set(None);
        if let Some(action) = release
            && self.carry_out(action).await == Answer::Failed
        {
            tracing::warn!(
                lease = self.name,
                "a lease could not be released; it expires by itself"
            );
        }
    }

    /// Does what is due; answers how long to wait if nothing is.
    async fn step(&mut self) -> Option<Duration> {
        let action = match self.contender.next(self.origin.elapsed()) {
            Action::Wait(span) => return Some(span),
            action => action,
        };
        let sent = self.origin.elapsed();
        let answer = self.carry_out(action).await;
        let now = self.origin.elapsed();
        self.contender.answered(sent, now, answer);
        let until = self.contender.valid_until();
        self.token.set(until.map(|until| self.origin + until));
        None
    }

    /// How long the lease is still held.
    fn left(&self) -> Duration {
        let until = self.contender.valid_until().unwrap_or_default();
        until.saturating_sub(self.origin.elapsed())
    }

    async fn carry_out(&mut self, action: Action) -> Answer {
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let name = self.name.clone();
        let result = match action {
            Action::Wait(_) => return Answer::Failed,
            Action::Read => {
                let found = timeout(CALL_TIMEOUT, self.api.get_opt(&name)).await;
                return match found {
                    Ok(Ok(found)) => Answer::Found(found.map(|lease| known(&lease))),
                    Ok(Err(error)) => self.failed(&error),
                    Err(_) => Answer::Failed,
                };
            }
            Action::Create(record) => {
                let body = self.body(None, record);
                timeout(CALL_TIMEOUT, self.api.create(&params, &body)).await
            }
            Action::Replace { version, record } => {
                let body = self.body(Some(version), record);
                timeout(CALL_TIMEOUT, self.api.replace(&name, &params, &body)).await
            }
        };
        match result {
            Ok(Ok(written)) => Answer::Written(known(&written)),
            // A lease that was deleted is read again, as one that another has written.
            Ok(Err(error)) if matches!(code(&error), Some(404 | 409)) => Answer::Conflict,
            Ok(Err(error)) => self.failed(&error),
            Err(_) => Answer::Failed,
        }
    }

    fn failed(&self, error: &kube::Error) -> Answer {
        tracing::warn!(lease = self.name, %error, "a lease could not be read or written");
        Answer::Failed
    }

    fn body(&mut self, version: Option<String>, record: Record) -> Lease {
        let now = MicroTime(Timestamp::now());
        if !self.holds() {
            self.acquired = Some(now.clone());
        }
        let seconds = i32::try_from(record.duration.as_secs()).unwrap_or(i32::MAX);
        Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                resource_version: version,
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                acquire_time: self.acquired.clone(),
                holder_identity: record.holder,
                lease_duration_seconds: Some(seconds),
                lease_transitions: Some(record.transitions),
                renew_time: Some(now),
                ..LeaseSpec::default()
            }),
        }
    }
}

/// What a contender has to know of a lease. One without a duration is not respected.
fn known(lease: &Lease) -> operator_core::lease::Lease {
    let spec = lease.spec.as_ref();
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds);
    let seconds = u64::try_from(seconds.unwrap_or_default()).unwrap_or_default();
    let holder = spec.and_then(|spec| spec.holder_identity.clone());
    operator_core::lease::Lease {
        version: lease.resource_version().unwrap_or_default(),
        holder: holder.filter(|holder| !holder.is_empty()),
        duration: Duration::from_secs(seconds),
        transitions: spec
            .and_then(|spec| spec.lease_transitions)
            .unwrap_or_default(),
    }
}
