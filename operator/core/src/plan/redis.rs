//! Redis: one ACL user per service, append-only file, nothing evicted.

use std::fmt::Write as _;

use serde_json::{Value, json};
use shared_config::{Service, Store, keys, redis_acl};

use crate::api::Quantity;
use crate::api::stores::StoreMode;
use crate::api::workload::Resources;
use crate::component::Component;
use crate::plan::draft::Sketch;
use crate::plan::pod::{self, Pod};
use crate::plan::{foundation, network, stateful_set, volume};

const COMPONENT: Component = Component::Store(Store::Redis);
const START: &str = include_str!("assets/redis.sh");
const DEFAULT_LIMIT: &str = "256Mi";

/// The objects of Redis.
pub(crate) fn draft(sketch: &mut Sketch<'_>) {
    let settings = &sketch.resolved.spec.redis;
    if settings.mode == StoreMode::External {
        return;
    }
    let name = sketch.resolved.object_name(Store::Redis.name());
    let script = start_script(settings.resources.as_ref());
    sketch.config_map(COMPONENT, &name, &json!({"start.sh": script}));
    volume::claim(sketch, COMPONENT, &name, &settings.storage, "ReadWriteOnce");
    network::service(sketch, COMPONENT, &[("redis", 6379)], false);
    let pod = redis_pod(sketch, &name);
    stateful_set::single(sketch, &name, pod);
}

fn redis_pod(sketch: &Sketch<'_>, name: &str) -> Pod {
    let settings = &sketch.resolved.spec.redis;
    let passwords = Service::ALL.map(|service| {
        let secret = sketch.resolved.object_name(service.name());
        pod::secret_variable(&password_variable(service), &secret, keys::REDIS_PASSWORD)
    });
    let ping = "test \"$(redis-cli --user probe --pass probe --no-auth-warning ping)\" = PONG";
    let container = pod::container(
        sketch,
        COMPONENT.name(),
        &sketch.resolved.spec.images.redis,
        json!({
            "command": ["sh", "/etc/creator/start.sh"],
            "env": passwords,
            // Why it does not load its data, as that of a newer version, is in its last lines.
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "ports": [{"name": "redis", "containerPort": Store::Redis.port()}],
            "resources":
                pod::resources(settings.resources.as_ref(), "50m", "64Mi", DEFAULT_LIMIT),
            "startupProbe": {
                "exec": {"command": ["sh", "-c", ping]},
                "periodSeconds": 1, "timeoutSeconds": 3,
                "failureThreshold": pod::STORE_STARTUP_SECONDS,
            },
            "readinessProbe": {
                "exec": {"command": ["sh", "-c", ping]},
                "periodSeconds": 5, "timeoutSeconds": 3, "failureThreshold": 3,
            },
            "livenessProbe": {
                "tcpSocket": {"port": "redis"}, "periodSeconds": 20, "failureThreshold": 3,
            },
            "volumeMounts": [
                {"name": "data", "mountPath": "/data"},
                {"name": "config", "mountPath": "/etc/creator"},
            ],
        }),
    );
    Pod {
        component: COMPONENT,
        service_account: foundation::service_account(sketch.resolved),
        init_containers: Vec::new(),
        containers: vec![container],
        volumes: vec![
            json!({"name": "data", "persistentVolumeClaim": {"claimName": name}}),
            json!({"name": "config", "configMap": {"name": name}}),
        ],
        grace_seconds: 30,
        spread: None,
        runs_once: false,
        overrides: settings.pod_template.clone().map(Value::Object),
    }
}

fn start_script(resources: Option<&Resources>) -> String {
    let mut users = String::new();
    for service in Service::ALL {
        let name = service.name();
        let password = password_variable(service);
        let rules = redis_acl::rules(service, "");
        // Writing to a String cannot fail.
        let hash = format!("$(password \"${password}\")");
        let _ = writeln!(users, "  echo \"user {name} on {hash} {rules}\"");
    }
    let limits = resources.and_then(|all| all.limits.as_ref());
    let limit = limits.and_then(|most| most.memory.clone());
    let limit = limit
        .unwrap_or_else(|| Quantity::from(DEFAULT_LIMIT))
        .units();
    // A quarter is left for connections, the rewrite of the append-only file and fragmentation.
    START
        .replace("@USERS@\n", &users)
        .replace("@MAXMEMORY@", &(limit / 4 * 3).to_string())
}

fn password_variable(service: Service) -> String {
    format!(
        "{}_REDIS_PASSWORD",
        service.name().replace('-', "_").to_uppercase()
    )
}
