//! The definitions of the custom resources, as objects and as text.

mod descriptions;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use schemars::JsonSchema;
use serde_json::Value;

use crate::api::{
    CreatorPlatform, CreatorPlatformSpec, PlatformStatus, Tenant, TenantSpec, TenantStatus,
};

/// Both definitions.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        tidied::<CreatorPlatformSpec, PlatformStatus>(CreatorPlatform::crd()),
        tidied::<TenantSpec, TenantStatus>(Tenant::crd()),
    ]
}

/// Both definitions as YAML documents.
///
/// # Errors
/// None in practice: the definitions have string keys only.
pub fn crds_yaml() -> Result<String, serde_yaml_ng::Error> {
    let mut text = String::new();
    for crd in crds() {
        text.push_str("---\n");
        text.push_str(&serde_yaml_ng::to_string(&crd)?);
    }
    Ok(text)
}

/// An explicit null is no value that we know a meaning of: without `nullable` the server refuses
/// it, and `has()` in a rule means what it says. An optional field is described by its own words.
fn tidied<Spec: JsonSchema, Status: JsonSchema>(
    crd: CustomResourceDefinition,
) -> CustomResourceDefinition {
    let Ok(mut value) = serde_json::to_value(&crd) else {
        return crd;
    };
    drop_nullable(&mut value);
    for (part, written) in [
        ("spec", descriptions::schema::<Spec>()),
        ("status", descriptions::schema::<Status>()),
    ] {
        let path = format!("/spec/versions/0/schema/openAPIV3Schema/properties/{part}");
        if let Some(schema) = value.pointer_mut(&path) {
            descriptions::restore(schema, &written);
        }
    }
    serde_json::from_value(value).unwrap_or(crd)
}

fn drop_nullable(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| !(key == "nullable" && value.is_boolean()));
            map.values_mut().for_each(drop_nullable);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nullable),
        _ => {}
    }
}
