//! Versions, endpoint, migrations and components, as the plan and the look show them.

use crate::api::status::{ComponentStatus, MigrationStatus, PlatformStatus, VersionStatus};
use crate::component::Component;
use crate::object::Kind;
use crate::plan::{Change, Item, Plan};
use crate::rollout::{self, JobState, Rollout};
use crate::status::Planned;

/// Whether an item is a workload or Job, whose state decides about its stage.
pub(super) const fn gates(item: &Item) -> bool {
    matches!(
        item.key.kind,
        Kind::Deployment | Kind::StatefulSet | Kind::CnpgCluster | Kind::Job
    )
}

/// Whether a component has a workload or Job in the plan.
pub(super) fn has_workload(plan: &Plan, component: Component) -> bool {
    plan.items()
        .any(|item| item.component == component && gates(item))
}

/// Whether the workload that is there serves, whatever is still to change in it.
pub(super) fn runs(planned: &Planned<'_>, component: Component) -> bool {
    let mut items = planned.plan.items();
    let workload = items.find(|item| item.component == component && gates(item));
    workload
        .and_then(|item| progress(planned, item))
        .is_some_and(|rollout| rollout.complete)
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
    status.components = plan
        .items()
        .filter_map(|item| component(planned, item))
        .collect();
}

fn migration(plan: &Plan) -> Option<&Item> {
    plan.items()
        .find(|item| item.component == Component::Migration && item.key.kind == Kind::Job)
}

fn component(planned: &Planned<'_>, item: &Item) -> Option<ComponentStatus> {
    if !gates(item) || item.key.kind == Kind::Job {
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
    let body = planned.observed.body(&item.key)?;
    match item.key.kind {
        Kind::Deployment => Some(rollout::deployment(body)),
        Kind::StatefulSet => Some(rollout::stateful_set(body)),
        Kind::CnpgCluster => Some(rollout::cnpg_cluster(body)),
        _ => None,
    }
}
