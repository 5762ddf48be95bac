//! Whether volumes and Secrets would go with the platform if it was deleted now.

use super::{Finding, Planned};
use crate::api::backup::DataPolicy;
use crate::api::condition::ConditionStatus;
use crate::object::Kind;
use crate::plan::{Change, Item};
use crate::reason::Reason;
use crate::resolve::CONFIRM_DELETION_ANNOTATION;

/// The type of the condition.
const CONDITION: &str = "DeletesData";

/// Nothing where data stays, which is the default.
pub(super) fn finding(planned: &Planned<'_>) -> Option<Finding> {
    let resolved = planned.resolved;
    if resolved.spec.deletion_policy == DataPolicy::Retain {
        return None;
    }
    let name = &resolved.name;
    let (status, reason, message) = if !resolved.deletes_data {
        let message = format!(
            "spec.deletionPolicy is Delete and not confirmed: volumes and Secrets would stay. To \
             confirm, set the annotation: kubectl annotate creatorplatform {name} \
             {CONFIRM_DELETION_ANNOTATION}={name}"
        );
        (
            ConditionStatus::False,
            Reason::DeletionNotConfirmed,
            message,
        )
    } else if planned.plan.items().any(is_unowned) {
        let message = "Volumes and Secrets are being assigned to the platform.".to_owned();
        (ConditionStatus::False, Reason::Applying, message)
    } else {
        let message = "Volumes and generated Secrets are deleted when the platform is deleted; \
                       volumes with backups stay."
            .to_owned();
        (ConditionStatus::True, Reason::DeletionConfirmed, message)
    };
    Some(Finding {
        kind: CONDITION,
        status,
        reason,
        message,
    })
}

/// Whether an object with data does not have its owner yet.
fn is_unowned(item: &Item) -> bool {
    let holds_data = matches!(
        item.key.kind,
        Kind::PersistentVolumeClaim | Kind::Secret | Kind::CnpgCluster
    );
    let has_owner = item.desired.body()["metadata"]["ownerReferences"].is_array();
    holds_data && has_owner && item.change != Change::None
}
