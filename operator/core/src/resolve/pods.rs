//! Checks of what the spec says about pods: overrides of their templates, defaults, labels.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Map, Value, json};
use shared_config::Service;

use super::{Problem, pod_template};
use crate::api::postgres::PostgresMode;
use crate::api::stores::StoreMode;
use crate::api::{CreatorPlatform, CreatorPlatformSpec, GROUP};

/// Where Kubernetes and the operator keep labels by which they find their own.
const RESERVED_LABELS: [&str; 2] = ["app.kubernetes.io", GROUP];
/// Most characters of the part of a label or annotation before its slash.
const PREFIX_MAX: usize = 253;
/// Most characters of the name of a label or annotation, and of a label's value.
const NAME_MAX: usize = 63;
/// What of the affinity of a database cluster may be set: rules about nodes and pods.
const CLUSTER_AFFINITY: [&str; 8] = [
    "additionalPodAffinity",
    "additionalPodAntiAffinity",
    "enablePodAntiAffinity",
    "nodeAffinity",
    "nodeSelector",
    "podAntiAffinityType",
    "tolerations",
    "topologyKey",
];

/// Every problem of pods.
pub(super) fn problems(platform: &CreatorPlatform, found: &mut Vec<Problem>) {
    let spec = &platform.spec;
    for (path, given) in templates(spec) {
        template(&path, given, found);
    }
    defaults(spec, found);
    monitoring(spec, found);
    for (path, mode, given) in [
        ("redis", spec.redis.mode, &spec.redis.pod_template),
        ("chroma", spec.chroma.mode, &spec.chroma.pod_template),
        ("ollama", spec.ollama.mode, &spec.ollama.pod_template),
    ] {
        if mode == StoreMode::External && given.is_some() {
            found.push(Problem {
                path: format!("spec.{path}.podTemplate"),
                wrong: "is allowed in mode managed only".to_owned(),
                remedy: "remove it: an external server has no pods of this platform".to_owned(),
            });
        }
    }
    cluster_affinity(spec, found);
}

/// Every override of a pod template, with its path.
fn templates(spec: &CreatorPlatformSpec) -> Vec<(String, &Map<String, Value>)> {
    let managed = spec.postgres.managed.as_ref();
    let backup = managed.and_then(|managed| managed.backup.as_ref());
    let jobs = [
        ("migrations.job", spec.migrations.job.as_ref()),
        ("ollama.modelsJob", spec.ollama.models_job.as_ref()),
        (
            "postgres.managed.backup.job",
            backup.and_then(|backup| backup.job.as_ref()),
        ),
        (
            "backup.job",
            spec.backup.as_ref().and_then(|backup| backup.job.as_ref()),
        ),
        (
            "restoreFrom.job",
            spec.restore_from
                .as_ref()
                .and_then(|from| from.job.as_ref()),
        ),
    ];
    let mut all = vec![
        (
            "postgres.managed".to_owned(),
            managed.and_then(|managed| managed.pod_template.as_ref()),
        ),
        ("redis".to_owned(), spec.redis.pod_template.as_ref()),
        ("chroma".to_owned(), spec.chroma.pod_template.as_ref()),
        ("ollama".to_owned(), spec.ollama.pod_template.as_ref()),
        ("gateway".to_owned(), spec.gateway.pod_template.as_ref()),
    ];
    all.extend(jobs.map(|(path, job)| {
        let template = job.and_then(|job| job.pod_template.as_ref());
        (path.to_owned(), template)
    }));
    all.extend(Service::ALL.map(|service| {
        let workload = spec.services.workload(service);
        let path = format!("services.{}", super::checks::section(service));
        (path, workload.pod_template.as_ref())
    }));
    all.into_iter()
        .filter_map(|(path, given)| Some((format!("spec.{path}.podTemplate"), given?)))
        .collect()
}

fn template(path: &str, given: &Map<String, Value>, found: &mut Vec<Problem>) {
    fields(path, given, found);
    for field in pod_template::forbidden(given) {
        found.push(Problem {
            path: format!("{path}{field}"),
            wrong: "an override may not set this field, or not to this value".to_owned(),
            remedy: "remove it; SECURITY.md says what an override may change".to_owned(),
        });
    }
    let metadata = given.get("metadata").and_then(Value::as_object);
    for field in ["labels", "annotations"] {
        let names = metadata
            .and_then(|metadata| metadata.get(field))
            .and_then(Value::as_object);
        for (name, value) in names.into_iter().flatten() {
            let path = format!("{path}.metadata.{field}");
            own_name(&path, name, found);
            if let Some(value) = value.as_str().filter(|_| field == "labels") {
                label_value(&path, name, value, found);
            }
        }
    }
}

/// Whether these are fields of a pod template, with values of the right types.
fn fields(path: &str, given: &Map<String, Value>, found: &mut Vec<Problem>) {
    let mut probe = without_nulls(&Value::Object(given.clone()));
    if let Some(spec) = probe.get_mut("spec").and_then(Value::as_object_mut) {
        spec.entry("containers").or_insert_with(|| json!([]));
    }
    let mut problem = |wrong: String| {
        found.push(Problem {
            path: path.to_owned(),
            wrong,
            remedy: "see `kubectl explain pod.spec`".to_owned(),
        });
    };
    let known = match serde_json::from_value::<PodTemplateSpec>(probe.clone()) {
        Ok(known) => known,
        Err(error) => return problem(format!("is not a valid pod template: {error}")),
    };
    let mut unknown = Vec::new();
    if let Ok(known) = serde_json::to_value(&known) {
        dropped(&probe, &known, "", &mut unknown);
    }
    for field in unknown {
        problem(format!("{field} is no field of a pod template"));
    }
}

