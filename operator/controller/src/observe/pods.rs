//! What the pods of a workload that is not well say: why it does not start, or its last words.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use kube::Client;
use kube::api::{Api, ListParams};
use operator_core::Observed;
use operator_core::component::Component;
use operator_core::object::{Kind, ObjectKey};
use operator_core::observed::Live;
use serde_json::Value;

use super::Subject;
use crate::context::Context;
use crate::error::Error;
use crate::memory::Memory;

/// More pods than this say nothing new.
const PODS: u32 = 10;
/// As much as fits into a condition together with what is to be done.
const WORDS_MAX: usize = 800;

/// Adds the words of every workload and Job that has failed pods or lacks ready ones.
pub(super) async fn listen(
    client: &Client,
    subject: &Subject,
    observed: &mut Observed,
) -> Result<(), Error> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &subject.name.namespace);
    let ours = observed.objects.iter().filter(|(_, live)| live.owned);
    let unwell = ours.filter_map(|(key, _)| {
        let body = observed
            .body(key)
            .filter(|body| is_unwell(key.kind, body))?;
        Some((key.clone(), selector(body)?))
    });
    let unwell: Vec<(ObjectKey, String)> = unwell.collect();
    for (key, selector) in unwell {
        let failed = |source| Error::Read {
            what: format!("pods of {key}"),
            source,
        };
        let params = ListParams::default().labels(&selector).limit(PODS);
        let list = pods.list(&params).await.map_err(failed)?;
        if let Some(words) = list.iter().find_map(words) {
            observed.words.insert(key, words);
        }
    }
    Ok(())
}

/// Adds the report of the models Job that succeeded. It is read once: a Job runs once, and its pods
/// say nothing else later.
pub(super) async fn read_report(
    context: &Context,
    subject: &Subject,
    memory: &Memory,
    observed: &mut Observed,
) -> Result<(), Error> {
    let prefix = format!("{}-{}-", subject.name.name, Component::Models.name());
    let is_job = |key: &ObjectKey, live: &Live| {
        live.owned && key.kind == Kind::Job && key.name.starts_with(&prefix)
    };
    let mut jobs = observed
        .objects
        .iter()
        .filter(|(key, live)| is_job(key, live))
        .filter_map(|(key, _)| {
            let body = observed.body(key)?;
            let is_done = body["status"]["succeeded"].as_i64() == Some(1);
            let selector = selector(body).filter(|_| is_done)?;
            Some((key.clone(), selector))
        });
    let Some((key, selector)) = jobs.next() else {
        return Ok(());
    };
    if let Some((known, report)) = &memory.models_report
        && *known == key
    {
        observed.models_report.clone_from(report);
        return Ok(());
    }
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), &subject.name.namespace);
    let params = ListParams::default().labels(&selector).limit(PODS);
    let list = pods.list(&params).await.map_err(|source| Error::Read {
        what: format!("pods of {key}"),
        source,
    })?;
    let report = list.iter().find_map(report);
    observed.models_report.clone_from(&report);
    context.memories.change(&subject.uid, |memory| {
        memory.models_report = Some((key, report));
    });
    Ok(())
}

/// The termination message of a container that succeeded.
fn report(pod: &Pod) -> Option<String> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let ended = statuses.iter().find_map(|container| {
        let state = container.state.as_ref()?;
        state
            .terminated
            .as_ref()
            .filter(|ended| ended.exit_code == 0)
    })?;
    ended.message.clone()
}

fn is_unwell(kind: Kind, body: &Value) -> bool {
    let status = |field: &str| body["status"][field].as_i64().unwrap_or_default();
    match kind {
        Kind::Deployment | Kind::StatefulSet => {
            status("readyReplicas") < body["spec"]["replicas"].as_i64().unwrap_or(1)
        }
        Kind::Job => status("succeeded") == 0,
        _ => false,
    }
}

fn selector(body: &Value) -> Option<String> {
    let labels = body["spec"]["selector"]["matchLabels"].as_object()?;
    let pairs = labels
        .iter()
        .filter_map(|(label, value)| Some(format!("{label}={}", value.as_str()?)));
    Some(pairs.collect::<Vec<_>>().join(","))
}

/// The first container that has something to say.
fn words(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let containers = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    let said = containers.flatten().find_map(container_words);
    said.or_else(|| unscheduled(pod))
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
        return Some(format!("container {}: {reason}: {message}", container.name));
    }
    let last = now.and_then(last_words).or(last)?;
    Some(format!("container {}: {last}", container.name))
}

/// The termination message of a container that failed.
fn last_words(state: &ContainerState) -> Option<String> {
    let ended = state
        .terminated
        .as_ref()
        .filter(|ended| ended.exit_code != 0)?;
    let reason = ended.reason.as_deref().unwrap_or("Error");
    let message = ended.message.as_deref().unwrap_or_default().trim();
    Some(format!(
        "{reason}, exit code {}: {message}",
        ended.exit_code
    ))
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
