//! The Job that fills a new platform with a backup, before its schema is migrated and its services
//! start.

use serde_json::{Value, json};
use shared_config::backup;

use crate::api::backup::RestoreFrom;
use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::backups::{self, Place, identity};
use crate::plan::draft::Sketch;
use crate::plan::pod::{self, Pod};
use crate::plan::{foundation, job, placement, postgres, service};
use crate::resolve::Resolved;
use crate::rollout::{self, JobState};

const COMPONENT: Component = Component::Restore;
/// More attempts help only against what passes: the program says by name what does not.
const BACKOFF_LIMIT: i32 = 2;

/// The objects of the restore. Once it is done, there is nothing left to plan.
pub(crate) fn draft(sketch: &mut Sketch<'_>) {
    let resolved = sketch.resolved;
    let Some(from) = unfinished(resolved) else {
        return;
    };
    let name = resolved.object_name(COMPONENT.name());
    sketch.config_map(COMPONENT, &name, &json!({"load.sh": backups::LOAD}));
    let place = Place::of_restore(from);
    place.require(sketch, COMPONENT);
    let pod = restore_pod(sketch, from, &place, &name);
    job::once(sketch, pod, BACKOFF_LIMIT, &input(resolved, from));
}

/// What the platform is restored from, until that is done.
fn unfinished(resolved: &Resolved) -> Option<&RestoreFrom> {
    let from = resolved.spec.restore_from.as_ref();
    from.filter(|_| !resolved.restored)
}

/// What makes it another restore.
fn input(resolved: &Resolved, from: &RestoreFrom) -> Value {
    json!({"from": from, "retry": resolved.retry})
}

/// Whether the platform still waits for its backup.
pub(crate) fn is_pending(sketch: &Sketch<'_>) -> bool {
    let resolved = sketch.resolved;
    let Some(from) = unfinished(resolved) else {
        return false;
    };
    let name = job::name(resolved, COMPONENT, &input(resolved, from));
    let live = sketch.observed.body(&ObjectKey::new(Kind::Job, name));
    live.map(rollout::job) != Some(JobState::Succeeded)
}

fn restore_pod(sketch: &Sketch<'_>, from: &RestoreFrom, place: &Place, scripts: &str) -> Pod {
    let resolved = sketch.resolved;
    let origin = from.platform.as_deref().unwrap_or(&resolved.name);
    let address = postgres::address(resolved);
    let mut env = backups::program_environment(origin);
    env.extend(place.env.iter().cloned());
    env.extend(address.environment());
    env.extend(address.admin());
    env.extend([
        pod::variable(backup::BACKUP_SELECT, &from.backup),
        pod::variable(backup::BACKUP_VERSION, &resolved.spec.version),
        pod::variable(backup::BACKUP_FILES_DIR, "/files/uploads"),
        identity::variable(),
        backups::data_key(resolved),
    ]);
    let mut mounts = vec![
        backups::work(),
        identity::mount(),
        json!({"name": "files", "mountPath": "/files"}),
    ];
    mounts.extend(place.mounts(true));
    let ours = |name: &str, phase: &str| {
        let args = ["restore", "--phase", phase];
        let job = from.job.as_ref();
        backups::program(sketch, name, &args, job, &env, &mounts)
    };
    let database = pod::container(
        sketch,
        "database",
        &resolved.spec.images.postgres,
        json!({
            "command": ["sh", "/etc/creator/load.sh"],
            "env": address.libpq(),
            "resources": pod::job_resources(from.job.as_ref(), "512Mi"),
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": backups::scripted(&address),
        }),
    );
    let mut volumes = backups::volumes(scripts);
    volumes.extend(address.ca_volume());
    let claim = service::files(resolved);
    volumes.push(json!({"name": "files", "persistentVolumeClaim": {"claimName": claim}}));
    volumes.push(identity::volume(&from.identity_secret_ref));
    volumes.extend(place.volumes.iter().cloned());
    Pod {
        component: COMPONENT,
        service_account: foundation::service_account(resolved),
        init_containers: vec![ours("fetch", "fetch"), database],
        containers: vec![ours("restore", "finish")],
        volumes,
        grace_seconds: 30,
        spread: None,
        runs_once: true,
        overrides: Some(placement::of_job(from.job.as_ref(), placement::JOB_TIMEOUT)),
    }
}
