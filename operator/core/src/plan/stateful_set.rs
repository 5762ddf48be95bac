//! Stateful sets: one replica that mounts a claim by its name.

use serde_json::json;

use crate::object::{Kind, ObjectKey};
use crate::plan::draft::Sketch;
use crate::plan::labels;
use crate::plan::pod::{self, Pod};

/// The one replica of a store. Its volumes are in the pod: a template for claims could not grow.
pub(crate) fn single(sketch: &mut Sketch<'_>, name: &str, pod: Pod) {
    let component = pod.component;
    let template = pod::template(sketch, pod);
    let set = json!({
        "spec": {
            "replicas": 1,
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": labels::selector(sketch.resolved, component)},
            "template": template,
        },
    });
    let key = ObjectKey::new(Kind::StatefulSet, name);
    sketch.apply(component, key, set);
}
