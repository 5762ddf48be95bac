//! Whether a part is ready, and whether its workloads may be written: facts of the present
//! observation, never a sleep.

use crate::component::Component;
use crate::object::Kind;
use crate::observed::Observed;
use crate::plan::draft::Sketch;
use crate::plan::{Change, Desired, Gate, Item, Wait, model_servers, stores};
use crate::reason::Reason;
use crate::rollout::{self, JobState, Rollout};

/// What one object means for the gate of its part.
enum Verdict {
    Open,
    Waits(Wait),
    Fails(Wait),
}

impl Verdict {
    fn waits(component: Component, reason: Reason, message: String) -> Self {
        Self::Waits(Wait {
            component,
            reason,
            message,
        })
    }
}

/// The gate of a part. `unready` are the parts that it needs and that are not ready.
pub(crate) fn gate(
    component: Component,
    items: &[Item],
    blocked: &[Wait],
    unready: &[Component],
    sketch: &Sketch<'_>,
) -> Gate {
    let mut waits: Vec<Wait> = blocked.to_vec();
    let mut failures = Vec::new();
    let is_held = !blocked.is_empty() || !unready.is_empty();
    for item in items {
        match verdict(item, is_held, unready, sketch.observed) {
            Verdict::Waits(wait) if blocked.is_empty() => waits.push(wait),
            // That a part is blocked says why nothing of it moves.
            Verdict::Open | Verdict::Waits(_) => {}
            Verdict::Fails(wait) => failures.push(wait),
        }
    }
    waits.extend(missing_kinds(component, sketch, |kind| !kind.runs_pods()));
    if component == Component::Service(shared_config::Service::AiEngine) {
        // Nothing needs ai-engine, so that nothing waits for them.
        waits.extend(model_servers::missing_secrets(sketch));
    }
    let (fatal, rest): (Vec<Wait>, Vec<Wait>) =
        waits.into_iter().partition(|wait| is_fatal(wait.reason));
    failures.extend(fatal);
    if !failures.is_empty() {
        failures.extend(rest);
        Gate::Failed(failures)
    } else if rest.is_empty() {
        Gate::Open
    } else {
        Gate::Waiting(rest)
    }
}

/// Whether only a person can end the wait, and the platform is damaged until then.
const fn is_fatal(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NotOwned | Reason::SecretLost | Reason::StoreVersionRefused
    )
}

/// Why the workloads and Jobs of a part must not be written, besides the parts that it needs.
pub(crate) fn blocked(component: Component, items: &[Item], sketch: &Sketch<'_>) -> Vec<Wait> {
    let mut waits: Vec<Wait> = items.iter().filter_map(blocks).collect();
    let runs_pods = items.iter().any(|item| item.key.kind.runs_pods());
    if runs_pods && !sketch.observed.hash_key_present && waits.is_empty() {
        waits.push(Wait {
            component,
            reason: Reason::GeneratingSecrets,
            message: "The key for configuration hashes is being generated.".to_owned(),
        });
    }
    let missing = sketch.missing.iter();
    let missing = missing.filter(|missing| missing.component == component);
    waits.extend(missing.map(|missing| {
        if sketch.makes_secret(&missing.secret) {
            return Wait {
                component,
                reason: Reason::DependencyNotReady,
                message: format!("Waiting for Secret {}.", missing.secret),
            };
        }
        Wait {
            component,
            reason: Reason::SecretNotFound,
            message: format!(
                "Secret {} does not exist or has no key {}. Create it; the operator then \
                 continues.",
                missing.secret, missing.key,
            ),
        }
    }));
    waits.extend(other_job(items, sketch));
    waits.extend(stores::refused(component, items, sketch));
    waits.extend(missing_kinds(component, sketch, Kind::runs_pods));
    waits
}

/// An object that pods cannot do without, and that is not as it must be.
fn blocks(item: &Item) -> Option<Wait> {
    if item.key.kind.is_supplement() {
        return None;
    }
    let wait = |reason, message| {
        Some(Wait {
            component: item.component,
            reason,
            message,
        })
    };
    match &item.change {
        Change::Foreign => wait(Reason::NotOwned, foreign(item)),
        Change::Secret(keys) => wait(
            Reason::GeneratingSecrets,
            format!(
                "{}: generating the keys {}; the next reconcile uses them.",
                item.key,
                keys.join(", ")
            ),
        ),
        Change::Lost(keys) => wait(
            Reason::SecretLost,
            format!(
                "{} lacks the keys {}, and the database holds data that is encrypted with them. \
                 They are not generated again, since that data would be lost. Restore the Secret \
                 from a backup; the operator then continues.",
                item.key,
                keys.join(", ")
            ),
        ),
        Change::Deleting if !item.key.kind.runs_pods() => wait(
            Reason::Applying,
            format!("{} is being deleted; it is created again then.", item.key),
        ),
        _ => None,
    }
}

