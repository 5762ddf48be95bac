//! The schemas of the custom resources, ready to be run against values.

use kube_cel::{CompiledSchema, compile_schema};
use serde_json::Value;

use crate::crds::crds;

/// The schema of a kind, as it stands in its definition.
pub fn of(kind: &str) -> Option<Value> {
    let crd = crds().into_iter().find(|crd| crd.spec.names.kind == kind)?;
    let version = crd.spec.versions.into_iter().next()?;
    serde_json::to_value(version.schema?.open_api_v3_schema?).ok()
}

/// The rules of a kind, compiled.
pub fn compiled(kind: &str) -> Option<CompiledSchema> {
    of(kind).map(|schema| compile_schema(&schema))
}
