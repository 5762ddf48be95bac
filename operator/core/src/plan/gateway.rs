//! The gateway: nginx in front of the four services, and what leads to it.

use serde_json::{Value, json};
use shared_config::Service;
use shared_config::wiring::{GATEWAY_CONTAINER_PORT, GATEWAY_PORT};

use crate::api::gateway::ServiceType;
use crate::api::workload::TopologySpread;
use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::draft::Sketch;
use crate::plan::pod::{self, Pod};
use crate::plan::{availability, foundation, labels};
use crate::resolve::Resolved;

mod config;
mod cors;
mod limits;
mod problem;

pub use config::{GatewayConfig, Upstream, nginx_config};
pub use problem::{FAILURES, Failure};

const COMPONENT: Component = Component::Gateway;
const START: &str = include_str!("assets/gateway.sh");

/// The configuration of nginx inside the cluster; the start script fills in resolver and domain.
pub fn cluster_config(resolved: &Resolved) -> GatewayConfig {
    let gateway = &resolved.spec.gateway;
    let upstreams = Service::ALL.map(|service| Upstream {
        service,
        host: format!(
            "{}.{}.svc.@DOMAIN@",
            resolved.object_name(service.name()),
            resolved.namespace
        ),
        port: service.port(),
    });
    GatewayConfig {
        listen: GATEWAY_CONTAINER_PORT.to_string(),
        listen_ipv6: "@LISTEN6@".to_owned(),
        resolver: Some("@RESOLVER@ ipv6=@IPV6@".to_owned()),
        upstreams: upstreams.to_vec(),
        requests_per_second: gateway.limits.requests_per_second,
        burst: gateway.limits.burst,
        connections_per_address: gateway.limits.connections_per_address,
        sockets_per_address: gateway.limits.sockets_per_address,
        sockets: gateway.limits.sockets,
        body_bytes: gateway.limits.body_size.units(),
        upload_bytes: gateway.limits.upload_size.units(),
        trusted_proxies: gateway.trusted_proxies.clone(),
        cors_origins: gateway.cors_origins.clone(),
        work_dir: "/tmp".to_owned(),
        access_log: "/dev/stdout".to_owned(),
    }
}

/// The objects of the gateway.
pub(crate) fn draft(sketch: &mut Sketch<'_>) {
    let resolved = sketch.resolved;
    let name = resolved.object_name(COMPONENT.name());
    let config = json!({
        "start.sh": START.replace("@PORT@", &GATEWAY_CONTAINER_PORT.to_string()),
        "nginx.conf": nginx_config(&cluster_config(resolved)),
    });
    sketch.config_map(COMPONENT, &name, &config);
    service(sketch, &name);
    let pod = gateway_pod(sketch, &name);
    let template = pod::template(sketch, pod);
    let spec = json!({
        "replicas": resolved.spec.gateway.replicas,
        "strategy": {
            "type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
        },
        "progressDeadlineSeconds": 300,
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": labels::selector(resolved, COMPONENT)},
        "template": template,
    });
    let key = ObjectKey::new(Kind::Deployment, &name);
    sketch.apply(COMPONENT, key, json!({"spec": spec}));
    if resolved.spec.gateway.replicas > 1 {
        availability::budget(sketch, COMPONENT);
    }
    ingress(sketch, &name);
    route(sketch, &name);
}

fn service(sketch: &mut Sketch<'_>, name: &str) {
    let gateway = &sketch.resolved.spec.gateway;
    let mut port = json!({
        "name": "http", "port": GATEWAY_PORT, "targetPort": "http", "protocol": "TCP",
    });
    if let Some(node_port) = gateway.node_port {
        port["nodePort"] = json!(node_port);
    }
    let mut spec = json!({
        "type": gateway.service_type.name(),
        "selector": labels::selector(sketch.resolved, COMPONENT),
        "ports": [port],
    });
    if gateway.service_type == ServiceType::LoadBalancer && gateway.trusted_proxies.is_empty() {
        // Limits count by address: without this every client would have the node's.
        spec["externalTrafficPolicy"] = json!("Local");
    }
    let key = ObjectKey::new(Kind::Service, name);
    sketch.apply(COMPONENT, key, json!({"spec": spec}));
}

fn gateway_pod(sketch: &Sketch<'_>, name: &str) -> Pod {
    let resolved = sketch.resolved;
    let settings = &resolved.spec.gateway;
    let answers = |period: i32, failures: i32| {
        json!({
            "httpGet": {"path": "/healthz", "port": "http"},
            "periodSeconds": period, "timeoutSeconds": 3, "failureThreshold": failures,
        })
    };
    let container = pod::container(
        sketch,
        COMPONENT.name(),
        &resolved.spec.images.nginx,
        json!({
            "command": ["sh", "/etc/creator/start.sh"],
            "ports": [{"name": "http", "containerPort": GATEWAY_CONTAINER_PORT}],
            "resources": pod::resources(
                settings.resources.as_ref(),
                "20m",
                pod::MEMORY_REQUEST,
                "128Mi",
            ),
            "startupProbe": answers(1, 60),
            "readinessProbe": answers(5, 3),
            "livenessProbe": answers(20, 3),
            // nginx ends at once by the usual signal: ask it to finish what it serves.
            "lifecycle": {"preStop": {"exec": {"command": [
                "sh", "-c",
                "sleep 2; nginx -e stderr -c /tmp/nginx.conf -s quit; \
                 while [ -e /tmp/nginx.pid ]; do sleep 1; done",
            ]}}},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/creator"}],
        }),
    );
    Pod {
        component: COMPONENT,
        service_account: foundation::service_account(resolved),
        init_containers: Vec::new(),
        containers: vec![container],
        volumes: vec![json!({"name": "config", "configMap": {"name": name}})],
        grace_seconds: 20,
        spread: (settings.replicas > 1).then_some(TopologySpread::Preferred),
        runs_once: false,
        overrides: settings.pod_template.clone().map(Value::Object),
    }
}

fn ingress(sketch: &mut Sketch<'_>, name: &str) {
    let gateway = &sketch.resolved.spec.gateway;
    let (Some(ingress), Some(host)) = (&gateway.ingress, &gateway.hostname) else {
        return;
    };
    let backend = json!({"service": {"name": name, "port": {"name": "http"}}});
    let mut spec = json!({
        "rules": [{"host": host, "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": backend},
        ]}}],
    });
    if let Some(class) = &ingress.class_name {
        spec["ingressClassName"] = json!(class);
    }
    if let Some(tls) = &ingress.tls {
        spec["tls"] = json!([{"hosts": [host], "secretName": tls.secret_name}]);
    }
    let rest = json!({"metadata": {"annotations": ingress.annotations}, "spec": spec});
    let key = ObjectKey::new(Kind::Ingress, name);
    sketch.apply(COMPONENT, key, rest);
}

fn route(sketch: &mut Sketch<'_>, name: &str) {
    let gateway = &sketch.resolved.spec.gateway;
    let Some(route) = &gateway.http_route else {
        return;
    };
    if !sketch.observed.optional_kinds.contains(&Kind::HttpRoute) {
        sketch.missing_kinds.insert((COMPONENT, Kind::HttpRoute));
        return;
    }
    let mut spec: Value = json!({
        "parentRefs": route.parent_refs,
        "rules": [{"backendRefs": [{"name": name, "port": GATEWAY_PORT}]}],
    });
    if let Some(host) = &gateway.hostname {
        spec["hostnames"] = json!([host]);
    }
    let key = ObjectKey::new(Kind::HttpRoute, name);
    sketch.apply(COMPONENT, key, json!({"spec": spec}));
}
