//! What an override of a pod template may change.
//!
//! The operator creates pods with its own rights, so a field that is not listed here would give
//! everyone who may write a `CreatorPlatform` what only an administrator of the namespace has: the
//! node, another service account, any Secret as a file.

use serde_json::{Map, Value};

const TEMPLATE: &[&str] = &["metadata", "spec"];
const METADATA: &[&str] = &["annotations", "labels"];
const POD: &[&str] = &[
    "affinity",
    "containers",
    "dnsConfig",
    "imagePullSecrets",
    "initContainers",
    "nodeSelector",
    "preemptionPolicy",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "securityContext",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
];
const CONTAINER: &[&str] = &[
    "args",
    "command",
    "env",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resources",
    "restartPolicy",
    "securityContext",
    "startupProbe",
    "terminationMessagePolicy",
    "volumeMounts",
    "workingDir",
];
const VOLUME: &[&str] = &[
    "configMap",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "name",
    "persistentVolumeClaim",
];

/// The paths of fields that an override may not have, below the template.
pub(super) fn forbidden(template: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    unlisted("", template, TEMPLATE, &mut found);
    object(template.get("metadata"), |metadata| {
        unlisted(".metadata", metadata, METADATA, &mut found);
    });
    object(template.get("spec"), |spec| pod(spec, &mut found));
    found
}

fn pod(spec: &Map<String, Value>, found: &mut Vec<String>) {
    unlisted(".spec", spec, POD, found);
    security(".spec", spec, found);
    for list in ["containers", "initContainers"] {
        each(spec, list, |path, container| {
            unlisted(path, container, CONTAINER, found);
            security(path, container, found);
        });
    }
    each(spec, "volumes", |path, volume| {
        unlisted(path, volume, VOLUME, found);
    });
}

/// A security context may only tighten. A `null` or a directive of the merge would remove what the
/// operator has set.
fn security(path: &str, owner: &Map<String, Value>, found: &mut Vec<String>) {
    let Some(context) = owner.get("securityContext") else {
        return;
    };
    let path = format!("{path}.securityContext");
    let Value::Object(context) = context else {
        found.push(path);
        return;
    };
    for (name, value) in context {
        if !tightens(name, value) {
            found.push(format!("{path}.{name}"));
        }
    }
}

fn tightens(name: &str, value: &Value) -> bool {
    let is_id = |value: &Value| value.as_i64().is_some_and(|id| id > 0);
    match name {
        "runAsNonRoot" | "readOnlyRootFilesystem" => value == true,
        "privileged" | "allowPrivilegeEscalation" => value == false,
        "runAsUser" | "runAsGroup" | "fsGroup" => is_id(value),
        "supplementalGroups" => value.as_array().is_some_and(|ids| ids.iter().all(is_id)),
        "fsGroupChangePolicy" => value.is_string(),
        "capabilities" => only_key(value, "drop"),
        "seccompProfile" => value["type"] == "RuntimeDefault" || value["type"] == "Localhost",
        _ => false,
    }
}

fn only_key(value: &Value, key: &str) -> bool {
    let object = value.as_object();
    object.is_some_and(|object| object.len() == 1 && object.get(key).is_some_and(Value::is_array))
}

fn object(value: Option<&Value>, visit: impl FnOnce(&Map<String, Value>)) {
    if let Some(object) = value.and_then(Value::as_object) {
        visit(object);
    }
}

/// Visits the objects of a list with their paths.
fn each(spec: &Map<String, Value>, list: &str, mut visit: impl FnMut(&str, &Map<String, Value>)) {
    let elements = spec.get(list).and_then(Value::as_array);
    for (index, element) in elements.into_iter().flatten().enumerate() {
        let name = element["name"].as_str();
        let named = name.map_or_else(|| index.to_string(), str::to_owned);
        let path = format!(".spec.{list}[{named}]");
        object(Some(element), |element| visit(&path, element));
    }
}

