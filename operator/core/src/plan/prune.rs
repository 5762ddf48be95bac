//! Objects that are ours and that the plan lacks.

use std::collections::BTreeSet;

use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::observed::Observed;
use crate::plan::{Gate, Part, Pruned, needs};
use crate::resolve::Resolved;
use crate::rollout::{self, JobState};

/// Every owned object that no part names. Data outlives: volumes and generated Secrets stay.
pub(crate) fn of(parts: &[Part], resolved: &Resolved, observed: &Observed) -> Vec<Pruned> {
    let items = parts.iter().flat_map(|part| &part.items);
    let planned: BTreeSet<&ObjectKey> = items.map(|item| &item.key).collect();
    observed
        .objects
        .iter()
        .filter(|(key, live)| live.owned && !planned.contains(key) && !holds_data(key.kind))
        .map(|(key, live)| {
            let component = component_of(key, resolved);
            Pruned {
                key: key.clone(),
                component,
                uid: live.uid.clone(),
                resource_version: live.resource_version.clone(),
                reason: "the spec no longer includes it".to_owned(),
                due: is_due(key, component, parts, observed),
            }
        })
        .collect()
}

/// Whether an object may go now.
fn is_due(key: &ObjectKey, component: Component, parts: &[Part], observed: &Observed) -> bool {
    if key.kind.is_supplement() {
        return true;
    }
    if key.kind == Kind::Job {
        // A Job that works is left to end: killing a migration helps no one.
        return match observed.body(key).map(rollout::job) {
            Some(JobState::Running) => !rollout::works(observed.body(key)),
            None => false,
            Some(JobState::Succeeded | JobState::Failed) => is_ready(component, parts),
        };
    }
    // What used the object must have been replaced before.
    let concerned = parts.iter().map(|part| part.component);
    let mut concerned = concerned.filter(|part| {
        component == Component::Platform
            || *part == component
            || needs::depends_on(*part, component)
    });
    concerned.all(|part| is_ready(part, parts))
}

fn is_ready(component: Component, parts: &[Part]) -> bool {
    let mut parts = parts.iter().filter(|part| part.component == component);
    parts.all(|part| part.gate == Gate::Open)
}

/// The part that an object belonged to, by its name; the platform where the name tells nothing.
fn component_of(key: &ObjectKey, resolved: &Resolved) -> Component {
    let belongs = |component: &Component| {
        let own = resolved.object_name(component.name());
        let rest = key.name.strip_prefix(&own);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let found = Component::all().into_iter().find(belongs);
    found.unwrap_or(Component::Platform)
}

const fn holds_data(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::PersistentVolumeClaim | Kind::Secret | Kind::CnpgCluster
    )
}
