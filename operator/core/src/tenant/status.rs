//! The status of a Tenant that follows from a look.

use jiff::Timestamp;

use super::facts::OwnerSecret;
use super::plan::{Verdict, VerdictKind, owner_not_accepted, owner_taken};
use super::quotas;
use super::wire::Account;
use super::{Facts, owner_secret};
use crate::api::condition::ConditionStatus;
use crate::api::tenant::{Erasure, TenantStatus};
use crate::api::workload::NameRef;
use crate::reason::Reason;
use crate::resolve::Invalid;
use crate::status::{Finding, dated};

/// What one look came to. A status is made from nothing else.
#[derive(Debug, Clone)]
pub enum Outcome<'a> {
    /// The spec is wrong; nothing was planned.
    Invalid(&'a Invalid),
    /// The present state could not be read: what was said.
    Unobserved(&'a str),
    /// The plan was carried out, as far as it went.
    Applied(&'a Facts, &'a Verdict, &'a Applied),
}

/// What was done. Only the edge makes one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Applied {
    /// How many things were written.
    pub writes: usize,
    /// The account as auth described it after a change.
    pub account: Option<Account>,
    /// Whether the owner's Secret was written.
    pub owner_secret: bool,
    /// How far the erasure is.
    pub erasure: Option<Erasure>,
    /// Whether the Tenant was let go: then it has no status any more.
    pub released: bool,
    /// Why it stopped.
    pub failure: Option<Failure>,
}

/// Why a plan was not carried out to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may well work later, with nobody doing anything.
    Transient(String),
    /// The owner's address has an account.
    OwnerTaken,
    /// It was refused, and will be again.
    Refused(String),
}

/// The status after a look.
pub fn status(
    name: &str,
    previous: Option<&TenantStatus>,
    generation: i64,
    outcome: &Outcome<'_>,
    now: Timestamp,
) -> TenantStatus {
    let mut status = previous.cloned().unwrap_or_default();
    status.observed_generation = Some(generation);
    if let Outcome::Applied(facts, _, applied) = outcome {
        let account = applied.account.as_ref().or(facts.account.as_ref());
        if let Some(account) = account {
            status.creator_id = Some(account.creator_id.clone());
            status.provisioned_at = Some(account.provisioned_at.clone());
            status.usage = Some(account.usage);
            // Those that the account has, not those that it shall have.
            let limits = account.observed.quotas.as_ref().map(quotas::limits);
            status.limits = limits.or(status.limits);
        }
        let there = applied.owner_secret || facts.owner_secret == OwnerSecret::Ours;
        status.owner_secret_ref = there.then(|| NameRef {
            name: owner_secret(name),
        });
        if let Some(erasure) = &applied.erasure {
            status.erasure = Some(erasure.clone());
        }
    }
    let known = previous.map_or(&[][..], |status| &status.conditions);
    let mut findings = findings(outcome, status.creator_id.is_some());
    findings.extend(quotas::within_quotas(&status));
    status.conditions = dated(known, findings, generation, now);
    status
}

fn findings(outcome: &Outcome<'_>, provisioned: bool) -> Vec<Finding> {
    let Verdict {
        kind,
        reason,
        message,
    } = verdict(outcome);
    let is = |holds: bool| {
        if holds {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        }
    };
    let summary = [
        ("Ready", VerdictKind::Ready),
        ("Reconciling", VerdictKind::Moving),
        ("Stalled", VerdictKind::Stalled),
    ];
    let mut findings: Vec<Finding> = summary
        .into_iter()
        .map(|(name, wanted)| Finding {
            kind: name,
            status: is(kind == wanted),
            reason,
            message: message.clone(),
        })
        .collect();
    findings.push(Finding {
        kind: "Provisioned",
        status: is(provisioned),
        reason: if provisioned {
            Reason::Reconciled
        } else {
            reason
        },
        message: String::new(),
    });
    findings
}

fn verdict(outcome: &Outcome<'_>) -> Verdict {
    let told = |kind, reason, message| Verdict {
        kind,
        reason,
        message,
    };
    match outcome {
        Outcome::Invalid(invalid) => told(
            VerdictKind::Stalled,
            Reason::InvalidSpec,
            format!("{invalid}. Correct the spec; nothing is changed until then."),
        ),
        Outcome::Unobserved(text) => told(
            VerdictKind::Moving,
            Reason::ObserveFailed,
            format!(
                "The current state could not be read: {text}. The operator retries with increasing \
                 delays."
            ),
        ),
        Outcome::Applied(facts, verdict, applied) => match &applied.failure {
            None => (*verdict).clone(),
            Some(Failure::OwnerTaken) if facts.guest => owner_not_accepted(),
            Some(Failure::OwnerTaken) => owner_taken("another account"),
            Some(Failure::Transient(text)) => told(
                VerdictKind::Moving,
                Reason::ProvisioningFailed,
                format!("{text}. The operator retries with increasing delays."),
            ),
            Some(Failure::Refused(text)) => told(
                VerdictKind::Stalled,
                Reason::TenantRejected,
                format!("The platform rejected the Tenant: {text}. Correct the spec."),
            ),
        },
    }
}
