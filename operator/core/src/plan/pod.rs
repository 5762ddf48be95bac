//! Pods: one shape for all of them, restricted in the sense of Pod Security.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::Quantity;
use crate::api::pods::{JobSettings, UserIds};
use crate::api::workload::{Amounts, Resources, TopologySpread};
use crate::component::Component;
use crate::hash;
use crate::plan::draft::{MissingKey, Sketch};
use crate::plan::{CONFIG_HASH, labels, merge, placement};
use crate::resolve::Resolved;

/// The user and group that every container runs as, unless the namespace assigns them.
pub(crate) const USER: i64 = 10_001;

/// Memory that small containers request: administrators often require this much at least.
pub(crate) const MEMORY_REQUEST: &str = "64Mi";
/// Limit of CPU of a container that runs to an end.
const JOB_CPU: &str = "1";
/// How long a store may take to start, seconds: a recovery after a crash, or the loading of a large
/// append-only file, begins at its start again if it is killed.
pub(crate) const STORE_STARTUP_SECONDS: i32 = 3600;

/// What differs between pods.
pub(crate) struct Pod {
    pub(crate) component: Component,
    pub(crate) service_account: String,
    pub(crate) init_containers: Vec<Value>,
    pub(crate) containers: Vec<Value>,
    pub(crate) volumes: Vec<Value>,
    pub(crate) grace_seconds: i64,
    pub(crate) spread: Option<TopologySpread>,
    /// Whether it ends by itself, as the pods of Jobs do.
    pub(crate) runs_once: bool,
    /// Overrides of the spec's owner: merged last.
    pub(crate) overrides: Option<Value>,
}

/// A pod template with the hash of everything that its containers read.
pub(crate) fn template(sketch: &mut Sketch<'_>, pod: Pod) -> Value {
    let mut volumes = pod.volumes;
    volumes.push(json!({"name": "tmp", "emptyDir": {}}));
    let mut spec = json!({
        "automountServiceAccountToken": false,
        "serviceAccountName": pod.service_account,
        "terminationGracePeriodSeconds": pod.grace_seconds,
        "securityContext": security(sketch.resolved),
        "containers": pod.containers,
        "volumes": volumes,
    });
    if !pod.init_containers.is_empty() {
        spec["initContainers"] = json!(pod.init_containers);
    }
    let pull_secrets = &sketch.resolved.spec.images.pull_secrets;
    if !pull_secrets.is_empty() {
        spec["imagePullSecrets"] = json!(pull_secrets);
    }
    if let Some(constraint) = pod
        .spread
        .and_then(|spread| spreading(sketch, pod.component, spread))
    {
        spec["topologySpreadConstraints"] = json!([constraint]);
    }
    let mut template = json!({
        "metadata": {"labels": labels::of_pod(sketch.resolved, pod.component)},
        "spec": spec,
    });
    if pod.runs_once {
        merge::strategic(&mut template, &placement::outside_of_meshes());
    }
    let defaults = placement::defaults(sketch.resolved, pod.component);
    merge::strategic(&mut template, &defaults);
    if let Some(overrides) = &pod.overrides {
        merge::strategic(&mut template, overrides);
    }
    merge::canonical_amounts(&mut template);
    let hash = config_hash(sketch, pod.component, &template["spec"]);
    template["metadata"]["annotations"][CONFIG_HASH] = json!(hash);
    template
}

/// Restricted in the sense of Pod Security, with ids of ours or of the namespace.
fn security(resolved: &Resolved) -> Value {
    let mut context = json!({
        "runAsNonRoot": true,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    if placement::user_ids(resolved) == UserIds::Fixed {
        for field in ["runAsUser", "runAsGroup", "fsGroup"] {
            context[field] = json!(USER);
        }
    }
    context
}

/// A container with the restricted security context and a writable `/tmp`.
pub(crate) fn container(sketch: &Sketch<'_>, name: &str, image: &str, rest: Value) -> Value {
    let mut container = rest;
    container["name"] = json!(name);
    container["image"] = json!(image);
    container["imagePullPolicy"] = json!(sketch.resolved.spec.images.pull_policy.name());
    container["securityContext"] = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    });
    let mounts = container["volumeMounts"].take();
    let mut mounts = mounts.as_array().cloned().unwrap_or_default();
    mounts.push(json!({"name": "tmp", "mountPath": "/tmp"}));
    container["volumeMounts"] = json!(mounts);
    container
}

