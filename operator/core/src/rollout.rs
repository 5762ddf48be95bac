//! What the status of a workload, Job or database cluster says.

use serde_json::Value;

/// How far a workload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rollout {
    /// Ready replicas.
    pub ready: i32,
    /// Wanted replicas.
    pub desired: i32,
    /// Whether every wanted replica is of the present template and ready.
    pub complete: bool,
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
    let complete = is_current(body)
        && updated >= desired
        && status("replicas") == updated
        && status("availableReplicas") >= desired;
    let stuck = condition(body, "Progressing")
        .is_some_and(|found| text(found, "reason") == "ProgressDeadlineExceeded");
    Rollout {
        ready: status("readyReplicas"),
        desired,
        complete,
        stuck,
    }
}

/// How far a `StatefulSet` is.
pub fn stateful_set(body: &Value) -> Rollout {
    let desired = number(body, "/spec/replicas").unwrap_or(1);
    let status = |field: &str| number(body, &format!("/status/{field}")).unwrap_or(0);
    let revision = |field: &str| body.pointer(&format!("/status/{field}"));
    let complete = is_current(body)
        && status("readyReplicas") >= desired
        && status("updatedReplicas") >= desired
        && revision("currentRevision") == revision("updateRevision");
    Rollout {
        ready: status("readyReplicas"),
        desired,
        complete,
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
        complete: healthy && ready >= desired,
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
