//! The status that follows from a look: conditions, versions, components, pending plan.

use jiff::{Timestamp, Unit};

use crate::api::condition::{Condition, ConditionStatus};
use crate::api::status::PlatformStatus;
use crate::component::Component;
use crate::object::ObjectKey;
use crate::observed::Observed;
use crate::plan::{Plan, Wait};
use crate::reason::Reason;
use crate::resolve::{Invalid, Resolved};

mod backups;
mod calibration;
mod deletion;
mod facts;
pub mod operators;
pub mod pending;
mod proxies;
mod volumes;

/// Longest message of a condition.
const MESSAGE_MAX: usize = 2000;

/// What one reconcile came to. A status is made from nothing else.
#[derive(Debug, Clone)]
pub enum Outcome<'a> {
    /// The spec is wrong; nothing was planned.
    Invalid(&'a Invalid),
    /// The present state could not be read: what the API server said.
    Unobserved(&'a str),
    /// The spec asks for no writes; this is what would be done.
    Suspended(Planned<'a>),
    /// The plan was carried out, as far as its gates allowed.
    Applied(Planned<'a>, &'a Applied),
}

/// A plan and what it was made from.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The platform.
    pub resolved: &'a Resolved,
    /// What was found.
    pub observed: &'a Observed,
    /// What had to be done.
    pub plan: &'a Plan,
}

/// What was done. Only the edge makes one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Objects that were written or deleted.
    pub written: Vec<ObjectKey>,
    /// The writes that did not happen. Nothing that depends on them was written either.
    pub failures: Vec<Failure>,
}

/// Why a write did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Of which object.
    pub key: ObjectKey,
    /// What the API server said.
    pub text: String,
    /// Whether trying again can help.
    pub transient: bool,
}