fn unlisted(path: &str, object: &Map<String, Value>, listed: &[&str], found: &mut Vec<String>) {
    let unknown = object.keys().filter(|key| !listed.contains(&key.as_str()));
    found.extend(unknown.map(|key| format!("{path}.{key}")));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn forbidden_in(template: &Value) -> Vec<String> {
        forbidden(template.as_object().unwrap())
    }

    #[test]
    fn what_places_labels_and_sizes_pods_is_allowed() {
        let template = json!({
            "metadata": {"annotations": {"a": "b"}, "labels": {"team": "x"}},
            "spec": {
                "tolerations": [{"key": "gpu", "operator": "Exists"}],
                "affinity": {}, "nodeSelector": {"pool": "web"}, "priorityClassName": "high",
                "terminationGracePeriodSeconds": 60,
                "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "fsGroup": 2000,
                    "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [
                    {"name": "auth", "resources": {"limits": {"memory": "1Gi"}},
                     "env": [{"name": "TZ", "value": "UTC"}]},
                    {"name": "proxy", "image": "example/proxy", "volumeMounts": [],
                     "securityContext": {"allowPrivilegeEscalation": false, "privileged": false,
                        "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}}}],
                "volumes": [{"name": "tmp", "emptyDir": {}},
                    {"name": "rules", "configMap": {"name": "rules"}}],
            },
        });
        assert_eq!(forbidden_in(&template), Vec::<String>::new());
    }

    #[test]
    fn what_reaches_the_node_another_account_or_a_secret_is_refused() {
        let cases = [
            (json!({"spec": {"hostPID": true}}), ".spec.hostPID"),
            (json!({"spec": {"hostNetwork": true}}), ".spec.hostNetwork"),
            (json!({"spec": {"hostUsers": true}}), ".spec.hostUsers"),
            (json!({"spec": {"nodeName": "n"}}), ".spec.nodeName"),
            (json!({"spec": {"hostAliases": []}}), ".spec.hostAliases"),
            (
                json!({"spec": {"shareProcessNamespace": true}}),
                ".spec.shareProcessNamespace",
            ),
            (
                json!({"spec": {"serviceAccountName": "x"}}),
                ".spec.serviceAccountName",
            ),
            (
                json!({"spec": {"serviceAccount": "x"}}),
                ".spec.serviceAccount",
            ),
            (
                json!({"spec": {"automountServiceAccountToken": true}}),
                ".spec.automountServiceAccountToken",
            ),
            (
                json!({"spec": {"ephemeralContainers": []}}),
                ".spec.ephemeralContainers",
            ),
            (json!({"spec": {"$patch": "replace"}}), ".spec.$patch"),
            (json!({"$patch": "delete"}), ".$patch"),
            (
                json!({"metadata": {"ownerReferences": []}}),
                ".metadata.ownerReferences",
            ),
            (
                json!({"spec": {"volumes": [{"name": "h", "hostPath": {"path": "/"}}]}}),
                ".spec.volumes[h].hostPath",
            ),
            (
                json!({"spec": {"volumes": [{"name": "s", "secret": {"secretName": "x"}}]}}),
                ".spec.volumes[s].secret",
            ),
            (
                json!({"spec": {"volumes": [{"name": "p", "projected": {}}]}}),
                ".spec.volumes[p].projected",
            ),
            (
                json!({"spec": {"volumes": [{"name": "c", "csi": {"driver": "x"}}]}}),
                ".spec.volumes[c].csi",
            ),
            (
                json!({"spec": {"containers": [{"name": "auth", "envFrom": []}]}}),
                ".spec.containers[auth].envFrom",
            ),
            (
                json!({"spec": {"initContainers": [{"volumeDevices": []}]}}),
                ".spec.initContainers[0].volumeDevices",
            ),
        ];
        for (template, path) in cases {
            assert_eq!(forbidden_in(&template), [path], "{template}");
        }
    }

    #[test]
    fn a_security_context_may_only_tighten() {
        for context in [
            json!(null),
            json!([]),
            json!({"$patch": "delete"}),
            json!({"privileged": true}),
            json!({"privileged": null}),
            json!({"allowPrivilegeEscalation": true}),
            json!({"runAsUser": 0}),
            json!({"runAsUser": null}),
            json!({"runAsNonRoot": false}),
            json!({"readOnlyRootFilesystem": false}),
            json!({"supplementalGroups": [1000, 0]}),
            json!({"capabilities": {"add": ["SYS_ADMIN"]}}),
            json!({"capabilities": {"drop": [], "add": ["SYS_ADMIN"]}}),
            json!({"capabilities": {"drop": null}}),
            json!({"seccompProfile": {"type": "Unconfined"}}),
            json!({"seccompProfile": null}),
            json!({"seLinuxOptions": {"type": "spc_t"}}),
            json!({"appArmorProfile": {"type": "Unconfined"}}),
            json!({"procMount": "Unmasked"}),
            json!({"sysctls": []}),
        ] {
            let pod = json!({"spec": {"securityContext": context}});
            let container = json!({"spec": {"containers": [
                {"name": "auth", "securityContext": context}]}});
            for template in [pod, container] {
                assert_eq!(forbidden_in(&template).len(), 1, "{template}");
            }
        }
    }
}
