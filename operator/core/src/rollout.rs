//! What the status of a workload, Job or database cluster says.

use serde_json::Value;

/// How far a workload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rollout {
    /// Ready replicas.
    pub ready: i32,
    /// Wanted replicas.
    pub desired: i32,
    /// Whether the template of the spec has replaced every other one and serves. Replicas that
    /// are missing beyond that, after a node failed or while an autoscaler adds some, are not
    /// part of it.
    pub rolled_out: bool,
    /// Whether at least one replica serves, of whatever template.
    pub available: bool,
    /// Whether it made no progress for too long.
    pub stuck: bool,
}

/// How far a Job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Neither done nor given up.
    Running,
    /// Done.
    Succeeded,
    /// Given up.
    Failed,
}

/// How far a Deployment is.
pub fn deployment(body: &Value) -> Rollout {
    let desired = number(body, "/spec/replicas").unwrap_or(1);
    let status = |field: &str| number(body, &format!("/status/{field}")).unwrap_or(0);
    let updated = status("updatedReplicas");
    // Pods of the old template go as those of the new one become available: when none is left,
    // whatever is available is new.
    let available = status("availableReplicas");
    let rolled_out = is_current(body)
        && status("replicas") == updated
        && available >= desired.min(1)
        && updated >= desired.min(1);
    let stuck = condition(body, "Progressing")
        .is_some_and(|found| text(found, "reason") == "ProgressDeadlineExceeded");
    Rollout {
        ready: status("readyReplicas"),
        desired,
        rolled_out,
        available: available >= desired.min(1),
        stuck,
    }
}

/// How far a `StatefulSet` is.
pub fn stateful_set(body: &Value) -> Rollout {
    let desired = number(body, "/spec/replicas").unwrap_or(1);
    let status = |field: &str| number(body, &format!("/status/{field}")).unwrap_or(0);
    let revision = |field: &str| body.pointer(&format!("/status/{field}"));
    let available = status("readyReplicas") >= desired;
    let rolled_out = is_current(body)
        && available
        && status("updatedReplicas") >= desired
        && revision("currentRevision") == revision("updateRevision");
    Rollout {
        ready: status("readyReplicas"),
        desired,
        rolled_out,
        available,
        stuck: false,
    }
}

/// How far a cluster of `CloudNativePG` is.
pub fn cnpg_cluster(body: &Value) -> Rollout {
    let desired = number(body, "/spec/instances").unwrap_or(1);
    let ready = number(body, "/status/readyInstances").unwrap_or(0);
    let healthy = condition(body, "Ready").is_some_and(|found| text(found, "status") == "True");
    Rollout {
        ready,
        desired,
        rolled_out: healthy && ready >= desired,
        available: ready > 0,
        stuck: false,
    }
}

/// How far a Job is.
pub fn job(body: &Value) -> JobState {
    let holds = |kind| condition(body, kind).is_some_and(|found| text(found, "status") == "True");
    if holds("Complete") {
        JobState::Succeeded
    } else if holds("Failed") {
        JobState::Failed
    } else {
        JobState::Running
    }
}

/// Whether a Job that is not done has a pod that works: one that waits for its image, or for the
/// next attempt, can be replaced without loss.
pub fn works(body: Option<&Value>) -> bool {
    body.and_then(|body| number(body, "/status/ready"))
        .unwrap_or(0)
        > 0
}

/// Whether the controller has seen the present generation.
fn is_current(body: &Value) -> bool {
    let generation = number(body, "/metadata/generation").unwrap_or(0);
    number(body, "/status/observedGeneration").unwrap_or(-1) >= generation
}

fn condition<'a>(body: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = body.pointer("/status/conditions")?.as_array()?;
    all.iter().find(|found| text(found, "type") == kind)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn number(body: &Value, pointer: &str) -> Option<i32> {
    body.pointer(pointer)?
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
}