/// A condition before it is dated.
pub(crate) struct Finding {
    pub(crate) kind: &'static str,
    pub(crate) status: ConditionStatus,
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

/// The status after a reconcile. `lastTransitionTime` moves only with a condition's status, so
/// that the same outcome gives the same bytes at any later time.
pub fn status(
    previous: Option<&PlatformStatus>,
    generation: i64,
    outcome: &Outcome<'_>,
    now: Timestamp,
) -> PlatformStatus {
    let mut status = previous.cloned().unwrap_or_default();
    status.observed_generation = Some(generation);
    status.pending_plan = Vec::new();
    let mut findings = summary(outcome);
    match outcome {
        Outcome::Suspended(planned) | Outcome::Applied(planned, _) => {
            findings.extend(components(planned, known_of(previous)));
            findings.extend(calibration::finding(planned, known_of(previous)));
            findings.extend(proxies::finding(planned.resolved));
            findings.extend(volumes::finding(planned));
            findings.extend(deletion::finding(planned));
            facts::fill(&mut status, planned);
            status.backups = backups::list(&status.backups, planned);
            findings.extend(backups::findings(planned, &status.backups, previous, now));
            if matches!(outcome, Outcome::Suspended(_)) {
                status.pending_plan = pending::lines(planned.plan);
            }
        }
        // What the components are is not known in this look: they keep what was last said.
        Outcome::Invalid(_) | Outcome::Unobserved(_) => {
            let known = status
                .conditions
                .iter()
                .filter(|old| !is_summary(&old.kind));
            let kept: Vec<Condition> = known.cloned().collect();
            status.conditions = dated(known_of(previous), findings, generation, now);
            status.conditions.extend(kept);
            return status;
        }
    }
    status.conditions = dated(known_of(previous), findings, generation, now);
    status
}

fn known_of(previous: Option<&PlatformStatus>) -> &[Condition] {
    previous.map_or(&[], |status| &status.conditions)
}

/// A condition as it is known already.
fn remembered(kind: &'static str, known: &[Condition]) -> Option<Finding> {
    let known = known.iter().find(|condition| condition.kind == kind)?;
    Some(Finding {
        kind,
        status: known.status,
        reason: Reason::from_name(&known.reason)?,
        message: known.message.clone(),
    })
}

fn is_summary(kind: &str) -> bool {
    matches!(kind, "Ready" | "Reconciling" | "Stalled")
}

/// Ready, Reconciling and Stalled, as kstatus reads them.
fn summary(outcome: &Outcome<'_>) -> Vec<Finding> {
    let (verdict, reason, message) = verdict(outcome);
    let is = |wanted: Verdict| {
        if verdict == wanted {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        }
    };
    [
        ("Ready", Verdict::Ready),
        ("Reconciling", Verdict::Moving),
        ("Stalled", Verdict::Stalled),
    ]
    .into_iter()
    .map(|(kind, wanted)| Finding {
        kind,
        status: is(wanted),
        reason,
        message: message.clone(),
    })
    .collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ready,
    Moving,
    Stalled,
    /// Neither: somebody asked for rest.
    Resting,
}

fn verdict(outcome: &Outcome<'_>) -> (Verdict, Reason, String) {
    match outcome {
        Outcome::Invalid(invalid) => (
            Verdict::Stalled,
            Reason::InvalidSpec,
            format!("{invalid}. Correct the spec; nothing is changed until then."),
        ),
        Outcome::Unobserved(text) => (
            Verdict::Moving,
            Reason::ObserveFailed,
            format!(
                "The current state could not be read: {text}. The operator retries with increasing \
                 delays."
            ),
        ),
        Outcome::Suspended(planned) => suspended(planned.plan),
        Outcome::Applied(_, applied) if !applied.failures.is_empty() => failed(&applied.failures),
        Outcome::Applied(planned, _) => planned_verdict(planned),
    }
}

fn suspended(plan: &Plan) -> (Verdict, Reason, String) {
    let changes = pending::count(plan);
    let message = format!(
        "Suspended: {changes} change(s) are pending, see status.pendingPlan. Set spec.suspend to \
         false to apply them."
    );
    let ready = plan.is_empty() && plan.is_complete();
    (
        if ready {
            Verdict::Ready
        } else {
            Verdict::Resting
        },
        Reason::Suspended,
        message,
    )
}

/// A write that the API server rejects is worse than one that may well succeed later.
fn failed(failures: &[Failure]) -> (Verdict, Reason, String) {
    let rejected: Vec<String> = failures
        .iter()
        .filter(|failure| !failure.transient)
        .map(|failure| format!("The API server rejected {}: {}.", failure.key, failure.text))
        .collect();
    if !rejected.is_empty() {
        let message = format!(
            "{} Change the spec, or what rejects it; the operator retries with increasing delays. \
             What does not depend on it was applied.",
            rejected.join(" ")
        );
        return (Verdict::Stalled, Reason::ApplyFailed, message);
    }
    let later: Vec<String> = failures
        .iter()
        .map(|failure| format!("{} could not be written: {}.", failure.key, failure.text))
        .collect();
    let message = format!("{} The operator retries.", later.join(" "));
    (Verdict::Moving, Reason::ApplyFailed, message)
}

fn planned_verdict(planned: &Planned<'_>) -> (Verdict, Reason, String) {
    let plan = planned.plan;
    if plan.is_complete() {
        let version = &planned.resolved.spec.version;
        let message = format!("All components of version {version} are ready.");
        return (Verdict::Ready, Reason::Reconciled, message);
    }
    let waits = plan.waits();
    let reason = waits.first().map_or(Reason::Applying, |wait| wait.reason);
    let messages: Vec<&str> = waits.iter().map(|wait| wait.message.as_str()).collect();
    let verdict = if plan.has_failed() {
        Verdict::Stalled
    } else {
        Verdict::Moving
    };
    (verdict, reason, messages.join(" "))
}

/// One condition per component.
fn components(planned: &Planned<'_>, known: &[Condition]) -> Vec<Finding> {
    let finding = |component: Component| {
        let waits = planned.plan.part(component).map(|part| part.gate.waits());
        let wait = waits.and_then(<[Wait]>::first);
        match component {
            Component::Backups => return None,
            Component::Restore => return backups::restored(planned, wait, known),
            _ => {}
        }
        if !facts::has_workload(planned.plan, component) && wait.is_none() {
            return external(component);
        }
        Some(component_finding(planned, component, wait))
    };
    Component::all().into_iter().filter_map(finding).collect()
}

fn external(component: Component) -> Option<Finding> {
    (component != Component::Platform).then(|| Finding {
        kind: component.condition(),
        status: ConditionStatus::True,
        reason: Reason::External,
        message:
            "Not managed by this operator. Services report in /readyz whether it is available."
                .to_owned(),
    })
}

/// A component that serves is ready, also while its pods are replaced or a change of it waits: that
/// the spec is not reached yet stands in `Ready`, and here in reason and message. One that is as
/// the spec asks and still waits for something serves in part only.
fn component_finding(planned: &Planned<'_>, component: Component, wait: Option<&Wait>) -> Finding {
    let kind = component.condition();
    if let Some(wait) = wait {
        let serves = facts::serves(planned, component) && facts::is_moving(planned, component);
        return Finding {
            kind,
            status: if serves {
                ConditionStatus::True
            } else {
                ConditionStatus::False
            },
            reason: wait.reason,
            message: wait.message.clone(),
        };
    }
    Finding {
        kind,
        status: ConditionStatus::True,
        reason: if component == Component::Migration {
            Reason::MigrationsApplied
        } else {
            Reason::Reconciled
        },
        message: facts::shortfall(planned, component).unwrap_or_default(),
    }
}

pub(crate) fn dated(
    known: &[Condition],
    findings: Vec<Finding>,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let now = now.round(Unit::Second).unwrap_or(now);
    let before = |kind: &str| known.iter().find(|old| old.kind == kind);
    findings
        .into_iter()
        .map(
            |Finding {
                 kind,
                 status,
                 reason,
                 message,
             }| Condition {
                kind: kind.to_owned(),
                status,
                reason: reason.name().to_owned(),
                message: message.chars().take(MESSAGE_MAX).collect(),
                observed_generation: generation,
                last_transition_time: before(kind)
                    .filter(|old| old.status == status)
                    .map_or(now, |old| old.last_transition_time),
            },
        )
        .collect()
}
