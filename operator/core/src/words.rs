//! Why a workload or Job is not well, in the words of those who know: its pods, the controller
//! that makes them, and whatever refused to let it.

use std::cmp::Reverse;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Event, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;
use serde_json::Value;

use crate::api::images::NO_REGISTRY;
use crate::object::Kind;
use crate::rollout::{self, JobState, Rollout};

/// The reason of events about pods that could not be made: a quota, a webhook, Pod Security.
pub const FAILED_CREATE: &str = "FailedCreate";
/// The condition of a Deployment that says the same.
const REPLICA_FAILURE: &str = "ReplicaFailure";
/// As much as fits into a condition together with what is to be done.
const WORDS_MAX: usize = 800;

/// The end of a program of ours that failed.
#[derive(Deserialize)]
struct FailureReport {
    code: String,
    detail: String,
}

/// Whether an object is not as it shall be, so that its pods are worth asking. A new pod that does
/// not start counts although the old one still serves.
pub fn is_unwell(kind: Kind, body: &Value) -> bool {
    let lacks = |rollout: Rollout| !rollout.rolled_out || rollout.ready < rollout.desired;
    match kind {
        Kind::Deployment => lacks(rollout::deployment(body)),
        Kind::StatefulSet => lacks(rollout::stateful_set(body)),
        Kind::CnpgCluster => lacks(rollout::cnpg_cluster(body)),
        Kind::Job => rollout::job(body) != JobState::Succeeded,
        _ => false,
    }
}

/// What the status of the object itself says.
pub fn of_status(kind: Kind, body: &Value) -> Option<String> {
    let status = &body["status"];
    if kind == Kind::CnpgCluster {
        let phase = status["phase"].as_str()?;
        let reason = status["phaseReason"].as_str().unwrap_or_default();
        return Some(shortened(&format!("{phase}: {reason}")));
    }
    let conditions = status["conditions"].as_array()?;
    let failure = conditions
        .iter()
        .find(|one| one["type"] == REPLICA_FAILURE && one["status"] == "True")?;
    let reason = failure["reason"].as_str().unwrap_or(FAILED_CREATE);
    let message = failure["message"].as_str().unwrap_or_default();
    Some(shortened(&format!("{reason}: {message}")))
}

/// Whether the message of a condition is worth keeping.
pub fn keeps_message(condition: &Value) -> bool {
    condition["type"] == REPLICA_FAILURE && condition["status"] == "True"
}

/// What pods say: the newest first, since an older one may have failed for a reason that is mended.
/// Ready pods are asked nothing: that one crashed once explains no rollout that stands still.
pub fn of_pods(pods: &[Pod]) -> Option<String> {
    let mut asked: Vec<&Pod> = pods.iter().filter(|pod| !is_ready(pod)).collect();
    asked.sort_by_key(|pod| Reverse(pod.metadata.creation_timestamp.as_ref().map(|time| time.0)));
    asked.into_iter().find_map(of_pod)
}

/// What was last reported of pods that could not be made.
pub fn of_events(events: &[Event]) -> Option<String> {
    let about = events
        .iter()
        .filter(|event| event.reason.as_deref() == Some(FAILED_CREATE));
    let last = about.max_by_key(|event| when(event))?;
    let message = last.message.as_deref().unwrap_or_default();
    Some(shortened(&format!("{FAILED_CREATE}: {message}")))
}

fn when(event: &Event) -> Option<Timestamp> {
    let seen = |time: &Option<Time>| time.as_ref().map(|time| time.0);
    let series = event.series.as_ref();
    let series = series.and_then(|series| series.last_observed_time.as_ref());
    let first = event.event_time.as_ref().map(|time| time.0);
    series
        .map(|time| time.0)
        .max(seen(&event.last_timestamp))
        .max(first)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|one| one.type_ == "Ready" && one.status == "True")
}

/// The first container that has something to say.
fn of_pod(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let containers = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    let said = containers.flatten().find_map(container_words);
    said.or_else(|| unscheduled(pod))
        .or_else(|| ended(pod))
        .map(|words| shortened(&words))
}

fn container_words(container: &ContainerStatus) -> Option<String> {
    let last = container.last_state.as_ref().and_then(last_words);
    let now = container.state.as_ref();
    if let Some(waiting) = now.and_then(|state| state.waiting.as_ref()) {
        let reason = waiting
            .reason
            .as_deref()
            .filter(|reason| !is_ordinary(reason))?;
        let message = last.or_else(|| waiting.message.clone()).unwrap_or_default();
        let advice = advice(container, reason);
        return Some(format!(
            "container {}: {reason}: {message}{advice}",
            container.name
        ));
    }
    let last = now.and_then(last_words).or(last)?;
    Some(format!("container {}: {last}", container.name))
}

/// What to do about an image that no registry has.
fn advice(container: &ContainerStatus, reason: &str) -> &'static str {
    let unset = container.image.starts_with(NO_REGISTRY);
    match reason {
        "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" if unset => {
            " Set spec.images.registry to the registry that has the platform's images."
        }
        _ => "",
    }
}

/// The termination message of a container that failed.
fn last_words(state: &ContainerState) -> Option<String> {
    let ended = state
        .terminated
        .as_ref()
        .filter(|ended| ended.exit_code != 0)?;
    let reason = ended.reason.as_deref().unwrap_or("Error");
    let message = ended.message.as_deref().unwrap_or_default().trim();
    let message = of_report(message).unwrap_or_else(|| message.to_owned());
    Some(format!(
        "{reason}, exit code {}: {message}",
        ended.exit_code
    ))
}

/// What a program of ours reports of its failure, as a sentence.
fn of_report(message: &str) -> Option<String> {
    let report: FailureReport = serde_json::from_str(message).ok()?;
    Some(format!("{}: {}", report.code, report.detail))
}

fn is_ordinary(reason: &str) -> bool {
    matches!(reason, "ContainerCreating" | "PodInitializing")
}

fn unscheduled(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled = conditions
        .iter()
        .find(|condition| condition.type_ == "PodScheduled")?;
    if scheduled.status == "True" {
        return None;
    }
    Some(format!(
        "pod not scheduled: {}",
        scheduled.message.as_deref().unwrap_or_default()
    ))
}

/// A pod that the node ended: evicted, or beyond its deadline.
fn ended(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    if status.phase.as_deref() != Some("Failed") {
        return None;
    }
    let reason = status.reason.as_deref()?;
    let message = status.message.as_deref().unwrap_or_default();
    Some(format!("pod failed: {reason}: {message}"))
}

/// The end says what went wrong, the beginning where.
fn shortened(words: &str) -> String {
    let words = words.trim().trim_end_matches(':');
    if words.chars().count() <= WORDS_MAX {
        return words.to_owned();
    }
    let head: String = words.chars().take(WORDS_MAX / 4).collect();
    let skipped = words.chars().count() - (WORDS_MAX - WORDS_MAX / 4);
    let tail: String = words.chars().skip(skipped).collect();
    format!("{head} … {tail}")
}
