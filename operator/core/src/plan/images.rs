//! The container images that a plan's pods need, for a registry mirror or a check of licences.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Plan;

/// The images of every pod that the plan makes or lets others make, without repetition, in order.
pub fn images(plan: &Plan) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for item in plan.items() {
        collect(item.desired.body(), &mut found);
    }
    found
}

/// Pod templates lie at another depth in each kind: a `CronJob` has two of them around one.
fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field) {
                    ("containers" | "initContainers", Value::Array(containers)) => {
                        let images = containers.iter().filter_map(|one| one["image"].as_str());
                        found.extend(images.map(str::to_owned));
                    }
                    // A `Cluster` of CloudNativePG, whose operator makes the pods.
                    ("imageName", Value::String(image)) => {
                        found.insert(image.clone());
                    }
                    _ => collect(field, found),
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                collect(element, found);
            }
        }
        _ => {}
    }
}
