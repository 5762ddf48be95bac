//! Chroma: one replica, reachable from ai-engine only, since it has no authentication.

use serde_json::{Value, json};
use shared_config::Store;

use crate::api::stores::StoreMode;
use crate::component::Component;
use crate::plan::draft::Sketch;
use crate::plan::pod::{self, Pod};
use crate::plan::{foundation, network, stateful_set, volume};
use crate::resolve::Resolved;

const COMPONENT: Component = Component::Store(Store::Chroma);
/// The container of a force-deleted pod may still write to the volume, so the start waits until it
/// exits.
const START: &str = "exec 9> /data/.lock; flock 9; \
                     case $POD_IP in *:*) host=[::] ;; *) host=0.0.0.0 ;; esac; \
                     exec chroma run --path /data --host \"$host\" --port 8000";

/// Where ai-engine finds Chroma.
pub(crate) fn url(resolved: &Resolved) -> String {
    let own = resolved.object_name(Store::Chroma.name());
    resolved.spec.chroma.external.as_ref().map_or_else(
        || format!("http://{own}:{}", Store::Chroma.port()),
        |external| external.url.clone(),
    )
}

/// The objects of Chroma.
pub(crate) fn draft(sketch: &mut Sketch<'_>) {
    let settings = &sketch.resolved.spec.chroma;
    if settings.mode == StoreMode::External {
        return;
    }
    let name = sketch.resolved.object_name(Store::Chroma.name());
    volume::claim(sketch, COMPONENT, &name, &settings.storage, "ReadWriteOnce");
    network::service(sketch, COMPONENT, &[("http", 8000)], false);
    let pod = chroma_pod(sketch, &name);
    stateful_set::single(sketch, &name, pod);
}

fn chroma_pod(sketch: &Sketch<'_>, name: &str) -> Pod {
    let settings = &sketch.resolved.spec.chroma;
    let beat = |period: i32, failures: i32| {
        json!({
            "httpGet": {"path": "/api/v2/healthcheck", "port": "http"},
            "periodSeconds": period, "timeoutSeconds": 3, "failureThreshold": failures,
        })
    };
    let container = pod::container(
        sketch,
        COMPONENT.name(),
        &sketch.resolved.spec.images.chroma,
        json!({
            "command": ["sh", "-c", START],
            // Why it does not load its data is in the last lines of its log.
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "env": [
                pod::variable("HOME", "/tmp"),
                pod::variable("ANONYMIZED_TELEMETRY", "False"),
                // A pod of a cluster of IPv6 has no address of IPv4 that others could reach.
                json!({"name": "POD_IP", "valueFrom": {"fieldRef": {
                    "apiVersion": "v1", "fieldPath": "status.podIP",
                }}}),
            ],
            "ports": [{"name": "http", "containerPort": Store::Chroma.port()}],
            "resources": pod::resources(settings.resources.as_ref(), "50m", "128Mi", "1Gi"),
            "startupProbe": beat(1, pod::STORE_STARTUP_SECONDS),
            "readinessProbe": beat(5, 3),
            "livenessProbe": beat(20, 6),
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }),
    );
    Pod {
        component: COMPONENT,
        service_account: foundation::service_account(sketch.resolved),
        init_containers: Vec::new(),
        containers: vec![container],
        volumes: vec![json!({"name": "data", "persistentVolumeClaim": {"claimName": name}})],
        grace_seconds: 30,
        spread: None,
        runs_once: false,
        overrides: settings.pod_template.clone().map(Value::Object),
    }
}
