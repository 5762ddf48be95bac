//! The status that follows from a look: conditions, versions, components, pending plan.

use std::collections::BTreeMap;

use jiff::{Timestamp, Unit};

use crate::api::condition::{Condition, ConditionStatus};
use crate::api::status::PlatformStatus;
use crate::component::Component;
use crate::object::ObjectKey;
use crate::observed::Observed;
use crate::plan::{Gate, Plan, Wait};
use crate::reason::Reason;
use crate::resolve::{Invalid, Resolved};

mod calibration;
mod facts;
pub mod operators;
pub mod pending;
mod proxies;

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
    /// Why it stopped before its gates made it.
    pub failure: Option<Failure>,
}

/// Why applying stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// At which object.
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
            findings.extend(components(planned));
            findings.extend(calibration::finding(planned, known_of(previous)));
            findings.extend(proxies::finding(planned.resolved));
            facts::fill(&mut status, planned);
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
        Outcome::Applied(planned, applied) => match &applied.failure {
            Some(failure) => failed(failure),
            None => planned_verdict(planned),
        },
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

fn failed(failure: &Failure) -> (Verdict, Reason, String) {
    let Failure {
        key,
        text,
        transient,
    } = failure;
    if *transient {
        let message = format!("{key} could not be written: {text}. The operator retries.");
        return (Verdict::Moving, Reason::ApplyFailed, message);
    }
    let message = format!(
        "The API server rejected {key}: {text}. Change the spec, or what rejects it; the operator \
         retries with increasing delays."
    );
    (Verdict::Stalled, Reason::ApplyFailed, message)
}

fn planned_verdict(planned: &Planned<'_>) -> (Verdict, Reason, String) {
    match planned
        .plan
        .blocked_at()
        .map(|stage| (stage.name, &stage.gate))
    {
        None => {
            let version = &planned.resolved.spec.version;
            let message = format!("All components of version {version} are ready.");
            (Verdict::Ready, Reason::Reconciled, message)
        }
        Some((stage, Gate::Failed(waits))) => {
            (Verdict::Stalled, first(waits), told(stage.name(), waits))
        }
        Some((stage, Gate::Waiting(waits))) => {
            (Verdict::Moving, first(waits), told(stage.name(), waits))
        }
        Some((_, Gate::Open)) => (Verdict::Ready, Reason::Reconciled, String::new()),
    }
}

fn first(waits: &[Wait]) -> Reason {
    waits.first().map_or(Reason::Applying, |wait| wait.reason)
}

fn told(stage: &str, waits: &[Wait]) -> String {
    let words: Vec<&str> = waits.iter().map(|wait| wait.message.as_str()).collect();
    format!("Stage {stage}: {}", words.join(" "))
}

/// One condition per component.
fn components(planned: &Planned<'_>) -> Vec<Finding> {
    let mut waits: BTreeMap<Component, &Wait> = BTreeMap::new();
    let mut earlier: BTreeMap<Component, bool> = BTreeMap::new();
    for (stage, started) in planned.plan.in_turn() {
        for item in &stage.items {
            let late = earlier.entry(item.component).or_default();
            *late |= !started && facts::gates(item);
        }
        if let Gate::Waiting(all) | Gate::Failed(all) = &stage.gate {
            for wait in all {
                waits.entry(wait.component).or_insert(wait);
            }
        }
    }
    let finding = |component: Component| {
        if !facts::has_workload(planned.plan, component) && !waits.contains_key(&component) {
            return external(component);
        }
        let wait = waits.get(&component);
        let late = earlier.get(&component).copied().unwrap_or_default();
        Some(component_finding(planned, component, wait.copied(), late))
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

fn component_finding(
    planned: &Planned<'_>,
    component: Component,
    wait: Option<&Wait>,
    late: bool,
) -> Finding {
    let kind = component.condition();
    match wait {
        // What runs already is judged by what it is, not by what its successor waits for.
        Some(wait) if !(late && facts::runs(planned, component)) => Finding {
            kind,
            status: ConditionStatus::False,
            reason: if late && wait.reason == Reason::Applying {
                Reason::DependencyNotReady
            } else {
                wait.reason
            },
            message: if late && wait.reason == Reason::Applying {
                "Waiting for an earlier stage; see the message of the Ready condition.".to_owned()
            } else {
                wait.message.clone()
            },
        },
        _ => Finding {
            kind,
            status: ConditionStatus::True,
            reason: if component == Component::Migration {
                Reason::MigrationsApplied
            } else {
                Reason::Reconciled
            },
            message: String::new(),
        },
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
