//! Volumes: named claims instead of templates, so that they can grow in place.

use serde_json::{Value, json};

use crate::api::Quantity;
use crate::api::storage::Storage;
use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::Volume;
use crate::plan::draft::Sketch;

/// A claim with backups: it outlives the platform whatever happens to its data.
pub(crate) fn backup_claim(
    sketch: &mut Sketch<'_>,
    component: Component,
    name: &str,
    storage: &Storage,
) {
    let rest = asked(sketch, name, storage, "ReadWriteOnce");
    sketch.keep(
        component,
        ObjectKey::new(Kind::PersistentVolumeClaim, name),
        rest,
    );
}

/// A claim that outlives the platform, unless its deletion with the platform is confirmed.
pub(crate) fn claim(
    sketch: &mut Sketch<'_>,
    component: Component,
    name: &str,
    storage: &Storage,
    access_mode: &str,
) {
    let rest = asked(sketch, name, storage, access_mode);
    sketch.retain(
        component,
        ObjectKey::new(Kind::PersistentVolumeClaim, name),
        rest,
    );
}

/// What a claim asks for. It never asks for less than it has: a claim that was kept from an earlier
/// platform, or grown by hand, stays as large as it is. Neither can a claim change its class or
/// access mode, so that it keeps those, too, and one without a volume its size. The operator has no
/// right to delete claims: the status says when a person has to.
fn asked(sketch: &mut Sketch<'_>, name: &str, storage: &Storage, access_mode: &str) -> Value {
    sketch.volumes.push(Volume {
        name: name.to_owned(),
        size: storage.size.clone(),
        class_name: storage.class_name.clone(),
    });
    let key = ObjectKey::new(Kind::PersistentVolumeClaim, name);
    let live = sketch.observed.body(&key);
    let is_pending = live.is_some_and(is_pending);
    let size = live
        .and_then(requested)
        .filter(|asked| is_pending || *asked > storage.size)
        .unwrap_or_else(|| storage.size.clone());
    let mut spec = json!({
        "accessModes": [access_mode],
        "resources": {"requests": {"storage": size.canonical()}},
    });
    if let Some(class) = &storage.class_name {
        spec["storageClassName"] = json!(class);
    }
    for field in ["accessModes", "storageClassName"] {
        let kept = live.and_then(|body| body["spec"].get(field));
        if let Some((ours, kept)) = spec.get_mut(field).zip(kept) {
            *ours = kept.clone();
        }
    }
    json!({"spec": spec})
}

/// The size that a claim requests.
pub(crate) fn requested(claim: &Value) -> Option<Quantity> {
    let size = claim.pointer("/spec/resources/requests/storage")?;
    size.as_str().map(Quantity::from)
}

/// Whether a claim has no volume yet.
pub(crate) fn is_pending(claim: &Value) -> bool {
    claim["status"]["phase"] == "Pending"
}
