//! Regular dumps of the managed database into a volume of their own.

use serde_json::{Value, json};
use shared_config::wiring;

use super::{COMPONENT, address};
use crate::api::postgres::Backup;
use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::draft::Sketch;
use crate::plan::pod::{self, Pod};
use crate::plan::{foundation, placement, volume};
use crate::resolve::Resolved;

const SCRIPT: &str = include_str!("../assets/backup.sh");

/// The name of volume, script and `CronJob`.
pub(crate) fn name(resolved: &Resolved) -> String {
    resolved.object_name("backup")
}

/// The objects of the dumps.
pub(crate) fn draft(sketch: &mut Sketch<'_>, settings: &Backup) {
    let name = name(sketch.resolved);
    sketch.config_map(COMPONENT, &name, &json!({"backup.sh": SCRIPT}));
    volume::backup_claim(sketch, COMPONENT, &name, &settings.storage);
    let container = container(sketch, "backup", "scheduled", settings);
    let pod = Pod {
        component: Component::Migration,
        service_account: foundation::service_account(sketch.resolved),
        init_containers: Vec::new(),
        containers: vec![container],
        volumes: volumes(sketch.resolved),
        grace_seconds: 30,
        spread: None,
        runs_once: true,
        overrides: Some(placement::of_job(
            settings.job.as_ref(),
            placement::JOB_TIMEOUT,
        )),
    };
    let mut template = pod::template(sketch, pod);
    template["spec"]["restartPolicy"] = json!("Never");
    let cron = json!({
        "spec": {
            "schedule": settings.schedule,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"spec": {"backoffLimit": 2, "template": template}},
        },
    });
    sketch.apply(COMPONENT, ObjectKey::new(Kind::CronJob, &name), cron);
}

/// A container that takes one dump; `label` tells apart why it was taken.
pub(crate) fn container(sketch: &Sketch<'_>, name: &str, label: &str, settings: &Backup) -> Value {
    let address = address(sketch.resolved);
    pod::container(
        sketch,
        name,
        &sketch.resolved.spec.images.postgres,
        json!({
            "command": ["sh", "/etc/creator/backup.sh"],
            "env": [
                pod::variable("PGHOST", address.host),
                pod::variable("PGPORT", address.port.to_string()),
                pod::variable("PGDATABASE", wiring::DATABASE_NAME),
                pod::variable("PGUSER", "postgres"),
                pod::secret_variable("PGPASSWORD", &address.admin_secret, "password"),
                pod::variable("BACKUP_NAME", label),
                pod::variable("BACKUP_RETAIN", settings.retain.to_string()),
            ],
            "resources": pod::job_resources(settings.job.as_ref(), "512Mi"),
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": [
                {"name": "backup", "mountPath": "/backup"},
                {"name": "script", "mountPath": "/etc/creator"},
            ],
        }),
    )
}

/// The volumes that such a container needs.
pub(crate) fn volumes(resolved: &Resolved) -> Vec<Value> {
    let name = name(resolved);
    vec![
        json!({"name": "backup", "persistentVolumeClaim": {"claimName": name}}),
        json!({"name": "script", "configMap": {"name": name}}),
    ]
}
