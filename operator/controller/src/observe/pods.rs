//! What the pods of a workload that is not well say: why it does not start, or its last words.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::Client;
use kube::api::{Api, ListParams};
use operator_core::component::Component;
use operator_core::object::{Kind, ObjectKey};
use operator_core::observed::Live;
use operator_core::plan::is_backup_job;
use operator_core::rollout::{self, JobState};
use operator_core::{Observed, words};
use serde_json::Value;

use super::Subject;
use crate::context::Context;
use crate::error::Error;
use crate::memory::Memory;

/// All replicas that a workload may have; the newest pod may be anywhere in the list.
const PODS: u32 = 110;
/// More events than this say nothing new.
const EVENTS: u32 = 20;

/// Adds why every workload and Job is as it is that is not as it shall be.
pub(super) async fn listen(
    client: &Client,
    subject: &Subject,
    observed: &mut Observed,
) -> Result<(), Error> {
    let ours = observed.objects.iter().filter(|(_, live)| live.owned);
    let unwell = ours.filter_map(|(key, live)| {
        let body = observed.body(key)?;
        words::is_unwell(key.kind, body).then(|| Unwell {
            key: key.clone(),
            uid: live.uid.clone(),
            selector: selector(body),
            status: words::of_status(key.kind, body),
        })
    });
    let unwell: Vec<Unwell> = unwell.collect();
    for one in unwell {
        let said = one.ask(client, &subject.name.namespace).await?;
        if let Some(words) = said {
            observed.words.insert(one.key, words);
        }
    }
    Ok(())
}

/// An object that is not as it shall be.
struct Unwell {
    key: ObjectKey,
    uid: String,
    selector: Option<String>,
    status: Option<String>,
}

impl Unwell {
    /// Its pods know best. Where there is none, an event says what refused it.
    async fn ask(&self, client: &Client, namespace: &str) -> Result<Option<String>, Error> {
        let Some(selector) = &self.selector else {
            return Ok(self.status.clone());
        };
        let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
        let params = ListParams::default().labels(selector).limit(PODS);
        let list = pods.list(&params).await.map_err(|source| Error::Read {
            what: format!("pods of {}", self.key),
            source,
        })?;
        if let Some(words) = words::of_pods(&list.items).or_else(|| self.status.clone()) {
            return Ok(Some(words));
        }
        if list.items.is_empty() {
            return Ok(self.ask_events(client, namespace).await);
        }
        Ok(None)
    }

    /// Events are the only place that says why a StatefulSet or a Job has no pod. What cannot be
    /// read is left out: the platform is managed without it.
    async fn ask_events(&self, client: &Client, namespace: &str) -> Option<String> {
        let events: Api<Event> = Api::namespaced(client.clone(), namespace);
        let about = format!(
            "involvedObject.uid={},reason={}",
            self.uid,
            words::FAILED_CREATE
        );
        let params = ListParams::default().fields(&about).limit(EVENTS);
        match events.list(&params).await {
            Ok(list) => words::of_events(&list.items),
            Err(error) => {
                let object = self.key.to_string();
                tracing::warn!(object, %error, "events of an object could not be read");
                None
            }
        }
    }
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
    let pods = list(context, subject, &key, &selector).await?;
    let report = pods.iter().find_map(report);
    observed.models_report.clone_from(&report);
    context.memories.change(&subject.uid, |memory| {
        memory.models_report = Some((key, report));
    });
    Ok(())
}

/// Adds what the Jobs of backups that have ended said. Each is asked once: its pods say nothing
/// else later, and may be gone.
pub(super) async fn read_backup_reports(
    context: &Context,
    subject: &Subject,
    memory: &Memory,
    observed: &mut Observed,
) -> Result<(), Error> {
    let platform = &subject.name.name;
    let jobs = observed.objects.iter();
    let jobs = jobs.filter(|(key, _)| is_backup_job(platform, key));
    let ended: Vec<(ObjectKey, String, JobState, Option<String>)> = jobs
        .filter_map(|(key, live)| {
            let body = observed.body(key)?;
            let state = rollout::job(body);
            let is_over = state != JobState::Running;
            is_over.then(|| (key.clone(), live.uid.clone(), state, selector(body)))
        })
        .collect();
    let mut read = BTreeMap::new();
    for (key, uid, state, selector) in ended {
        let report = match (memory.backup_reports.get(&uid), &selector) {
            (Some(known), _) => known.clone(),
            (None, None) => None,
            (None, Some(selector)) => {
                let pods = list(context, subject, &key, selector).await?;
                match state {
                    JobState::Failed => words::of_pods(&pods),
                    _ => pods.iter().find_map(report),
                }
            }
        };
        if let Some(text) = &report {
            observed.backup_reports.insert(key, text.clone());
        }
        read.insert(uid, report);
    }
    context
        .memories
        .change(&subject.uid, |memory| memory.backup_reports = read);
    Ok(())
}

async fn list(
    context: &Context,
    subject: &Subject,
    key: &ObjectKey,
    selector: &str,
) -> Result<Vec<Pod>, Error> {
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), &subject.name.namespace);
    let params = ListParams::default().labels(selector).limit(PODS);
    let found = pods.list(&params).await.map_err(|source| Error::Read {
        what: format!("pods of {key}"),
        source,
    })?;
    Ok(found.items)
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

fn selector(body: &Value) -> Option<String> {
    let labels = body["spec"]["selector"]["matchLabels"].as_object()?;
    let pairs = labels
        .iter()
        .filter_map(|(label, value)| Some(format!("{label}={}", value.as_str()?)));
    Some(pairs.collect::<Vec<_>>().join(","))
}
