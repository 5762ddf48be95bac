//! Backups of the whole platform: by schedule and on demand, and the check that the newest one can
//! be restored.

use serde_json::{Value, json};
use shared_config::{Service, backup, keys};

use crate::api::backup::{PlatformBackup, VerifyBackups};
use crate::api::pods::JobSettings;
use crate::api::services::FileAccess;
use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::draft::Sketch;
use crate::plan::pod::{self, Pod};
use crate::plan::postgres::Address;
use crate::plan::{foundation, job, labels, merge, placement, postgres, restore, service, volume};
use crate::resolve::Resolved;

mod place;

pub(crate) use place::{Place, identity};

const COMPONENT: Component = Component::Backups;
const DUMP: &str = include_str!("../../../backup/assets/dump.sh");
const FINGERPRINT: &str = include_str!("../../../backup/assets/fingerprint.sql");
const FILES: &str = include_str!("../../../backup/assets/files.sql");
const SCRATCH: &str = include_str!("../../../backup/assets/scratch.sh");
/// Restores a dump into an empty database.
pub(crate) const LOAD: &str = include_str!("../../../backup/assets/load.sh");
/// Memory of our own program, which passes files on in pieces.
const PROGRAM_MEMORY: &str = "256Mi";

/// The name of claim, scripts and `CronJob` of the backups, and how the names of their Jobs begin.
pub(crate) fn name(platform: &str) -> String {
    format!("{platform}-{}", COMPONENT.name())
}

/// The name of the `CronJob` of the checks, and how the names of their Jobs begin.
pub(crate) fn check_name(platform: &str) -> String {
    format!("{platform}-verify")
}

/// Whether a Job makes, checks or restores backups of a platform, so that its last words matter.
pub fn is_backup_job(platform: &str, key: &ObjectKey) -> bool {
    let restore = format!("{platform}-{}", Component::Restore.name());
    let names = [name(platform), check_name(platform), restore];
    names.iter().any(|name| is_run_of(key, name))
}

/// Whether a Job is one of a schedule or of a request: its name and a part without hyphens.
pub(crate) fn is_run_of(key: &ObjectKey, name: &str) -> bool {
    let rest = key.name.strip_prefix(name);
    let run = rest.and_then(|rest| rest.strip_prefix('-'));
    key.kind == Kind::Job && run.is_some_and(|run| !run.is_empty() && !run.contains('-'))
}

/// The objects of the backups.
pub(crate) fn draft(sketch: &mut Sketch<'_>) {
    let resolved = sketch.resolved;
    let Some(settings) = &resolved.spec.backup else {
        return;
    };
    let own_name = name(&resolved.name);
    let mut scripts = json!({
        "dump.sh": DUMP,
        "fingerprint.sql": FINGERPRINT,
        "files.sql": FILES,
    });
    if settings.verify.is_some() {
        scripts["scratch.sh"] = json!(SCRATCH);
        scripts["load.sh"] = json!(LOAD);
        scripts["passwd"] = json!(postgres::PASSWD);
    }
    sketch.config_map(COMPONENT, &own_name, &scripts);
    if let Some(target) = &settings.target.volume {
        volume::backup_claim(sketch, COMPONENT, &own_name, &target.storage);
    }
    let place = Place::of_backups(resolved, settings);
    place.require(sketch, COMPONENT);
    if let Some(schedule) = &settings.schedule {
        let pod = backup_pod(sketch, settings, &place);
        cron(sketch, &own_name, schedule, pod);
    }
    if let Some(request) = &resolved.backup_request {
        let pod = backup_pod(sketch, settings, &place);
        job::once(sketch, pod, 2, &json!({"request": request}));
    }
    if let Some(verify) = &settings.verify {
        let pod = check_pod(sketch, settings, verify, &place);
        cron(sketch, &check_name(&resolved.name), &verify.schedule, pod);
    }
}

