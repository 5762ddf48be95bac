//! Versions, endpoint, migrations and components, as the plan and the look show them.

use shared_config::Store;

use crate::api::status::{
    ADDITIONS_MAX, ComponentStatus, MigrationStatus, PlatformStatus, StoreStatus, VersionStatus,
};
use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::{Change, Item, Plan, readiness, stores};
use crate::rollout::{self, JobState, Rollout};
use crate::status::{Planned, volumes};

/// Whether a component has a workload or Job in the plan.
pub(super) fn has_workload(plan: &Plan, component: Component) -> bool {
    plan.items()
        .any(|item| item.component == component && item.key.kind.runs_pods())
}

/// Whether the workload that is there serves, whatever is still to change in it.
pub(super) fn serves(planned: &Planned<'_>, component: Component) -> bool {
    rollout_of(planned, component).is_some_and(|rollout| rollout.available)
}

/// Whether the workload of a component is not yet what the spec asks for.
pub(super) fn is_moving(planned: &Planned<'_>, component: Component) -> bool {
    let Some(part) = planned.plan.part(component) else {
        return false;
    };
    let mut workloads = part.items.iter().filter(|item| item.key.kind.runs_pods());
    !part.blocked.is_empty()
        || workloads.any(|item| {
            let rollout = progress(planned, item);
            item.change != Change::None || rollout.is_some_and(|rollout| !rollout.rolled_out)
        })
}

/// How many replicas of a workload are missing, as a sentence, with what its pods report.
pub(super) fn shortfall(planned: &Planned<'_>, component: Component) -> Option<String> {
    let rollout = rollout_of(planned, component)?;
    if rollout.ready >= rollout.desired {
        return None;
    }
    let words = planned.observed.words.iter();
    let of_component = |key: &ObjectKey| {
        let mut items = planned.plan.items();
        items.any(|item| item.component == component && item.key == *key)
    };
    let said = words
        .filter(|(key, _)| of_component(key))
        .map(|(_, said)| said);
    let said = said.fold(String::new(), |text, said| {
        text + " " + said.trim_end_matches('.') + "."
    });
    Some(format!(
        "{} of {} replicas are ready.{said}",
        rollout.ready, rollout.desired
    ))
}

fn rollout_of(planned: &Planned<'_>, component: Component) -> Option<Rollout> {
    let mut items = planned.plan.items();
    let workload = items.find(|item| item.component == component && item.key.kind.runs_pods())?;
    progress(planned, workload)
}

/// Fills in everything but conditions and pending plan.
pub(super) fn fill(status: &mut PlatformStatus, planned: &Planned<'_>) {
    let Planned {
        resolved,
        observed,
        plan,
    } = planned;
    let complete = plan.is_complete();
    let target = resolved.spec.version.clone();
    let before = status.version.take().and_then(|version| version.running);
    let running = if complete {
        Some(target.clone())
    } else {
        before
    };
    status.version = Some(VersionStatus {
        running,
        target: target.clone(),
    });
    status.endpoint = Some(resolved.public_url.clone());
    status.token_issuer = Some(resolved.token_issuer.clone());
    status.tenants = Some(observed.tenants);
    let before = status
        .migrations
        .take()
        .and_then(|migrations| migrations.current);
    status.migrations = migration(plan).map(|item| {
        let done = item.change == Change::None
            && observed.body(&item.key).map(rollout::job) == Some(JobState::Succeeded);
        MigrationStatus {
            current: if done { Some(target.clone()) } else { before },
            target,
            job: item.key.name.clone(),
        }
    });
    status.additions = additions(plan);
    status.volumes = volumes::of(planned);
    status.stores = stores(&status.stores, planned);
    status.components = plan
        .items()
        .filter_map(|item| component(planned, item))
        .collect();
}

/// The versions that the data of the stores belongs to: those of the programs that serve it. What
/// a tag does not tell stays as it was for PostgreSQL, which starts on data of its own version
/// only, and is unknown for the others.
fn stores(known: &[StoreStatus], planned: &Planned<'_>) -> Vec<StoreStatus> {
    let of_store = |store: Store| {
        let known = known.iter().find(|one| one.name == store.name()).cloned();
        let mut items = planned.plan.items();
        let workload = items.find(|item| {
            item.component == Component::Store(store) && item.key.kind == Kind::StatefulSet
        })?;
        let serves = workload.change == Change::None
            && progress(planned, workload).is_some_and(|rollout| rollout.rolled_out);
        if !serves {
            return known;
        }
        match stores::version(store, workload) {
            Some(version) => Some(StoreStatus {
                name: store.name().to_owned(),
                version: version.to_string(),
            }),
            None => known.filter(|_| store == Store::Postgres),
        }
    };
    Store::ALL.into_iter().filter_map(of_store).collect()
}

/// What others added to objects and is left there, one line each.
fn additions(plan: &Plan) -> Vec<String> {
    let lines = plan.items().flat_map(|item| {
        let paths = item.tolerated.iter();
        paths.map(move |path| format!("{}: {path}", item.key))
    });
    lines.take(ADDITIONS_MAX).collect()
}

fn migration(plan: &Plan) -> Option<&Item> {
    plan.items()
        .find(|item| item.component == Component::Migration && item.key.kind == Kind::Job)
}

fn component(planned: &Planned<'_>, item: &Item) -> Option<ComponentStatus> {
    if !item.key.kind.runs_pods() || item.key.kind == Kind::Job {
        return None;
    }
    let body = item.desired.body();
    let wanted = body
        .pointer("/spec/replicas")
        .or_else(|| body.pointer("/spec/instances"))
        .and_then(serde_json::Value::as_i64)
        .and_then(|number| i32::try_from(number).ok());
    let rollout = progress(planned, item).unwrap_or_default();
    let image = body
        .pointer("/spec/template/spec/containers/0/image")
        .or_else(|| body.pointer("/spec/imageName"))
        .and_then(serde_json::Value::as_str);
    Some(ComponentStatus {
        name: item.component.name().to_owned(),
        ready: rollout.ready,
        // Without a number of ours an autoscaler decides: then the live one is the wanted one.
        desired: wanted.unwrap_or(rollout.desired),
        image: image.unwrap_or_default().to_owned(),
    })
}

fn progress(planned: &Planned<'_>, item: &Item) -> Option<Rollout> {
    readiness::progress(item, planned.observed)
}
