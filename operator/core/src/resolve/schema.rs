//! The schemas of the custom resources, ready to be run against values.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kube_cel::{CompiledSchema, compile_schema};
use serde_json::Value;

use crate::crds::crds;

/// A schema and its rules, compiled once: that takes longer than running them.
pub(super) struct Known {
    pub(super) schema: Value,
    pub(super) rules: CompiledSchema,
}

/// The schema of a kind, as it stands in its definition.
pub(super) fn of(kind: &str) -> Option<&'static Known> {
    static ALL: LazyLock<BTreeMap<String, Known>> = LazyLock::new(|| {
        let known = crds().into_iter().filter_map(|crd| {
            let kind = crd.spec.names.kind;
            let version = crd.spec.versions.into_iter().next()?;
            let schema = serde_json::to_value(version.schema?.open_api_v3_schema?).ok()?;
            let rules = compile_schema(&schema);
            Some((kind, Known { schema, rules }))
        });
        known.collect()
    });
    ALL.get(kind)
}
