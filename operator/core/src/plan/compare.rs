//! What has to be done with an object, from what it shall be and how it stands.

use serde_json::Value;

use crate::api::policy::Drift;
use crate::hash;
use crate::object::{Kind, ObjectKey};
use crate::observed::{Live, Observed, View};
use crate::plan::differences::{self, Differences};
use crate::plan::{APPLIED_HASH, Change, Desired, Generate, job};
use crate::rollout;

/// The path of a change of which only the hash is known to differ; reading the object tells more.
pub const UNREAD: &str = "*";
/// Most paths that one change names.
const PATHS_MAX: usize = 20;

/// The result of a comparison.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Compared {
    pub(crate) change: Change,
    pub(crate) tolerated: Vec<String>,
    pub(crate) removal: Option<Value>,
    pub(crate) keep_replicas: Option<i64>,
}

impl From<Change> for Compared {
    fn from(change: Change) -> Self {
        Self {
            change,
            ..Self::default()
        }
    }
}

/// What has to be done with one object. `holds_data` tells whether data exists that keys of
/// Secrets may have encrypted.
pub(crate) fn compare(
    key: &ObjectKey,
    desired: &Desired,
    observed: &Observed,
    drift: Drift,
    holds_data: bool,
) -> Compared {
    let live = observed.live(key);
    if live.is_some_and(|live| !live.owned) {
        return Change::Foreign.into();
    }
    if live.is_some_and(Live::is_deleting) {
        return Change::Deleting.into();
    }
    match (desired, live) {
        (Desired::Secret { body, generate }, live) => {
            secret(key, body, generate, observed, live, holds_data).into()
        }
        (_, None) => Change::Create.into(),
        (Desired::CreateOnce(_), Some(_)) => Change::None.into(),
        (Desired::Apply(body), Some(live)) => against(key.kind, body, live, drift),
    }
}

fn secret(
    key: &ObjectKey,
    body: &Value,
    generate: &[(String, Generate)],
    observed: &Observed,
    live: Option<&Live>,
    holds_data: bool,
) -> Change {
    let missing = generate
        .iter()
        .filter(|(name, _)| !observed.has_secret(&key.name, name));
    let (lost, missing): (Vec<_>, Vec<_>) =
        missing.partition(|(_, how)| holds_data && *how == Generate::DataKey32);
    if !lost.is_empty() {
        Change::Lost(names(&lost))
    } else if missing.is_empty() {
        live.map_or(Change::None, |live| metadata_change(body, live))
    } else {
        Change::Secret(names(&missing))
    }
}

fn names(keys: &[&(String, Generate)]) -> Vec<String> {
    keys.iter().map(|(name, _)| name.clone()).collect()
}

/// Of a Secret only the metadata is compared: its values are never put right. It carries no
/// hash; what was applied is known to the process that applied it.
fn metadata_change(desired: &Value, live: &Live) -> Change {
    let body = match &live.view {
        View::Body(body) => body,
        View::Unmoved { applied } | View::Settled { applied, .. } => {
            let same = *applied == hash::of_value(desired);
            return update(if same {
                Vec::new()
            } else {
                vec![UNREAD.to_owned()]
            });
        }
    };
    let (ours, theirs) = (&desired["metadata"], &body["metadata"]);
    let found = differences::between(Kind::Secret, "metadata", ours, theirs, &live.accepted);
    let mut paths = found.paths;
    // The platform as an owner that the spec no longer asks for: an apply takes it away.
    if ours["ownerReferences"].is_null() && has_controller(theirs) {
        paths.push("metadata.ownerReferences".to_owned());
    }
    update(paths)
}

/// Whether an object of ours has a controller, which can only be the platform.
fn has_controller(metadata: &Value) -> bool {
    let owners = metadata["ownerReferences"].as_array();
    let mut owners = owners.into_iter().flatten();
    owners.any(|owner| owner["controller"] == true)
}

fn update(mut paths: Vec<String>) -> Change {
    paths.truncate(PATHS_MAX);
    if paths.is_empty() {
        Change::None
    } else {
        Change::Update(paths)
    }
}

