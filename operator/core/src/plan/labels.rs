//! Labels and owner references: how objects are found, counted and collected.

use serde_json::{Value, json};

use crate::api::{GROUP, VERSION};
use crate::component::Component;
use crate::resolve::Resolved;

/// Label that names the manager; every object has it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGER: &str = "creator-operator";
/// Label that names the product.
pub const PART_OF: &str = "app.kubernetes.io/part-of";
/// Value of [`PART_OF`].
pub const PRODUCT: &str = "creator-platform";
/// Label that names the platform.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Label that names the component.
pub const COMPONENT: &str = "app.kubernetes.io/component";
const NAME: &str = "app.kubernetes.io/name";
const VERSION_LABEL: &str = "app.kubernetes.io/version";

/// Labels of an object.
pub(crate) fn of_object(resolved: &Resolved, component: Component) -> Value {
    let mut labels = of_pod(resolved, component);
    // Only what changes with the version carries it: an upgrade leaves all other objects alone.
    if matches!(
        component,
        Component::Service(_) | Component::Migration | Component::Models
    ) {
        labels[VERSION_LABEL] = json!(resolved.spec.version);
    }
    labels
}

/// Labels of a pod.
pub(crate) fn of_pod(resolved: &Resolved, component: Component) -> Value {
    json!({
        MANAGED_BY: MANAGER,
        PART_OF: PRODUCT,
        INSTANCE: resolved.name,
        COMPONENT: component.name(),
        NAME: component.name(),
    })
}

/// Labels that select the pods of a component.
pub(crate) fn selector(resolved: &Resolved, component: Component) -> Value {
    json!({INSTANCE: resolved.name, COMPONENT: component.name()})
}

/// An object that outlives the platform, marked for Argo CD. It has the label by which Argo CD may
/// find the objects of an Application of the same name, and no owner: without these annotations, a
/// synchronisation that prunes would delete it with its data.
pub(crate) fn kept(mut rest: Value) -> Value {
    let annotations = &mut rest["metadata"]["annotations"];
    annotations["argocd.argoproj.io/compare-options"] = json!("IgnoreExtraneous");
    annotations["argocd.argoproj.io/sync-options"] = json!("Prune=false,Delete=false");
    rest
}

/// The platform as the controller of an object; `None` when its identity is not known.
pub(crate) fn owner(resolved: &Resolved) -> Option<Value> {
    (!resolved.uid.is_empty()).then(|| {
        json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": "CreatorPlatform",
            "name": resolved.name,
            "uid": resolved.uid,
            "controller": true,
        })
    })
}
