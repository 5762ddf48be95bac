//! The chart's copy of the CRDs, kept in step.

use std::fs;

/// `UPDATE_GOLDEN=1` rewrites the copy.
#[test]
fn the_chart_carries_the_crds_of_this_operator_and_keeps_them() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../charts/creator-operator/files/crds.yaml"
    );
    let mut expected = String::new();
    for mut crd in operator_core::crds() {
        let annotations = crd.metadata.annotations.get_or_insert_default();
        // Uninstalling the chart must not delete the platforms of a cluster.
        annotations.insert("helm.sh/resource-policy".to_owned(), "keep".to_owned());
        expected.push_str("---\n");
        expected.push_str(&serde_yaml_ng::to_string(&crd).unwrap());
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, &expected).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{path} is stale: run `make generate`");
}