fn against(kind: Kind, desired: &Value, live: &Live, drift: Drift) -> Compared {
    let hash = applied_hash(desired).unwrap_or_default();
    let body = match &live.view {
        View::Unmoved { applied } | View::Settled { applied, .. } => {
            return Compared {
                tolerated: live.tolerated.clone(),
                ..unread(applied == hash, live, drift).into()
            };
        }
        View::Body(body) => body,
    };
    let mut found = differences::between(kind, "", desired, body, &live.accepted);
    let annotation = format!("metadata.annotations.{APPLIED_HASH}");
    if found.paths.len() > 1 {
        found.paths.retain(|path| *path != annotation);
    }
    if kind == Kind::Job {
        if job::is_superseded(body, desired) {
            let why = "it has not begun, and its template changed".to_owned();
            return Change::Replace(why).into();
        }
        // What others add to a Job is part of its pods from the start.
        return job_change(body, found.paths).into();
    }
    if let Some(path) = found.paths.iter().find(|path| is_immutable(kind, path)) {
        return Change::Replace(format!("{path} is immutable")).into();
    }
    with_additions(found, keep_replicas(desired, body, live), drift)
}

/// Of an object that was not read again: only its hash, and what was noted when it was read.
fn unread(same: bool, live: &Live, drift: Drift) -> Change {
    let is_new = |path: &String| !live.accepted.contains_key(path);
    let repair = drift == Drift::Repair && live.tolerated.iter().any(is_new);
    if same && !repair {
        Change::None
    } else {
        Change::Update(vec![UNREAD.to_owned()])
    }
}

/// What others added stays, or is removed by a patch of its own: an apply leaves it alone.
fn with_additions(found: Differences, keep_replicas: Option<i64>, drift: Drift) -> Compared {
    let Differences {
        mut paths,
        additions,
        removal,
        conflicts,
        removal_of_conflicts,
        ..
    } = found;
    let (removal, tolerated) = match drift {
        Drift::Repair => {
            paths.extend(additions);
            (removal, Vec::new())
        }
        Drift::Tolerate => (removal_of_conflicts, additions),
    };
    paths.extend(conflicts);
    if keep_replicas.is_some() {
        paths.push("spec.replicas".to_owned());
    }
    Compared {
        change: update(paths),
        tolerated,
        removal,
        keep_replicas,
    }
}

/// The replicas that a Deployment has while an autoscaler takes the field over: left out of an
/// apply, a field that only the operator set falls back to its default, one replica.
fn keep_replicas(desired: &Value, body: &Value, live: &Live) -> Option<i64> {
    let leaves_out = desired["spec"].get("replicas").is_none();
    (leaves_out && live.owns_replicas)
        .then(|| body["spec"]["replicas"].as_i64())
        .flatten()
}

/// What may be changed of anything, also of what is else immutable.
fn is_of_labels(paths: &[String]) -> bool {
    let mut paths = paths.iter();
    paths.all(|path| path.starts_with("metadata.labels") || path.starts_with("metadata.owner"))
}

/// A Job cannot be changed. One that runs is left to end, one that did its work is left alone,
/// one that failed is tried again with what is new.
fn job_change(live: &Value, paths: Vec<String>) -> Change {
    if paths.is_empty() || is_of_labels(&paths) {
        return update(paths);
    }
    if rollout::job(live) == rollout::JobState::Failed {
        return Change::Replace(format!("the Job failed and {} changed", paths.join(", ")));
    }
    Change::None
}

/// The hash annotation of a body.
pub(crate) fn applied_hash(body: &Value) -> Option<&str> {
    body.get("metadata")?
        .get("annotations")?
        .get(APPLIED_HASH)?
        .as_str()
}

fn is_immutable(kind: Kind, path: &str) -> bool {
    let fixed: &[&str] = match kind {
        Kind::StatefulSet => &[
            "spec.selector",
            "spec.serviceName",
            "spec.podManagementPolicy",
            "spec.volumeClaimTemplates",
        ],
        Kind::Deployment => &["spec.selector"],
        Kind::Service => &["spec.clusterIP"],
        _ => &[],
    };
    fixed.iter().any(|prefix| path.starts_with(prefix))
}
