//! What `spec.podDefaults` says about every pod, in the shape of a pod template.

use serde_json::{Map, Value, json};

use crate::api::pods::{JobSettings, PodDefaults, UserIds};
use crate::component::Component;
use crate::plan::{labels, merge};
use crate::resolve::Resolved;

/// Longest time that one attempt of a migration or a dump runs.
pub(crate) const JOB_TIMEOUT: i64 = 6 * 60 * 60;
/// Longest time that one attempt to fetch the models runs.
pub(crate) const MODELS_TIMEOUT: i64 = 24 * 60 * 60;

/// Who sets the user and group ids of pods.
pub(crate) fn user_ids(resolved: &Resolved) -> UserIds {
    let defaults = resolved.spec.pod_defaults.as_ref();
    defaults.map(|all| all.user_ids).unwrap_or_default()
}

/// The template that every pod of a component is merged with, before the overrides of the
/// component itself.
pub(crate) fn defaults(resolved: &Resolved, component: Component) -> Value {
    let Some(given) = &resolved.spec.pod_defaults else {
        return json!({});
    };
    let mut spec = scheduling(given);
    if !given.topology_spread_constraints.is_empty() {
        let of_component = json!({"matchLabels": labels::selector(resolved, component)});
        let complete = |constraint: &Map<String, Value>| {
            let mut constraint = constraint.clone();
            constraint
                .entry("labelSelector")
                .or_insert_with(|| of_component.clone());
            Value::Object(constraint)
        };
        let all = given.topology_spread_constraints.iter().map(complete);
        spec.insert("topologySpreadConstraints".to_owned(), all.collect());
    }
    json!({
        "metadata": {"labels": given.labels, "annotations": given.annotations},
        "spec": spec,
    })
}

fn scheduling(given: &PodDefaults) -> Map<String, Value> {
    let mut spec = Map::new();
    if !given.node_selector.is_empty() {
        spec.insert("nodeSelector".to_owned(), json!(given.node_selector));
    }
    if !given.tolerations.is_empty() {
        spec.insert("tolerations".to_owned(), json!(given.tolerations));
    }
    if let Some(affinity) = &given.affinity {
        spec.insert("affinity".to_owned(), json!(affinity));
    }
    if let Some(class) = &given.priority_class_name {
        spec.insert("priorityClassName".to_owned(), json!(class));
    }
    spec
}

/// Keeps the proxy of a service mesh off a pod that runs to an end: the proxy does not end with
/// the work, so the Job would run for ever. The names are those of Istio, Linkerd, Kuma and Consul.
pub(crate) fn outside_of_meshes() -> Value {
    json!({"metadata": {
        "labels": {
            "sidecar.istio.io/inject": "false",
            "kuma.io/sidecar-injection": "disabled",
        },
        "annotations": {
            "sidecar.istio.io/inject": "false",
            "linkerd.io/inject": "disabled",
            "consul.hashicorp.com/connect-inject": "false",
        },
    }})
}

/// The overrides of a Job's pods, and for how long one of them may run: a deadline of the Job
/// itself would also count the time in which no node takes the pod.
pub(crate) fn of_job(settings: Option<&JobSettings>, timeout: i64) -> Value {
    let given = settings.and_then(|all| all.deadline.as_ref());
    let seconds = given.map_or(timeout, crate::api::bounds::Span::seconds);
    let own = settings.and_then(|all| all.pod_template.clone());
    // Added to the overrides, not merged with them: a `null` of theirs removes something later.
    let mut template = Value::Object(own.unwrap_or_default());
    if seconds > 0 {
        template["spec"]["activeDeadlineSeconds"] = json!(seconds);
    }
    template
}

/// What a cluster of `CloudNativePG` takes over of the defaults; it has an affinity of its own
/// shape.
pub(crate) fn of_cluster(resolved: &Resolved, own: Option<&Map<String, Value>>) -> Value {
    let mut affinity = json!({});
    let mut spec = json!({});
    if let Some(given) = &resolved.spec.pod_defaults {
        if !given.node_selector.is_empty() {
            affinity["nodeSelector"] = json!(given.node_selector);
        }
        if !given.tolerations.is_empty() {
            affinity["tolerations"] = json!(given.tolerations);
        }
        for (ours, theirs) in [
            ("nodeAffinity", "nodeAffinity"),
            ("podAffinity", "additionalPodAffinity"),
            ("podAntiAffinity", "additionalPodAntiAffinity"),
        ] {
            if let Some(rules) = given.affinity.as_ref().and_then(|all| all.get(ours)) {
                affinity[theirs] = rules.clone();
            }
        }
        if let Some(class) = &given.priority_class_name {
            spec["priorityClassName"] = json!(class);
        }
        if !given.labels.is_empty() || !given.annotations.is_empty() {
            spec["inheritedMetadata"] = json!({
                "labels": given.labels, "annotations": given.annotations,
            });
        }
    }
    if let Some(own) = own {
        merge::strategic(&mut affinity, &Value::Object(own.clone()));
    }
    if affinity != json!({}) {
        spec["affinity"] = affinity;
    }
    spec
}
