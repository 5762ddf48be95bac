//! Stores whose new image could not read their data: their pods stay as they are.

use shared_config::Store;

use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::draft::Sketch;
use crate::plan::{Item, Wait};
use crate::reason::Reason;
use crate::store_version::{StoreVersion, refusal};

/// Why the workload of a store must not be written: the image in the plan is of a version that
/// cannot read what the one of the status has left. Without a volume there is nothing to read.
pub(crate) fn refused(component: Component, items: &[Item], sketch: &Sketch<'_>) -> Option<Wait> {
    let Component::Store(store) = component else {
        return None;
    };
    let data = sketch.resolved.data_versions.get(&store)?;
    let claim = sketch.resolved.object_name(store.name());
    sketch
        .observed
        .live(&ObjectKey::new(Kind::PersistentVolumeClaim, claim))?;
    let workload = items.iter().find(|item| item.key.kind.runs_pods())?;
    let program = version(store, workload)?;
    let message = refusal(store, data, &program)?;
    Some(Wait {
        component,
        reason: Reason::StoreVersionRefused,
        message: format!("{} is left as it is. {message}", workload.key),
    })
}

/// The version that the image of a store's workload has by its tag.
pub(crate) fn version(store: Store, workload: &Item) -> Option<StoreVersion> {
    let body = workload.desired.body();
    let image = body.pointer("/spec/template/spec/containers/0/image")?;
    StoreVersion::of_image(store, image.as_str()?)
}
