//! The four services: Deployment, Service, and the environment that each reads.

use serde_json::{Value, json};
use shared_config::{Service, wiring};

use crate::api::services::FileAccess;
use crate::api::workload::Workload;
use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::draft::Sketch;
use crate::plan::pod::{self, Pod};
use crate::plan::{availability, environment, labels, network, volume};
use crate::resolve::Resolved;

/// Name of the volume claim of the uploaded files.
pub(crate) fn files(resolved: &Resolved) -> String {
    resolved.object_name("files")
}

/// The objects of a service.
pub(crate) fn draft(sketch: &mut Sketch<'_>, service: Service) {
    let resolved = sketch.resolved;
    let component = Component::Service(service);
    let workload = resolved.spec.services.workload(service);
    let name = resolved.object_name(service.name());
    if service == Service::CreatorHub {
        let hub = &resolved.spec.services.creator_hub;
        let access = hub.file_access.name();
        volume::claim(sketch, component, &files(resolved), &hub.storage, access);
    }
    let mut ports = vec![
        ("http", i32::from(service.port())),
        ("metrics", i32::from(service.metrics_port())),
    ];
    if service == Service::Auth {
        ports.push(("internal", i32::from(wiring::AUTH_INTERNAL_PORT)));
    }
    network::service(sketch, component, &ports, false);
    let pod = service_pod(sketch, service, workload, &ports);
    let template = pod::template(sketch, pod);
    let mut spec = json!({
        "strategy": strategy(resolved, service),
        "progressDeadlineSeconds": 300,
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": labels::selector(resolved, component)},
        "template": template,
    });
    // Left out when an autoscaler owns it: two writers would pull it to and fro.
    if workload.autoscaling.is_none() {
        spec["replicas"] = json!(workload.replicas.unwrap_or(1));
    }
    let key = ObjectKey::new(Kind::Deployment, &name);
    sketch.apply(component, key, json!({"spec": spec}));
    availability::draft(sketch, component, workload);
}

fn service_pod(
    sketch: &Sketch<'_>,
    service: Service,
    workload: &Workload,
    ports: &[(&str, i32)],
) -> Pod {
    let resolved = sketch.resolved;
    let limit = match service {
        Service::CreatorHub => "1Gi",
        Service::Auth | Service::AiEngine | Service::Channel => "256Mi",
    };
    let given = workload.resources.as_ref();
    let probe = |path: &str, period: i32, failures: i32| {
        json!({
            "httpGet": {"path": path, "port": "http"},
            "periodSeconds": period, "timeoutSeconds": 3, "failureThreshold": failures,
        })
    };
    let ports: Vec<Value> = ports
        .iter()
        .map(|(name, port)| json!({"name": name, "containerPort": port}))
        .collect();
    let (volumes, mounts) = file_volume(resolved, service);
    let container = pod::container(
        sketch,
        service.name(),
        &resolved.service_image(service),
        json!({
            "command": [service.binary(), "serve"],
            "env": environment::of(resolved, service),
            "ports": ports,
            // Why a service does not start is in the last lines of its log.
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "resources": pod::resources(given, "50m", pod::MEMORY_REQUEST, limit),
            "startupProbe": probe(wiring::LIVEZ, 1, 60),
            "readinessProbe": probe(wiring::READYZ, 2, 3),
            "livenessProbe": probe(wiring::LIVEZ, 20, 3),
            // Until every proxy knows that the pod goes, requests still come.
            "lifecycle": {"preStop": {"sleep": {"seconds": 2}}},
            "volumeMounts": mounts,
        }),
    );
    Pod {
        component: Component::Service(service),
        service_account: resolved.object_name(service.name()),
        init_containers: Vec::new(),
        containers: vec![container],
        volumes,
        grace_seconds: 15,
        spread: availability::many(workload).then_some(workload.topology_spread),
        runs_once: false,
        overrides: workload.pod_template.clone().map(Value::Object),
    }
}

fn file_volume(resolved: &Resolved, service: Service) -> (Vec<Value>, Vec<Value>) {
    if service != Service::CreatorHub {
        return (Vec::new(), Vec::new());
    }
    let claim = json!({"claimName": files(resolved)});
    (
        vec![json!({"name": "files", "persistentVolumeClaim": claim})],
        vec![json!({"name": "files", "mountPath": "/data"})],
    )
}

/// The new pod first, then the old one goes; except where both would need a volume that only one
/// node may mount.
fn strategy(resolved: &Resolved, service: Service) -> Value {
    let alone = service == Service::CreatorHub
        && resolved.spec.services.creator_hub.file_access == FileAccess::ReadWriteOnce;
    let (surge, unavailable) = if alone { (0, 1) } else { (1, 0) };
    json!({
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    })
}
