//! The model servers of the spec: what ai-engine reads of them, and where it may connect to.

use std::net::IpAddr;

use serde_json::{Value, json};
use shared_config::{Service, keys};
use shared_egress::{IpNet, anywhere};

use crate::api::model_servers::ModelServer;
use crate::api::workload::KeyRef;
use crate::component::Component;
use crate::plan::draft::Sketch;
use crate::plan::{Wait, network, pod};
use crate::reason::Reason;
use crate::resolve::Resolved;

/// The variables of ai-engine: one list without secrets, and each secret in a variable of its own.
pub(crate) fn environment(resolved: &Resolved) -> Vec<Value> {
    let servers = &resolved.spec.model_servers;
    if servers.is_empty() {
        return Vec::new();
    }
    let listed: Vec<Value> = servers.iter().map(entry).collect();
    let mut env = vec![pod::variable(
        keys::MODEL_SERVERS,
        json!(listed).to_string(),
    )];
    for secret in servers.iter().flat_map(secrets) {
        let from = secret.from;
        let mut variable = pod::secret_variable(&secret.variable, &from.name, &from.key);
        // ai-engine starts without it, and leaves out the one server that needs it.
        variable["valueFrom"]["secretKeyRef"]["optional"] = json!(true);
        env.push(variable);
    }
    env
}

fn entry(server: &ModelServer) -> Value {
    json!({
        "name": server.name,
        "kind": server.kind,
        "url": server.url.trim_end_matches('/'),
        "needsKey": server.api_key_secret_ref.is_some(),
        "needsCa": server.ca_secret_ref.is_some(),
        "models": server.models,
    })
}

/// A value of a Secret that a server needs.
struct NeededSecret<'a> {
    server: &'a str,
    variable: String,
    from: &'a KeyRef,
}

fn secrets(server: &ModelServer) -> impl Iterator<Item = NeededSecret<'_>> {
    let named = [
        (
            keys::model_server_key(&server.name),
            &server.api_key_secret_ref,
        ),
        (keys::model_server_ca(&server.name), &server.ca_secret_ref),
    ];
    named.into_iter().filter_map(|(variable, from)| {
        Some(NeededSecret {
            server: &server.name,
            variable,
            from: from.as_ref()?,
        })
    })
}

/// Secrets of model servers that are not there, or lack a key.
pub(crate) fn missing_secrets(sketch: &Sketch<'_>) -> Vec<Wait> {
    let servers = sketch.resolved.spec.model_servers.iter();
    let is_missing = |secret: &NeededSecret<'_>| {
        let KeyRef { name, key } = secret.from;
        !sketch.observed.has_secret(name, key)
    };
    let missing = servers.flat_map(secrets).filter(is_missing);
    missing
        .map(|secret| Wait {
            component: Component::Service(Service::AiEngine),
            reason: Reason::SecretNotFound,
            message: format!(
                "Secret {} of the model server {} does not exist or has no key {}. Questions go to \
                 the other model servers until you create it; the operator notices it.",
                secret.from.name, secret.server, secret.from.key,
            ),
        })
        .collect()
}

/// What a policy has to allow so that ai-engine reaches the servers.
pub(crate) fn egress(resolved: &Resolved) -> Vec<Value> {
    let servers = resolved.spec.model_servers.iter();
    let mut rules: Vec<Value> = servers
        .filter_map(|server| rule_for(resolved, &server.url))
        .collect();
    rules.dedup();
    rules
}

/// What a policy has to allow so that a URL is reached. Policies know pods, namespaces and
/// addresses, but no names of hosts.
pub(crate) fn rule_for(resolved: &Resolved, url: &str) -> Option<Value> {
    let (host, port) = network::host_and_port(url);
    let ports = json!([{"port": port, "protocol": "TCP"}]);
    if let Ok(address) = host.parse::<IpAddr>() {
        // The pod itself is not subject to its policy.
        return (!address.is_loopback()).then(|| {
            let one = IpNet::from(address).to_string();
            json!({"to": [{"ipBlock": {"cidr": one}}], "ports": ports})
        });
    }
    if host == "localhost" {
        return None;
    }
    if let Some(namespace) = namespace(resolved, host) {
        let labels = json!({"kubernetes.io/metadata.name": namespace});
        return Some(json!({
            "to": [{"namespaceSelector": {"matchLabels": labels}}],
            // A policy sees the port behind a Service, which may be any.
            "ports": [{"protocol": "TCP"}],
        }));
    }
    let peers: Vec<Value> = anywhere().iter().map(network::block).collect();
    Some(json!({"to": peers, "ports": ports}))
}

/// The namespace of a host that is a Service of the cluster.
fn namespace<'a>(resolved: &'a Resolved, host: &'a str) -> Option<&'a str> {
    if !host.contains('.') {
        return Some(&resolved.namespace);
    }
    let service = host
        .strip_suffix(".svc.cluster.local")
        .or_else(|| host.strip_suffix(".svc"))?;
    service.rsplit('.').next()
}

#[cfg(test)]
mod tests {
    use crate::plan::network::host_and_port;

    #[test]
    fn a_url_without_a_port_has_that_of_its_scheme() {
        for (url, host, port) in [
            ("https://api.example.com/v1", "api.example.com", 443),
            ("http://vllm.models.svc:8000/v1", "vllm.models.svc", 8000),
            ("http://gpu-box", "gpu-box", 80),
        ] {
            assert_eq!(host_and_port(url), (host, port));
        }
    }
}
