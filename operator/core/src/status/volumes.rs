//! Whether the volumes are as the spec asks, and why not.

use serde_json::Value;

use super::{Finding, Planned};
use crate::api::Quantity;
use crate::api::condition::ConditionStatus;
use crate::api::status::VolumeStatus;
use crate::object::{Kind, ObjectKey};
use crate::plan::{Volume, volume};
use crate::reason::Reason;

/// The type of the condition.
const CONDITION: &str = "VolumesReady";
/// Longest message of one volume.
const MESSAGE_MAX: usize = 1000;

/// Every volume of the spec.
pub(super) fn of(planned: &Planned<'_>) -> Vec<VolumeStatus> {
    let volumes = planned.plan.volumes.iter();
    volumes.map(|volume| one(planned, volume)).collect()
}

/// Whether every volume is as the spec asks. A platform works with a volume that differs, so that
/// nothing waits for it.
pub(super) fn finding(planned: &Planned<'_>) -> Option<Finding> {
    let volumes = of(planned);
    if volumes.is_empty() {
        return None;
    }
    let messages = volumes
        .iter()
        .filter_map(|volume| Some(format!("{}: {}", volume.name, volume.message.as_ref()?)));
    let messages: Vec<String> = messages.collect();
    let is_pending = |volume: &VolumeStatus| volume.message.is_none() || volume.capacity.is_none();
    let (status, reason) = if messages.is_empty() {
        (ConditionStatus::True, Reason::Reconciled)
    } else if volumes.iter().all(is_pending) {
        (ConditionStatus::False, Reason::VolumePending)
    } else {
        (ConditionStatus::False, Reason::VolumeDiffers)
    };
    Some(Finding {
        kind: CONDITION,
        status,
        reason,
        message: messages.join(" "),
    })
}

fn one(planned: &Planned<'_>, volume: &Volume) -> VolumeStatus {
    let key = ObjectKey::new(Kind::PersistentVolumeClaim, volume.name.clone());
    let claim = planned.observed.body(&key);
    let requested = claim.and_then(volume::requested);
    let capacity = claim
        .and_then(|claim| claim.pointer("/status/capacity/storage")?.as_str())
        .map(Quantity::from);
    let message = claim.and_then(|claim| {
        difference(volume, claim, requested.as_ref(), capacity.as_ref())
            .map(|message| message.chars().take(MESSAGE_MAX).collect())
    });
    VolumeStatus {
        name: volume.name.clone(),
        size: volume.size.0.clone(),
        requested: requested.map(|size| size.0),
        capacity: capacity.map(|size| size.0),
        message,
    }
}

/// In what a claim differs from the spec, and what a person can do.
fn difference(
    volume: &Volume,
    claim: &Value,
    requested: Option<&Quantity>,
    capacity: Option<&Quantity>,
) -> Option<String> {
    let class = claim["spec"]["storageClassName"].as_str();
    if volume::is_pending(claim) {
        return Some(pending(volume, class, requested));
    }
    if let (Some(wanted), Some(class)) = (volume.class_name.as_deref(), class)
        && wanted != class
    {
        return Some(format!(
            "The volume keeps the storage class {class}, since the class of a volume cannot \
             change. Set the class in the spec back, or restore a backup into a new platform."
        ));
    }
    let requested = requested?;
    if *requested > volume.size {
        return Some(format!(
            "The volume keeps the size {}, since a volume cannot shrink. Set that size in the \
             spec, or restore a backup into a new platform.",
            requested.0
        ));
    }
    if *requested < volume.size {
        return Some(format!(
            "The claim still requests {}. If its storage class does not allow expansion, set that \
             size in the spec.",
            requested.0
        ));
    }
    let capacity = capacity.filter(|capacity| *capacity < requested)?;
    let errors = claim["status"]["conditions"].as_array();
    let errors = errors.into_iter().flatten();
    let errors: Vec<&str> = errors
        .filter(|condition| condition["status"] == "True")
        .filter_map(|condition| condition["message"].as_str())
        .filter(|message| !message.is_empty())
        .collect();
    Some(format!(
        "The volume has {} of {} and is being expanded. {}",
        capacity.0,
        requested.0,
        errors.join(" ")
    ))
}

/// A claim without a volume holds nothing, so that it can be made again.
fn pending(volume: &Volume, class: Option<&str>, requested: Option<&Quantity>) -> String {
    let is_as_asked = requested == Some(&volume.size)
        && volume
            .class_name
            .as_deref()
            .is_none_or(|wanted| Some(wanted) == class);
    if is_as_asked {
        return "The claim has no volume yet. Its events say why, such as a storage class that does \
                not exist."
            .to_owned();
    }
    format!(
        "The claim has no volume yet and was created for another size or class, which cannot \
         change. It holds no data: delete it (kubectl delete pvc {}), and the operator creates it \
         as the spec asks.",
        volume.name
    )
}