/// What an override removes by `null` has no type.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name.clone(), without_nulls(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// What a value has and its typed form does not: fields that Kubernetes does not know. The
/// directives of a merge are no fields.
fn dropped(given: &Value, known: &Value, path: &str, found: &mut Vec<String>) {
    match given {
        Value::Object(fields) => {
            for (name, value) in fields {
                let below = format!("{path}.{name}");
                match known.get(name) {
                    Some(inner) => dropped(value, inner, &below, found),
                    None if name.starts_with('$') => {}
                    None => found.push(below),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let inner = known.get(index).unwrap_or(&Value::Null);
                dropped(item, inner, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

fn defaults(spec: &CreatorPlatformSpec, found: &mut Vec<Problem>) {
    let Some(given) = &spec.pod_defaults else {
        return;
    };
    labels("spec.podDefaults.labels", &given.labels, found);
    for name in given.annotations.keys() {
        own_name("spec.podDefaults.annotations", name, found);
    }
    for (name, value) in &given.node_selector {
        let path = "spec.podDefaults.nodeSelector";
        name_syntax(path, name, found);
        label_value(path, name, value, found);
    }
    let mut pod = Map::new();
    pod.insert("tolerations".to_owned(), json!(given.tolerations));
    pod.insert(
        "topologySpreadConstraints".to_owned(),
        json!(given.topology_spread_constraints),
    );
    if let Some(affinity) = &given.affinity {
        pod.insert("affinity".to_owned(), json!(affinity));
    }
    let mut template = Map::new();
    template.insert("spec".to_owned(), Value::Object(pod));
    fields("spec.podDefaults", &template, found);
}

fn monitoring(spec: &CreatorPlatformSpec, found: &mut Vec<Problem>) {
    labels("spec.monitoring.labels", &spec.monitoring.labels, found);
}

fn cluster_affinity(spec: &CreatorPlatformSpec, found: &mut Vec<Problem>) {
    let cluster = spec.postgres.cloudnative_pg.as_ref();
    let affinity = cluster.and_then(|cluster| cluster.affinity.as_ref());
    let is_cluster = spec.postgres.mode == PostgresMode::CloudnativePg;
    for field in affinity.into_iter().flat_map(Map::keys) {
        if is_cluster && !CLUSTER_AFFINITY.contains(&field.as_str()) {
            found.push(Problem {
                path: format!("spec.postgres.cloudnativePg.affinity.{field}"),
                wrong: "is no field of the affinity of a cluster".to_owned(),
                remedy: format!("use {}", CLUSTER_AFFINITY.join(", ")),
            });
        }
    }
}

fn labels(path: &str, labels: &BTreeMap<String, String>, found: &mut Vec<Problem>) {
    for (name, value) in labels {
        own_name(path, name, found);
        label_value(path, name, value, found);
    }
}

/// The name of a label or annotation that the spec's owner may set.
fn own_name(path: &str, name: &str, found: &mut Vec<Problem>) {
    let prefix = name.split_once('/').map_or("", |(prefix, _)| prefix);
    if RESERVED_LABELS.contains(&prefix) {
        found.push(Problem {
            path: format!("{path}[{name}]"),
            wrong: format!("the operator finds its objects by names that begin with {prefix}/"),
            remedy: "use a prefix of your own, such as example.org/".to_owned(),
        });
    } else {
        name_syntax(path, name, found);
    }
}

fn name_syntax(path: &str, name: &str, found: &mut Vec<Problem>) {
    let (prefix, rest) = name
        .split_once('/')
        .map_or((None, name), |(prefix, rest)| (Some(prefix), rest));
    let is_host = |prefix: &str| {
        prefix.len() <= PREFIX_MAX
            && prefix.split('.').all(|label| {
                let mut characters = label.chars();
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
                is_word(label) && characters.all(|c| plain(c) || c == '-')
            })
    };
    if !(is_word(rest) && prefix.is_none_or(is_host)) {
        found.push(Problem {
            path: format!("{path}[{name}]"),
            wrong: "is not a valid name of a label or annotation".to_owned(),
            remedy:
                "use up to 63 letters, digits, '-', '_' and '.', after a host name and a slash \
                     if you like, such as example.org/team"
                    .to_owned(),
        });
    }
}

fn label_value(path: &str, name: &str, value: &str, found: &mut Vec<Problem>) {
    if !value.is_empty() && !is_word(value) {
        found.push(Problem {
            path: format!("{path}[{name}]"),
            wrong: format!("{value:?} is not a valid value of a label"),
            remedy:
                "use up to 63 letters, digits, '-', '_' and '.', and a letter or digit at both \
                     ends"
                    .to_owned(),
        });
    }
}

/// What Kubernetes takes as a label's value and as the name of a label.
fn is_word(text: &str) -> bool {
    let ends = [text.chars().next(), text.chars().next_back()];
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=NAME_MAX).contains(&text.len())
        && text.chars().all(inner)
        && ends
            .iter()
            .all(|end| end.is_some_and(|c| c.is_ascii_alphanumeric()))
}
