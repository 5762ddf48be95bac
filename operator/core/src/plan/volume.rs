//! Volumes: named claims instead of templates, so that they can grow in place.

use serde_json::{Value, json};

use crate::api::Quantity;
use crate::api::storage::Storage;
use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::draft::Sketch;

/// A claim that outlives the platform. It never asks for less than it has: a claim that was kept
/// from an earlier platform, or grown by hand, stays as large as it is.
pub(crate) fn claim(
    sketch: &mut Sketch<'_>,
    component: Component,
    name: &str,
    storage: &Storage,
    access_mode: &str,
) {
    let key = ObjectKey::new(Kind::PersistentVolumeClaim, name);
    let asked = sketch.observed.body(&key).and_then(|body| {
        body.pointer("/spec/resources/requests/storage")
            .and_then(Value::as_str)
            .map(Quantity::from)
    });
    let size = asked
        .filter(|asked| *asked > storage.size)
        .unwrap_or_else(|| storage.size.clone());
    let mut spec = json!({
        "accessModes": [access_mode],
        "resources": {"requests": {"storage": size.canonical()}},
    });
    if let Some(class) = &storage.class_name {
        spec["storageClassName"] = json!(class);
    }
    sketch.retain(component, key, json!({"spec": spec}));
}