/// An unfinished Job of the part under another name: two migrations at once would wait for each
/// other, and a part has one Job at a time.
fn other_job(items: &[Item], sketch: &Sketch<'_>) -> Option<Wait> {
    let mut jobs = items.iter().filter(|item| item.key.kind == Kind::Job);
    // Two backups do not disturb each other.
    let job = jobs.find(|item| item.component != Component::Backups)?;
    let prefix = sketch.resolved.object_name(job.component.name());
    let mut others = sketch.observed.objects.iter().filter(|(key, live)| {
        let is_other = key.kind == Kind::Job
            && live.owned
            && **key != job.key
            && key.name.len() == job.key.name.len()
            && key.name.starts_with(&format!("{prefix}-"));
        let state = sketch.observed.body(key).map(rollout::job);
        is_other && state.is_none_or(|state| state == JobState::Running)
    });
    let (key, _) = others.next()?;
    Some(Wait {
        component: job.component,
        reason: running(job.component),
        message: format!(
            "{key} is still running; {} starts when it has ended. Components that already run are \
             not affected.",
            job.key
        ),
    })
}

/// Kinds of other products that a component needs and the API server does not serve.
fn missing_kinds(
    component: Component,
    sketch: &Sketch<'_>,
    which: impl Fn(Kind) -> bool,
) -> impl Iterator<Item = Wait> {
    let kinds = sketch.missing_kinds.iter();
    kinds
        .filter(move |(of, kind)| *of == component && which(*kind))
        .map(|(of, kind)| missing_kind(*of, *kind))
}

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

fn foreign(item: &Item) -> String {
    format!(
        "{} exists and is not owned by this platform, so nothing is written to it. Rename or \
         delete it; the operator then continues.",
        item.key
    )
}

fn verdict(item: &Item, is_held: bool, unready: &[Component], observed: &Observed) -> Verdict {
    let component = item.component;
    if item.change == Change::Foreign && item.key.kind.is_supplement() {
        return Verdict::Fails(Wait {
            component,
            reason: Reason::NotOwned,
            message: foreign(item),
        });
    }
    if matches!(item.desired, Desired::Secret { .. }) || !item.key.kind.runs_pods() {
        return Verdict::Open;
    }
    if item.change != Change::None && is_held {
        let names: Vec<&str> = unready.iter().map(|need| need.name()).collect();
        let message = format!("{} waits for {}.", item.key, names.join(", "));
        return Verdict::waits(component, Reason::DependencyNotReady, message);
    }
    match item.key.kind {
        // A platform is as the spec asks without the backup that a person has asked for; a
        // condition of its own tells how that went.
        Kind::Job if component == Component::Backups => Verdict::Open,
        Kind::Job => job(item, observed),
        _ => workload(item, observed),
    }
}

fn workload(item: &Item, observed: &Observed) -> Verdict {
    let component = item.component;
    if item.change != Change::None {
        let message = format!("{} is being applied.", item.key);
        return Verdict::waits(component, Reason::Applying, message);
    }
    let Some(rollout) = progress(item, observed) else {
        let message = format!("{} is starting.", item.key);
        return Verdict::waits(component, Reason::RollingOut, message);
    };
    if rollout.rolled_out {
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
    let message = format!("{} {what}: {counts}.{words} {next}", item.key);
    Verdict::waits(component, reason, message)
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

/// The reason of a Job that runs.
const fn running(component: Component) -> Reason {
    match component {
        Component::Models => Reason::PullingModels,
        Component::Restore => Reason::RestoreRunning,
        _ => Reason::MigrationRunning,
    }
}

fn job(item: &Item, observed: &Observed) -> Verdict {
    let failed = match item.component {
        Component::Models => Reason::ModelPullFailed,
        Component::Restore => Reason::RestoreFailed,
        _ => Reason::MigrationFailed,
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
        JobState::Running => Verdict::waits(
            item.component,
            running(item.component),
            format!(
                "{} is running.{words} What needs it waits; components that already run are not \
                 affected.",
                item.key
            ),
        ),
        JobState::Failed => Verdict::Fails(Wait {
            component: item.component,
            reason: failed,
            message: format!(
                "{} failed.{words} Components that already run are not affected. Fix the cause, \
                 then change the annotation creatorplatform.io/retry to run the Job again.",
                item.key
            ),
        }),
    }
}
