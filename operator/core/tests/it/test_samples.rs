//! Every sample as complete YAML: the diff of the golden files is the review of a change.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use operator_core::api::Tenant;
use operator_core::plan::{APPLIED_HASH, Desired};
use serde_json::Value;
use similar::TextDiff;

use crate::fixtures::{SAMPLES, root, sample};
use crate::golden;
use crate::world::at_rest;

/// The sample that is written whole; every other one is written as its difference to it.
const WHOLE: &str = "minimal";

#[test]
fn every_sample_is_planned_as_its_golden_files_say() {
    let folder = root().join("operator/core/tests/it/golden");
    let whole = planned(WHOLE);
    let mut files = BTreeMap::from([(format!("{WHOLE}.yaml"), whole.clone())]);
    for name in SAMPLES.into_iter().filter(|name| *name != WHOLE) {
        let text = planned(name);
        let diff = TextDiff::from_lines(whole.as_str(), text.as_str());
        let diff = diff.unified_diff().context_radius(1).to_string();
        files.insert(format!("{name}.diff"), diff);
    }
    golden::folder(&folder, &files);
}

/// Every object of a sample, part by part. The name of the platform is that of the whole sample,
/// since it would else be most of the difference.
fn planned(name: &str) -> String {
    let mut platform = sample(name);
    platform.metadata.name = sample(WHOLE).metadata.name;
    platform.metadata.namespace = sample(WHOLE).metadata.namespace;
    let plan = at_rest(&platform).plan(&platform);
    let mut text = String::new();
    for part in &plan.parts {
        for item in &part.items {
            writeln!(text, "---\n# {}: {}", part.component.name(), item.key).expect("a String");
            let body = without_hashes(item.desired.body().clone());
            text += &serde_yaml_ng::to_string(&body).expect("YAML");
            if let Desired::Secret { generate, .. } = &item.desired {
                for (key, how) in generate {
                    writeln!(text, "# generated once: {key} ({how:?})").expect("a String");
                }
            }
        }
    }
    text
}

/// The hash of a body repeats what the body says; the one of what pods read does not.
fn without_hashes(mut body: Value) -> Value {
    if let Some(annotations) = body["metadata"]["annotations"].as_object_mut() {
        annotations.remove(APPLIED_HASH);
    }
    body
}

#[test]
fn the_sample_tenant_is_a_tenant() {
    let text = std::fs::read_to_string(root().join("crds/samples/tenant.yaml")).expect("a file");
    let tenant: Tenant = serde_yaml_ng::from_str(&text).expect("a tenant");
    assert_eq!(tenant.spec.platform_ref.name, "demo");
}
