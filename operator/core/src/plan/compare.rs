//! What differs between an object as it shall be and as it stands.

use serde_json::Value;

use crate::object::{Kind, ObjectKey};
use crate::observed::{Live, Observed, View};
use crate::plan::{APPLIED_HASH, Change, Desired, job};
use crate::rollout;

/// The path of a change of which only the hash is known to differ; reading the object tells more.
pub const UNREAD: &str = "*";
/// Most paths that one change names.
const PATHS_MAX: usize = 20;

/// What has to be done with one object.
pub(crate) fn change(key: &ObjectKey, desired: &Desired, observed: &Observed) -> Change {
    let live = observed.live(key);
    if live.is_some_and(|live| !live.owned) {
        return Change::Foreign;
    }
    match (desired, live) {
        (Desired::Secret { body, generate }, live) => {
            let missing: Vec<String> = generate
                .iter()
                .filter(|(name, _)| !observed.has_secret(&key.name, name))
                .map(|(name, _)| name.clone())
                .collect();
            if missing.is_empty() {
                live.map_or(Change::None, |live| metadata_change(body, live))
            } else {
                Change::Secret(missing)
            }
        }
        (_, None) => Change::Create,
        (Desired::CreateOnce(_), Some(_)) => Change::None,
        (Desired::Apply(body), Some(live)) => against(key.kind, body, live),
    }
}

/// Of a Secret only the metadata is compared: its values are nobody's to put right.
fn metadata_change(desired: &Value, live: &Live) -> Change {
    let View::Body(body) = &live.view else {
        return Change::None;
    };
    let mut paths = Vec::new();
    differences(
        &desired["metadata"],
        &body["metadata"],
        "metadata".to_owned(),
        &mut paths,
    );
    paths.truncate(PATHS_MAX);
    if paths.is_empty() {
        Change::None
    } else {
        Change::Update(paths)
    }
}

fn against(kind: Kind, desired: &Value, live: &Live) -> Change {
    let hash = applied_hash(desired).unwrap_or_default();
    let body = match &live.view {
        View::Unmoved { applied } | View::Settled { applied, .. } => {
            let same = applied == hash;
            return if same {
                Change::None
            } else {
                Change::Update(vec![UNREAD.to_owned()])
            };
        }
        View::Body(body) => body,
    };
    let mut paths = Vec::new();
    differences(desired, body, String::new(), &mut paths);
    let annotation = format!("metadata.annotations.{APPLIED_HASH}");
    if paths.len() > 1 {
        paths.retain(|path| *path != annotation);
    }
    if paths.is_empty() {
        return Change::None;
    }
    if kind == Kind::Job && job::is_superseded(body, desired) {
        return Change::Replace("it has not begun, and its template changed".to_owned());
    }
    if kind == Kind::Job && !is_of_labels(&paths) {
        return job_change(body, &paths);
    }
    if let Some(path) = paths.iter().find(|path| is_immutable(kind, path)) {
        return Change::Replace(format!("{path} is immutable"));
    }
    paths.truncate(PATHS_MAX);
    Change::Update(paths)
}

/// What may be changed of anything, also of what is else immutable.
fn is_of_labels(paths: &[String]) -> bool {
    let mut paths = paths.iter();
    paths.all(|path| path.starts_with("metadata.labels") || path.starts_with("metadata.owner"))
}

/// A Job cannot be changed. One that runs is left to end, one that did its work is left alone,
/// one that failed is tried again with what is new.
fn job_change(live: &Value, paths: &[String]) -> Change {
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

/// Every path of `desired` whose value `live` does not have: fields that only the live object has
/// are not ours.
fn differences(desired: &Value, live: &Value, path: String, found: &mut Vec<String>) {
    match (desired, live) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (key, value) in ours {
                let below = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                match theirs.get(key) {
                    Some(other) => differences(value, other, below, found),
                    None => found.push(below),
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (index, (value, other)) in ours.iter().zip(theirs).enumerate() {
                differences(value, other, format!("{path}[{index}]"), found);
            }
        }
        (ours, theirs) if ours == theirs => {}
        _ => found.push(path),
    }
}