/// Amounts of a container: those of the spec, each default where the spec names none.
pub(crate) fn resources(given: Option<&Resources>, cpu: &str, memory: &str, limit: &str) -> Value {
    let empty = Amounts::default();
    let requests = given
        .and_then(|all| all.requests.as_ref())
        .unwrap_or(&empty);
    let limits = given.and_then(|all| all.limits.as_ref()).unwrap_or(&empty);
    let amount = |chosen: Option<&Quantity>, default: &str| {
        chosen.map_or_else(|| default.into(), Clone::clone)
    };
    let limit = amount(limits.memory.as_ref(), limit);
    let mut memory = amount(requests.memory.as_ref(), memory);
    if memory > limit {
        memory = limit.clone();
    }
    let mut out = json!({
        "requests": {"memory": memory.canonical()},
        "limits": {"memory": limit.canonical()},
    });
    let cpu = amount(requests.cpu.as_ref(), cpu);
    let cpu = limits
        .cpu
        .as_ref()
        .filter(|most| cpu > **most)
        .cloned()
        .unwrap_or(cpu);
    out["requests"]["cpu"] = json!(cpu.canonical());
    if let Some(most) = &limits.cpu {
        out["limits"]["cpu"] = json!(most.canonical());
    }
    out
}

/// Amounts of a container that runs to an end. Its limit of CPU costs it nothing, since it works
/// on one thing at a time, and a quota on limits counts only what has one.
pub(crate) fn job_resources(given: Option<&JobSettings>, limit: &str) -> Value {
    let given = given.and_then(|all| all.resources.as_ref());
    let mut out = resources(given, "50m", MEMORY_REQUEST, limit);
    if out["limits"].get("cpu").is_none() {
        let requested = Quantity::from(out["requests"]["cpu"].as_str().unwrap_or_default());
        let usual = Quantity::from(JOB_CPU);
        let most = if requested > usual { requested } else { usual };
        out["limits"]["cpu"] = json!(most.canonical());
    }
    out
}

/// An environment variable with a value.
pub(crate) fn variable(name: &str, value: impl Into<String>) -> Value {
    json!({"name": name, "value": value.into()})
}

/// An environment variable with the value of a key of a Secret.
pub(crate) fn secret_variable(name: &str, secret: &str, key: &str) -> Value {
    json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
}

fn spreading(sketch: &Sketch<'_>, component: Component, spread: TopologySpread) -> Option<Value> {
    let when = match spread {
        TopologySpread::Preferred => "ScheduleAnyway",
        TopologySpread::Required => "DoNotSchedule",
        TopologySpread::Off => return None,
    };
    Some(json!({
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": labels::selector(sketch.resolved, component)},
    }))
}

/// Hash of exactly the keys of `ConfigMap`s and Secrets that the containers read. Keys that were
/// not found are noted: a workload that needs them waits.
fn config_hash(sketch: &mut Sketch<'_>, component: Component, spec: &Value) -> String {
    let mut read = BTreeMap::new();
    let containers = ["initContainers", "containers"];
    for container in containers
        .iter()
        .filter_map(|field| spec[*field].as_array())
        .flatten()
    {
        for from in secret_keys(container) {
            let known = fact(sketch, from.secret, from.key).cloned();
            if known.is_none() && !from.optional {
                let (secret, key) = (from.secret.to_owned(), from.key.to_owned());
                sketch.missing.insert(MissingKey {
                    component,
                    secret,
                    key,
                });
            }
            let name = format!("secret/{}/{}", from.secret, from.key);
            read.insert(name, known.unwrap_or_else(|| "missing".to_owned()));
        }
    }
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        if let Some(name) = volume["configMap"]["name"].as_str() {
            let content = sketch.config.get(name).map(hash::of_value);
            read.insert(format!("config/{name}"), content.unwrap_or_default());
        }
        if let Some(name) = volume["secret"]["secretName"].as_str() {
            let facts = sketch.observed.secrets.get(name);
            let content = facts.map(|facts| hash::of_value(&json!(facts.keys)));
            read.insert(format!("secret/{name}"), content.unwrap_or_default());
        }
    }
    hash::of_value(&json!(read))
}

/// Keyed hash of a value of a Secret.
fn fact<'a>(sketch: &'a Sketch<'_>, secret: &str, key: &str) -> Option<&'a String> {
    sketch.observed.secrets.get(secret)?.keys.get(key)
}

/// Hash of the values of Secrets that one container reads.
pub(crate) fn credentials_hash(sketch: &Sketch<'_>, container: &Value) -> String {
    let read: BTreeMap<String, Option<&String>> = secret_keys(container)
        .map(|from| {
            (
                format!("{}/{}", from.secret, from.key),
                fact(sketch, from.secret, from.key),
            )
        })
        .collect();
    hash::of_value(&json!(read))
}

struct SecretKey<'a> {
    secret: &'a str,
    key: &'a str,
    optional: bool,
}

fn secret_keys(container: &Value) -> impl Iterator<Item = SecretKey<'_>> {
    let variables = container["env"].as_array().into_iter().flatten();
    variables.filter_map(|variable| {
        let from = &variable["valueFrom"]["secretKeyRef"];
        Some(SecretKey {
            secret: from["name"].as_str()?,
            key: from["key"].as_str()?,
            optional: from["optional"] == json!(true),
        })
    })
}
