//! The baseline: the very objects that the operator made, applied by hand, all at once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::{Namespace, apply, attempt, get, kubectl, wait};
use crate::platform::explain;

const KINDS: &str = "secrets,configmaps,serviceaccounts,services,networkpolicies,\
                     persistentvolumeclaims,statefulsets,deployments,jobs,poddisruptionbudgets";

/// Applies copies of a Ready platform's objects to a namespace of their own and waits until all
/// of them are Ready.
pub(crate) fn seconds_to_ready(original: &str) -> Duration {
    let label = "app.kubernetes.io/part-of=creator-platform";
    let listed = get(original, &[KINDS, "-l", label]);
    let copies: Vec<Value> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(copy)
        .collect();
    assert!(
        copies.len() > 30,
        "the platform has objects: {}",
        copies.len()
    );
    let list = json!({"apiVersion": "v1", "kind": "List", "items": copies}).to_string();
    let namespace = Namespace::new("by-hand");
    // Addresses between the parts name the namespace.
    let list = list.replace(&format!(".{original}.svc"), ".by-hand.svc");
    let started = std::time::Instant::now();
    apply(&namespace.0, &list);
    let ready = || {
        let status = get("by-hand", &["deployments,statefulsets"]);
        let all = status["items"].as_array().unwrap();
        all.len() >= 9
            && all.iter().all(|workload| {
                let wanted = workload["spec"]["replicas"].as_i64();
                wanted.is_some() && workload["status"]["readyReplicas"].as_i64() == wanted
            })
    };
    wait(Duration::from_mins(3), ready, || explain("by-hand"));
    let took = started.elapsed();
    kubectl(&["delete", "namespace", "by-hand", "--wait", "--timeout=120s"]);
    let _ = attempt("kubectl", &["get", "namespaces"], "");
    took
}

/// An object as somebody would write it: without what the server added.
fn copy(object: &Value) -> Value {
    let meta = &object["metadata"];
    let mut copy = object.clone();
    copy["metadata"] = json!({"name": meta["name"], "labels": meta["labels"]});
    let fields = copy.as_object_mut().unwrap();
    fields.remove("status");
    if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
        if spec
            .get("clusterIP")
            .is_some_and(|address| address != "None")
        {
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
        }
        spec.remove("volumeName");
        if object["kind"] == "Job" {
            spec.remove("selector");
            if let Some(labels) = spec["template"]["metadata"]["labels"].as_object_mut() {
                labels.retain(|name, _| !name.contains("controller-uid") && name != "job-name");
            }
        }
    }
    copy
}
