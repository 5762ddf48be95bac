//! What rollouts, Jobs and volumes are judged by: a tenth of the object, kept until it moves.

use operator_core::object::Kind;
use serde_json::{Map, Value, json};

/// The fields of a spec that are part of the state.
const SPEC: [&str; 6] = [
    "replicas",
    "instances",
    "selector",
    "resources",
    "storageClassName",
    "accessModes",
];

/// The state of an object whose state matters.
pub(crate) fn of(kind: Kind, body: &Value) -> Option<Value> {
    kind.needs_body().then(|| {
        let conditions = body["status"]["conditions"].as_array();
        let conditions = conditions.into_iter().flatten();
        let fields: &[&str] = if kind == Kind::PersistentVolumeClaim {
            &["type", "status", "reason", "message"]
        } else {
            &["type", "status", "reason"]
        };
        let conditions = conditions.map(|one| only(one, fields));
        let conditions: Vec<Value> = conditions.collect();
        let mut status = body["status"].clone();
        if let Some(status) = status.as_object_mut() {
            status.insert("conditions".to_owned(), Value::Array(conditions));
        }
        json!({
            "metadata": only(&body["metadata"], &["generation", "deletionTimestamp"]),
            "spec": only(&body["spec"], &SPEC),
            "status": status,
        })
    })
}

fn only(value: &Value, fields: &[&str]) -> Value {
    let kept = fields
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), value.get(*field)?.clone())));
    Value::Object(kept.collect::<Map<_, _>>())
}
