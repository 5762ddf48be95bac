//! Objects that are ours and that the plan lacks.

use std::collections::BTreeSet;

use crate::object::{Kind, ObjectKey};
use crate::observed::Observed;
use crate::plan::{Pruned, Stage};

/// Every owned object that no stage names. Data outlives: volumes and generated Secrets stay.
pub(crate) fn of(stages: &[Stage], observed: &Observed) -> Vec<Pruned> {
    let planned: BTreeSet<&ObjectKey> = stages
        .iter()
        .flat_map(|stage| &stage.items)
        .map(|item| &item.key)
        .collect();
    observed
        .objects
        .iter()
        .filter(|(key, live)| live.owned && !planned.contains(key) && !holds_data(key.kind))
        .map(|(key, live)| Pruned {
            key: key.clone(),
            uid: live.uid.clone(),
            resource_version: live.resource_version.clone(),
            reason: "the spec no longer includes it".to_owned(),
        })
        .collect()
}

const fn holds_data(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::PersistentVolumeClaim | Kind::Secret | Kind::CnpgCluster
    )
}
