//! Overrides of pod templates: merged as Kubernetes merges them, named lists element by element.

use serde_json::{Map, Value};

use crate::api::Quantity;

/// Merges `patch` into `base`: objects field by field, lists of named things by name, other lists
/// and values as a whole. `null` and `$patch: delete` remove.
pub(crate) fn strategic(base: &mut Value, patch: &Value) {
    let (Value::Object(base), Value::Object(patch)) = (&mut *base, patch) else {
        *base = patch.clone();
        return;
    };
    for (field, value) in patch {
        match (base.get_mut(field), value) {
            (_, Value::Null) => {
                base.remove(field);
            }
            (Some(old @ Value::Object(_)), Value::Object(_)) => strategic(old, value),
            (Some(Value::Array(old)), Value::Array(new)) if list_key(field).is_some() => {
                merge_list(old, new, list_key(field).unwrap_or("name"));
            }
            _ => {
                base.insert(field.clone(), without_nulls(value));
            }
        }
    }
}

/// By which field the elements of a list are told apart; `None` for a list that is one value.
fn list_key(field: &str) -> Option<&'static str> {
    match field {
        "containers" | "initContainers" | "env" | "volumes" | "imagePullSecrets" => Some("name"),
        "volumeMounts" => Some("mountPath"),
        "ports" => Some("containerPort"),
        "topologySpreadConstraints" => Some("topologyKey"),
        "hostAliases" => Some("ip"),
        _ => None,
    }
}

fn merge_list(base: &mut Vec<Value>, patch: &[Value], key: &str) {
    for element in patch {
        let same = |old: &Value| old.get(key).is_some() && old.get(key) == element.get(key);
        let found = base.iter().position(same);
        if element.get("$patch").and_then(Value::as_str) == Some("delete") {
            if let Some(index) = found {
                base.remove(index);
            }
        } else if let Some(old) = found.and_then(|index| base.get_mut(index)) {
            // A variable that takes its value from elsewhere must lose the value it had.
            if key == "name"
                && (element.get("value").is_some() || element.get("valueFrom").is_some())
            {
                *old = without_nulls(element);
            } else {
                strategic(old, element);
            }
        } else {
            base.push(without_nulls(element));
        }
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                kept.map(|(key, value)| (key.clone(), without_nulls(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

/// Writes the amounts of every container as the server stores them, so that comparing is exact.
pub(crate) fn canonical_amounts(template: &mut Value) {
    for field in ["initContainers", "containers"] {
        let containers = template.pointer_mut(&format!("/spec/{field}"));
        for container in containers
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            for part in ["requests", "limits"] {
                let amounts = container.pointer_mut(&format!("/resources/{part}"));
                if let Some(amounts) = amounts.and_then(Value::as_object_mut) {
                    canonical(amounts);
                }
            }
        }
    }
}

fn canonical(amounts: &mut Map<String, Value>) {
    for amount in amounts.values_mut() {
        let text = match amount {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        *amount = Value::String(Quantity(text).canonical().0);
    }
}
