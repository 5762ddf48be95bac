//! What has to be done, in which order, and why: total and deterministic.

use std::collections::BTreeMap;

use shared_config::{Service, Store};

use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::observed::Observed;
use crate::resolve::Resolved;

use compare::Compared;
use draft::{Draft, Sketch};

mod availability;
pub(crate) mod backups;
mod chroma;
mod compare;
mod differences;
mod draft;
mod environment;
mod foundation;
pub mod gateway;
mod images;
mod job;
pub mod labels;
mod merge;
mod migration;
mod model;
mod model_servers;
mod monitoring;
mod needs;
mod network;
mod ollama;
mod placement;
mod pod;
mod postgres;
mod prune;
pub(crate) mod readiness;
mod redis;
pub(crate) mod restore;
mod service;
mod stateful_set;
pub(crate) mod stores;
pub(crate) mod volume;

pub use backups::is_backup_job;
pub use compare::UNREAD;
pub use differences::{Differences, between as differences};
pub use foundation::provisioning_secret;
pub use images::images;
pub use model::{Change, Desired, Gate, Generate, Item, Part, Plan, Pruned, Step, Volume, Wait};

/// Annotation with the hash of an applied body.
pub const APPLIED_HASH: &str = "creatorplatform.io/applied-hash";
/// Annotation of a pod template with the hash of what the pods read.
pub const CONFIG_HASH: &str = "creatorplatform.io/config-hash";
/// Field manager of everything but status.
pub const FIELD_MANAGER: &str = "creator-operator";
/// Field manager of the number of replicas while it passes to an autoscaler.
pub const REPLICAS_FIELD_MANAGER: &str = "creator-operator-replicas";
/// Field manager of status.
pub const STATUS_FIELD_MANAGER: &str = "creator-operator-status";

/// Plans a platform.
pub fn plan(resolved: &Resolved, observed: &Observed) -> Plan {
    let mut sketch = drafted(resolved, observed);
    let drafts = std::mem::take(&mut sketch.drafts);
    let holds_data = holds_data(resolved, observed);
    let mut items: BTreeMap<Component, Vec<Item>> = BTreeMap::new();
    for draft in drafts {
        let item = item(draft, resolved, observed, holds_data);
        items.entry(item.component).or_default().push(item);
    }
    let mut plan = Plan {
        parts: Vec::new(),
        prune: Vec::new(),
        volumes: std::mem::take(&mut sketch.volumes),
    };
    // Each component comes after those that it needs, so that their gates are known.
    for component in Component::all() {
        let mut items = items.remove(&component).unwrap_or_default();
        items.sort_by_key(|item| item.key.kind.runs_pods());
        let blocked = readiness::blocked(component, &items, &sketch);
        let unready: Vec<Component> = plan.unready_needs(component).collect();
        let gate = readiness::gate(component, &items, &blocked, &unready, &sketch);
        plan.parts.push(Part {
            component,
            items,
            blocked,
            gate,
        });
    }
    plan.prune = prune::of(&plan.parts, resolved, observed);
    plan
}

/// Every object of the platform.
fn drafted<'a>(resolved: &'a Resolved, observed: &'a Observed) -> Sketch<'a> {
    let mut sketch = Sketch::new(resolved, observed);
    foundation::draft(&mut sketch);
    network::policies(&mut sketch);
    postgres::draft(&mut sketch);
    redis::draft(&mut sketch);
    chroma::draft(&mut sketch);
    ollama::draft(&mut sketch);
    restore::draft(&mut sketch);
    migration::draft(&mut sketch);
    ollama::models(&mut sketch);
    for service in Service::ALL {
        service::draft(&mut sketch, service);
    }
    gateway::draft(&mut sketch);
    backups::draft(&mut sketch);
    monitoring::draft(&mut sketch);
    sketch.generated = sketch
        .drafts
        .iter()
        .filter(|draft| draft.key.kind.is_secret())
        .map(|draft| draft.key.name.clone())
        .collect();
    sketch
}

fn item(draft: Draft, resolved: &Resolved, observed: &Observed, holds_data: bool) -> Item {
    let (key, desired) = (draft.key, draft.desired);
    let policy = resolved.spec.drift;
    let Compared {
        change,
        tolerated,
        removal,
        keep_replicas,
    } = compare::compare(&key, &desired, observed, policy, holds_data);
    Item {
        key,
        desired,
        change,
        component: draft.component,
        tolerated,
        removal,
        keep_replicas,
    }
}

/// Whether a database of the platform was there before: what it holds may be encrypted.
fn holds_data(resolved: &Resolved, observed: &Observed) -> bool {
    let name = resolved.object_name(Store::Postgres.name());
    let kinds = [Kind::PersistentVolumeClaim, Kind::CnpgCluster];
    kinds.into_iter().any(|kind| {
        observed
            .objects
            .contains_key(&ObjectKey::new(kind, name.clone()))
    })
}
