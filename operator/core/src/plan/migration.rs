//! The Job that makes roles, applies migrations and grants.

use serde_json::{Value, json};
use shared_config::{Service, keys};

use crate::component::Component;
use crate::plan::draft::Sketch;
use crate::plan::postgres::Address;
use crate::plan::{foundation, job, placement, pod, postgres};
use crate::resolve::Resolved;

const COMPONENT: Component = Component::Migration;

/// The migrations of the spec's version.
pub(crate) fn draft(sketch: &mut Sketch<'_>) {
    let resolved = sketch.resolved;
    let address = postgres::address(resolved);
    let container = pod::container(
        sketch,
        COMPONENT.name(),
        &resolved.migrate_image(),
        json!({
            "command": ["migrate"],
            "env": environment(resolved, &address),
            "resources": pod::job_resources(resolved.spec.migrations.job.as_ref(), "256Mi"),
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }),
    );
    let (init_containers, volumes) = dump_first(sketch);
    let run = job::Run {
        component: COMPONENT,
        init_containers,
        container,
        volumes,
        backoff_limit: resolved.spec.migrations.backoff_limit,
        overrides: placement::of_job(
            resolved.spec.migrations.job.as_ref(),
            placement::JOB_TIMEOUT,
        ),
        facts: vec![
            resolved.spec.version.clone(),
            format!("{}:{}/{}", address.host, address.port, address.database),
        ],
    };
    job::draft(sketch, run);
}

fn environment(resolved: &Resolved, address: &Address) -> Vec<Value> {
    let settings = &resolved.spec.migrations;
    let migrator = foundation::migrator_secret(resolved);
    let lock = settings.lock_timeout.seconds().to_string();
    let statement = settings.statement_timeout.seconds().to_string();
    let mut env = vec![pod::variable(keys::LOG_LEVEL, "info")];
    env.extend(address.environment());
    env.extend(address.admin());
    env.push(pod::secret_variable(
        keys::MIGRATOR_PASSWORD,
        &migrator,
        "password",
    ));
    env.extend(Service::ALL.map(|service| {
        let secret = resolved.object_name(service.name());
        let variable = keys::database_password_of(service);
        pod::secret_variable(variable, &secret, keys::DATABASE_PASSWORD)
    }));
    env.extend([
        pod::variable(keys::LOCK_TIMEOUT_SECONDS, lock),
        pod::variable(keys::STATEMENT_TIMEOUT_SECONDS, statement),
        pod::variable(keys::TERMINATION_LOG, job::TERMINATION_LOG),
    ]);
    env
}

/// A dump before the migrations, where the spec asks for one.
fn dump_first(sketch: &Sketch<'_>) -> (Vec<Value>, Vec<Value>) {
    let spec = &sketch.resolved.spec;
    let backup = spec
        .postgres
        .managed
        .as_ref()
        .and_then(|managed| managed.backup.as_ref());
    match backup {
        Some(settings) if spec.migrations.require_backup => (
            vec![postgres::backup::container(
                sketch,
                "backup",
                "migration",
                settings,
            )],
            postgres::backup::volumes(sketch.resolved),
        ),
        _ => (Vec::new(), Vec::new()),
    }
}
