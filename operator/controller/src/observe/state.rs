//! What rollouts, Jobs and volumes are judged by: a tenth of the object, kept until it moves.

use operator_core::object::Kind;
use operator_core::words;
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
        let keeps_messages = kind == Kind::PersistentVolumeClaim;
        let conditions = conditions.map(|one| {
            let fields: &[&str] = if keeps_messages || words::keeps_message(one) {
                &["type", "status", "reason", "message"]
            } else {
                &["type", "status", "reason"]
            };
            only(one, fields)
        });
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