/// Jobs of a schedule. They carry our labels, so that the operator sees them end.
fn cron(sketch: &mut Sketch<'_>, name: &str, schedule: &str, pod: Pod) {
    let resolved = sketch.resolved;
    let mut template = pod::template(sketch, pod);
    template["spec"]["restartPolicy"] = json!("Never");
    let cron = json!({
        "spec": {
            "schedule": schedule,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 1,
            // A backup of a database that is half restored would pass for a whole one.
            "suspend": restore::is_pending(sketch),
            "jobTemplate": {
                "metadata": {"labels": labels::of_object(resolved, COMPONENT)},
                "spec": {"backoffLimit": 2, "template": template},
            },
        },
    });
    sketch.apply(COMPONENT, ObjectKey::new(Kind::CronJob, name), cron);
}

fn backup_pod(sketch: &Sketch<'_>, settings: &PlatformBackup, place: &Place) -> Pod {
    let resolved = sketch.resolved;
    let address = postgres::address(resolved);
    let dump = pod::container(
        sketch,
        "dump",
        &resolved.spec.images.postgres,
        json!({
            "command": ["sh", "/etc/creator/dump.sh"],
            "env": address.libpq(),
            "resources": pod::job_resources(settings.job.as_ref(), "512Mi"),
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": scripted(&address),
        }),
    );
    let mut env = program_environment(&resolved.name);
    env.extend(place.env.iter().cloned());
    env.extend([
        pod::variable(backup::BACKUP_RECIPIENTS, settings.recipients.join(",")),
        pod::variable(backup::BACKUP_RETAIN, settings.retain.to_string()),
        pod::variable(backup::BACKUP_VERSION, &resolved.spec.version),
        pod::variable(backup::BACKUP_FILES_DIR, "/files/uploads"),
        data_key(resolved),
    ]);
    env.extend(other_keys(resolved));
    let mut mounts = vec![
        work(),
        json!({"name": "files", "mountPath": "/files", "readOnly": true}),
    ];
    mounts.extend(place.mounts(false));
    let create = program(
        sketch,
        "backup",
        &["create"],
        settings.job.as_ref(),
        &env,
        &mounts,
    );
    let claim = service::files(resolved);
    let mut all = volumes(&name(&resolved.name));
    all.extend(address.ca_volume());
    all.push(json!({"name": "files",
        "persistentVolumeClaim": {"claimName": claim, "readOnly": true}}));
    all.extend(place.volumes.iter().cloned());
    let mut overrides = beside_the_files(resolved);
    merge::strategic(
        &mut overrides,
        &placement::of_job(settings.job.as_ref(), placement::JOB_TIMEOUT),
    );
    job_pod(resolved, vec![dump], create, all, overrides)
}

/// The pods of a check: what is restored lives in the pod and goes with it.
fn check_pod(
    sketch: &Sketch<'_>,
    settings: &PlatformBackup,
    verify: &VerifyBackups,
    place: &Place,
) -> Pod {
    let resolved = sketch.resolved;
    let mut env = program_environment(&resolved.name);
    env.extend(place.env.iter().cloned());
    env.extend([
        pod::variable(backup::BACKUP_SELECT, "latest"),
        identity::variable(),
    ]);
    let mut mounts = vec![work(), identity::mount()];
    mounts.extend(place.mounts(true));
    let ours = |name: &str, phase: &str| {
        let args = ["verify", "--phase", phase];
        let job = settings.job.as_ref();
        program(sketch, name, &args, job, &env, &mounts)
    };
    let scratch = pod::container(
        sketch,
        "scratch",
        &resolved.spec.images.postgres,
        json!({
            "command": ["sh", "/etc/creator/scratch.sh"],
            "env": [pod::variable(backup::BACKUP_WORK_DIR, "/work")],
            "resources": pod::job_resources(settings.job.as_ref(), "512Mi"),
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": [work(), script(), postgres::passwd_mount(resolved, "script")],
        }),
    );
    let small = pod::job_resources(settings.job.as_ref(), pod::MEMORY_REQUEST);
    let mut init = postgres::write_passwd(sketch, &small);
    init.extend([ours("fetch", "fetch"), scratch]);
    let mut all = volumes(&name(&resolved.name));
    all.push(identity::volume(&verify.identity_secret_ref));
    all.extend(place.volumes.iter().cloned());
    let overrides = placement::of_job(settings.job.as_ref(), placement::JOB_TIMEOUT);
    let finish = ours("verify", "finish");
    job_pod(resolved, init, finish, all, overrides)
}

