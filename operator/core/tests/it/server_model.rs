//! A model of server-side apply: what the API server makes of a body beside what others wrote.

use operator_core::object::Kind;
use serde_json::{Map, Value};

/// The object after an apply: what the operator applied before and leaves out now is gone, what it
/// applies is set, everything else stays.
pub(crate) fn apply(live: &Value, before: &Value, desired: &Value, kind: Kind) -> Value {
    merge(live, before, desired, "", kind)
}

fn merge(live: &Value, before: &Value, desired: &Value, field: &str, kind: Kind) -> Value {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => {
            let mut merged = live.clone();
            let nothing = Map::new();
            let before = before.as_object().unwrap_or(&nothing);
            merged.retain(|field, _| desired.contains_key(field) || !before.contains_key(field));
            for (field, value) in desired {
                let old = merged.get(field).unwrap_or(&Value::Null);
                let applied = before.get(field).unwrap_or(&Value::Null);
                let new = merge(old, applied, value, field, kind);
                merged.insert(field.clone(), new);
            }
            Value::Object(merged)
        }
        (Value::Array(live), Value::Array(desired)) if key_of(field, kind).is_some() => {
            let key = key_of(field, kind).unwrap_or_default();
            let before = before.as_array().map_or(&[][..], Vec::as_slice);
            merge_list(live, before, desired, (field, key), kind)
        }
        (_, desired) => desired.clone(),
    }
}

fn merge_list(
    live: &[Value],
    before: &[Value],
    desired: &[Value],
    (field, key): (&str, &str),
    kind: Kind,
) -> Value {
    let find = |list: &[Value], element: &Value| {
        let mut list = list.iter();
        list.find(|other| other[key] == element[key]).cloned()
    };
    let ours = desired.iter().map(|element| {
        let old = find(live, element).unwrap_or_default();
        let applied = find(before, element).unwrap_or_default();
        merge(&old, &applied, element, &format!("{field}[]"), kind)
    });
    let others = live
        .iter()
        .filter(|element| find(desired, element).is_none() && find(before, element).is_none());
    ours.chain(others.cloned()).collect()
}

/// Removes what a strategic merge patch deletes.
pub(crate) fn remove(live: &mut Value, patch: &Value, field: &str, kind: Kind) {
    match (live, patch) {
        (Value::Object(live), Value::Object(patch)) => {
            for (field, patch) in patch {
                if let Some(live) = live.get_mut(field) {
                    remove(live, patch, field, kind);
                }
            }
        }
        (Value::Array(live), Value::Array(patch)) => {
            let Some(key) = key_of(field, kind) else {
                return;
            };
            for element in patch {
                if element["$patch"] == "delete" {
                    live.retain(|other| other[key] != element[key]);
                } else if let Some(other) = live.iter_mut().find(|one| one[key] == element[key]) {
                    remove(other, element, &format!("{field}[]"), kind);
                }
            }
        }
        _ => {}
    }
}

fn key_of(field: &str, kind: Kind) -> Option<&'static str> {
    match field {
        _ if kind.optional() => None,
        "containers" | "initContainers" | "env" | "volumes" | "imagePullSecrets" => Some("name"),
        "volumeMounts" => Some("mountPath"),
        "ports" if kind == Kind::Service => Some("port"),
        "ports" if kind.runs_pods() => Some("containerPort"),
        "topologySpreadConstraints" => Some("topologyKey"),
        "hostAliases" => Some("ip"),
        "ownerReferences" => Some("uid"),
        _ => None,
    }
}
