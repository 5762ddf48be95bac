//! Whether a stage lets the next one start: a fact of the present look, never a sleep.

use std::collections::BTreeSet;

use crate::component::Component;
use crate::object::Kind;
use crate::observed::Observed;
use crate::plan::draft::{MissingKey, Sketch};
use crate::plan::{Change, Desired, Gate, Item, StageName, Wait, model_servers};
use crate::reason::Reason;
use crate::rollout::{self, JobState, Rollout};

/// What one object does to the gate.
enum Verdict {
    Open,
    Waits(Wait),
    Fails(Wait),
}

/// The gate of a stage.
pub(crate) fn of(stage: StageName, items: &[Item], sketch: &Sketch<'_>) -> Gate {
    let observed = sketch.observed;
    let mut waits = Vec::new();
    let mut failures = Vec::new();
    for item in items {
        match verdict(item, observed) {
            Verdict::Open => {}
            Verdict::Waits(wait) => waits.push(wait),
            Verdict::Fails(wait) => failures.push(wait),
        }
    }
    if stage == StageName::Foundation {
        waits.extend(
            sketch
                .missing_kinds
                .iter()
                .map(|(component, kind)| missing_kind(*component, *kind)),
        );
        waits.extend(foreign_secrets(items, &sketch.missing));
        if waits.is_empty() && !observed.hash_key_present {
            waits.push(Wait {
                component: Component::Platform,
                reason: Reason::GeneratingSecrets,
                message: "The key for configuration hashes is being generated.".to_owned(),
            });
        }
    }
    // At the last stage, so that nothing else waits for them.
    if stage == StageName::Gateway {
        waits.extend(model_servers::missing_secrets(sketch));
    }
    if !failures.is_empty() {
        failures.extend(waits);
        Gate::Failed(failures)
    } else if waits.is_empty() {
        Gate::Open
    } else {
        Gate::Waiting(waits)
    }
}

/// Nothing of the later stages is written before the product that they need is there.
fn missing_kind(component: Component, kind: Kind) -> Wait {
    Wait {
        component,
        reason: Reason::DependencyNotInstalled,
        message: format!(
            "The API server does not serve {} of {}. Install the operator that provides it; this \
             operator then continues.",
            kind.kind(),
            kind.api_version(),
        ),
    }
}

/// Secrets that the spec names and that are not there, or lack a key.
fn foreign_secrets(items: &[Item], missing: &BTreeSet<MissingKey>) -> Vec<Wait> {
    let generated = |name: &str| {
        items
            .iter()
            .any(|item| item.key.kind == Kind::Secret && item.key.name == name)
    };
    let missing = missing.iter().filter(|missing| !generated(&missing.secret));
    missing
        .map(
            |MissingKey {
                 component,
                 secret,
                 key,
             }| Wait {
                component: *component,
                reason: Reason::SecretNotFound,
                message: format!(
                    "Secret {secret} does not exist or has no key {key}. Create it; the operator \
                     then continues."
                ),
            },
        )
        .collect()
}

fn verdict(item: &Item, observed: &Observed) -> Verdict {
    let wait = |reason, message: String| Wait {
        component: item.component,
        reason,
        message,
    };
    if item.change == Change::Foreign {
        return Verdict::Fails(wait(
            Reason::NotOwned,
            format!(
                "{} exists and is not owned by this platform, so nothing is written to it. Rename \
                 or delete it; the operator then continues.",
                item.key
            ),
        ));
    }
    if let (Desired::Secret { .. }, Change::Secret(keys)) = (&item.desired, &item.change) {
        return Verdict::Waits(wait(
            Reason::GeneratingSecrets,
            format!(
                "{}: generating the keys {}; the next reconcile uses them.",
                item.key,
                keys.join(", ")
            ),
        ));
    }
    match item.key.kind {
        Kind::Deployment | Kind::StatefulSet | Kind::CnpgCluster => workload(item, observed),
        Kind::Job => job(item, observed),
        _ => Verdict::Open,
    }
}

fn workload(item: &Item, observed: &Observed) -> Verdict {
    let wait = |reason, message: String| Wait {
        component: item.component,
        reason,
        message,
    };
    if item.change != Change::None {
        return Verdict::Waits(wait(
            Reason::Applying,
            format!("{} is being applied.", item.key),
        ));
    }
    let Some(rollout) = progress(item, observed) else {
        return Verdict::Waits(wait(
            Reason::RollingOut,
            format!("{} is starting.", item.key),
        ));
    };
    if rollout.complete {
        return Verdict::Open;
    }
    let words = pod_message(item, observed);
    let (reason, what, next) = if rollout.stuck {
        (
            Reason::ProgressDeadlineExceeded,
            "exceeded its progress deadline",
            "Fix the cause, such as the image or the resources; the operator keeps waiting.",
        )
    } else {
        (
            Reason::RollingOut,
            "is rolling out",
            "The operator continues when it is ready.",
        )
    };
    let counts = format!("{} of {} ready", rollout.ready, rollout.desired);
    Verdict::Waits(wait(
        reason,
        format!("{} {what}: {counts}.{words} {next}", item.key),
    ))
}

/// What the pods of an item report, as a sentence of its message.
fn pod_message(item: &Item, observed: &Observed) -> String {
    observed
        .words
        .get(&item.key)
        .map_or_else(String::new, |said| {
            format!(" {}.", said.trim_end_matches('.'))
        })
}

/// How far the workload of an item is; `None` before its status is known.
pub(crate) fn progress(item: &Item, observed: &Observed) -> Option<Rollout> {
    let body = observed.body(&item.key)?;
    match item.key.kind {
        Kind::Deployment => Some(rollout::deployment(body)),
        Kind::StatefulSet => Some(rollout::stateful_set(body)),
        Kind::CnpgCluster => Some(rollout::cnpg_cluster(body)),
        _ => None,
    }
}

fn job(item: &Item, observed: &Observed) -> Verdict {
    let wait = |reason, message: String| Wait {
        component: item.component,
        reason,
        message,
    };
    let (running, failed) = if item.component == Component::Models {
        (Reason::PullingModels, Reason::ModelPullFailed)
    } else {
        (Reason::MigrationRunning, Reason::MigrationFailed)
    };
    let state = match item.change {
        Change::None => observed
            .body(&item.key)
            .map_or(JobState::Running, rollout::job),
        _ => JobState::Running,
    };
    let words = pod_message(item, observed);
    match state {
        JobState::Succeeded => Verdict::Open,
        JobState::Running => Verdict::Waits(wait(
            running,
            format!(
                "{} is running.{words} Later stages wait for it; components that already run are \
                 not affected.",
                item.key
            ),
        )),
        JobState::Failed => Verdict::Fails(wait(
            failed,
            format!(
                "{} failed.{words} Components that already run are not affected. Fix the cause, \
                 then change the annotation creatorplatform.io/retry to run the Job again.",
                item.key
            ),
        )),
    }
}