/// A container of the backup program.
pub(super) fn program(
    sketch: &Sketch<'_>,
    name: &str,
    args: &[&str],
    job: Option<&JobSettings>,
    env: &[Value],
    mounts: &[Value],
) -> Value {
    pod::container(
        sketch,
        name,
        &sketch.resolved.backup_image(),
        json!({
            "command": ["backup"],
            "args": args,
            "env": env,
            "resources": pod::job_resources(job, PROGRAM_MEMORY),
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": mounts,
        }),
    )
}

fn job_pod(
    resolved: &Resolved,
    init_containers: Vec<Value>,
    container: Value,
    volumes: Vec<Value>,
    overrides: Value,
) -> Pod {
    Pod {
        component: COMPONENT,
        service_account: foundation::service_account(resolved),
        init_containers,
        containers: vec![container],
        volumes,
        grace_seconds: 30,
        spread: None,
        runs_once: true,
        overrides: Some(overrides),
    }
}

/// What the program reads in every phase.
pub(crate) fn program_environment(platform: &str) -> Vec<Value> {
    vec![
        pod::variable(keys::LOG_LEVEL, "info"),
        pod::variable(backup::BACKUP_PLATFORM, platform),
        pod::variable(backup::BACKUP_WORK_DIR, "/work"),
        pod::variable(keys::TERMINATION_LOG, job::TERMINATION_LOG),
    ]
}

/// The key that values in the database are encrypted with.
pub(crate) fn data_key(resolved: &Resolved) -> Value {
    let secret = resolved.object_name(Service::Auth.name());
    pod::secret_variable(keys::DATA_KEY, &secret, keys::DATA_KEY)
}

/// Keys that no stored data is encrypted with, but that links and tokens are signed with.
fn other_keys(resolved: &Resolved) -> [Value; 2] {
    [
        (Service::Auth, keys::SIGNING_SEED),
        (Service::Channel, keys::WIDGET_TOKEN_KEY),
    ]
    .map(|(service, key)| pod::secret_variable(key, &resolved.object_name(service.name()), key))
}

/// The folder that the containers of a pod share.
pub(crate) fn work() -> Value {
    json!({"name": "work", "mountPath": "/work"})
}

/// Where the scripts are.
fn script() -> Value {
    json!({"name": "script", "mountPath": "/etc/creator"})
}

/// What a script mounts that talks to the database.
pub(crate) fn scripted(address: &Address) -> Vec<Value> {
    let mut mounts = vec![work(), script()];
    mounts.extend(address.ca_mount());
    mounts
}

/// The volumes that both of them need.
pub(crate) fn volumes(scripts: &str) -> Vec<Value> {
    vec![
        json!({"name": "work", "emptyDir": {}}),
        json!({"name": "script", "configMap": {"name": scripts}}),
    ]
}

/// A volume that one node may mount is where creator-hub runs.
fn beside_the_files(resolved: &Resolved) -> Value {
    if resolved.spec.services.creator_hub.file_access == FileAccess::ReadWriteMany {
        return json!({});
    }
    let hub = Component::Service(Service::CreatorHub);
    json!({"spec": {"affinity": {"podAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [{
            "weight": 100,
            "podAffinityTerm": {
                "topologyKey": "kubernetes.io/hostname",
                "labelSelector": {"matchLabels": labels::selector(resolved, hub)},
            },
        }],
    }}}})
}
