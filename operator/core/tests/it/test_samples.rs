//! Every sample as complete YAML: the diff of the golden files is the review of a change.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use operator_core::api::Tenant;
use operator_core::plan::Desired;

use crate::fixtures::{SAMPLES, root, sample};
use crate::golden;
use crate::world::at_rest;

#[test]
fn every_sample_is_planned_as_its_golden_files_say() {
    for name in SAMPLES {
        let platform = sample(name);
        let plan = at_rest(&platform).plan(&platform);
        let mut files = BTreeMap::new();
        for stage in &plan.stages {
            for item in &stage.items {
                let mut text = serde_yaml_ng::to_string(item.desired.body()).expect("YAML");
                if let Desired::Secret { generate, .. } = &item.desired {
                    for (key, how) in generate {
                        writeln!(text, "# generated once: {key} ({how:?})").expect("a String");
                    }
                }
                let kind = item.key.kind.kind().to_lowercase();
                let path = format!("{}/{kind}-{}.yaml", stage.name.name(), item.key.name);
                assert!(files.insert(path, text).is_none(), "{} twice", item.key);
            }
        }
        golden::folder(
            &root().join("operator/core/tests/it/golden").join(name),
            &files,
        );
    }
}

#[test]
fn the_sample_tenant_is_a_tenant() {
    let text = std::fs::read_to_string(root().join("crds/samples/tenant.yaml")).expect("a file");
    let tenant: Tenant = serde_yaml_ng::from_str(&text).expect("a tenant");
    assert_eq!(tenant.spec.platform_ref.name, "demo");
}
