//! Who may talk to whom, by evaluating the emitted policies: the test node enforces none.

use operator_core::object::Kind;
use serde_json::{Value, json};

use crate::fixtures::sample;
use crate::world::at_rest;

/// A pod as policies see it: its labels, and whether it is in the platform's namespace.
struct Pod {
    labels: Value,
    inside: bool,
}

fn part(component: &str) -> Pod {
    Pod {
        labels: json!({
            "app.kubernetes.io/part-of": "creator-platform",
            "app.kubernetes.io/instance": "demo",
            "app.kubernetes.io/component": component,
        }),
        inside: true,
    }
}

fn other_platform(component: &str) -> Pod {
    let mut pod = part(component);
    pod.labels["app.kubernetes.io/instance"] = json!("another");
    pod
}

fn stranger(inside: bool) -> Pod {
    Pod {
        labels: json!({"app": "stranger"}),
        inside,
    }
}

fn operator() -> Pod {
    Pod {
        labels: json!({"app.kubernetes.io/name": "creator-operator"}),
        inside: false,
    }
}

fn selects(selector: &Value, pod: &Pod) -> bool {
    let wanted = selector["matchLabels"].as_object();
    wanted
        .into_iter()
        .flatten()
        .all(|(key, value)| pod.labels.get(key) == Some(value))
}

fn peer_fits(peer: &Value, pod: &Pod) -> bool {
    let namespace = if peer.get("namespaceSelector").is_some() {
        peer["namespaceSelector"] == json!({})
    } else {
        pod.inside
    };
    namespace
        && peer
            .get("podSelector")
            .is_none_or(|selector| selects(selector, pod))
}

/// One direction: is a pod that policies select let through by one of them?
fn lets(policies: &[Value], of: &Pod, other: &Pod, port: u16, egress: bool) -> bool {
    let (kind, field, side) = if egress {
        ("Egress", "egress", "to")
    } else {
        ("Ingress", "ingress", "from")
    };
    let applies = |policy: &&Value| {
        let types = policy["policyTypes"].as_array().into_iter().flatten();
        of.inside && selects(&policy["podSelector"], of) && types.into_iter().any(|t| t == kind)
    };
    let chosen: Vec<&Value> = policies.iter().filter(applies).collect();
    chosen.is_empty()
        || chosen
            .iter()
            .filter_map(|policy| policy[field].as_array())
            .flatten()
            .any(|rule| {
                let peers = rule[side].as_array();
                let peer = peers.is_none_or(|all| all.iter().any(|peer| peer_fits(peer, other)));
                let ports = rule["ports"].as_array();
                let tcp = |p: &Value| p["port"] == json!(port) && p["protocol"] == "TCP";
                peer && ports.is_none_or(|all| all.iter().any(tcp))
            })
}

fn allowed(policies: &[Value], from: &Pod, to: &Pod, port: u16) -> bool {
    lets(policies, from, to, port, true) && lets(policies, to, from, port, false)
}

fn policies(change: impl Fn(&mut operator_core::api::CreatorPlatform)) -> Vec<Value> {
    let mut platform = sample("minimal");
    change(&mut platform);
    let world = at_rest(&platform);
    let all = world
        .bodies
        .iter()
        .filter(|(key, _)| key.kind == Kind::NetworkPolicy);
    all.map(|(_, body)| body["spec"].clone()).collect()
}

#[test]
fn every_connection_is_allowed_or_denied_as_the_table_says() {
    let policies = policies(|_| {});
    let services = [
        ("auth", 8001),
        ("creator-hub", 8002),
        ("ai-engine", 8003),
        ("channel", 8004),
    ];
    let mut table = vec![
        (stranger(false), part("gateway"), 8080, true),
        (stranger(true), part("auth"), 8001, false),
        (stranger(false), part("auth"), 8001, false),
        (stranger(false), part("postgres"), 5432, false),
        (stranger(false), part("redis"), 6379, false),
        (part("ai-engine"), part("chroma"), 8000, true),
        (part("creator-hub"), part("chroma"), 8000, false),
        (part("channel"), part("chroma"), 8000, false),
        (part("auth"), part("chroma"), 8000, false),
        (part("gateway"), part("chroma"), 8000, false),
        (part("ai-engine"), part("ollama"), 11434, true),
        (part("models"), part("ollama"), 11434, true),
        (part("channel"), part("ollama"), 11434, false),
        (part("migrate"), part("postgres"), 5432, true),
        (part("migrate"), part("redis"), 6379, false),
        (part("gateway"), part("postgres"), 5432, false),
        (part("gateway"), part("redis"), 6379, false),
        (part("creator-hub"), part("ai-engine"), 8003, true),
        (part("channel"), part("ai-engine"), 8003, true),
        (part("auth"), part("ai-engine"), 8003, true),
        (part("auth"), part("creator-hub"), 8002, true),
        (part("auth"), part("channel"), 8004, true),
        (part("creator-hub"), part("channel"), 8004, false),
        (part("ai-engine"), part("creator-hub"), 8002, true),
        (part("channel"), part("creator-hub"), 8002, false),
        (operator(), part("auth"), 9001, true),
        (operator(), part("auth"), 8001, false),
        (part("gateway"), part("auth"), 9001, false),
        (part("channel"), part("auth"), 9001, false),
        (stranger(false), part("auth"), 9001, false),
        (part("postgres"), part("auth"), 8001, false),
        (part("postgres"), stranger(false), 443, false),
        (part("redis"), stranger(false), 443, false),
        (part("chroma"), stranger(false), 443, false),
        (part("ollama"), stranger(false), 443, true),
        (part("channel"), stranger(false), 443, true),
        (part("auth"), stranger(false), 443, false),
        (stranger(false), part("auth"), 9101, false),
        (other_platform("ai-engine"), part("chroma"), 8000, false),
        (other_platform("auth"), part("postgres"), 5432, false),
    ];
    for (service, port) in services {
        table.push((part("gateway"), part(service), port, true));
        table.push((part(service), part("postgres"), 5432, true));
        table.push((part(service), part("redis"), 6379, true));
        if service != "auth" {
            table.push((part(service), part("auth"), 8001, true));
        }
    }
    for (from, to, port, wanted) in table {
        let found = allowed(&policies, &from, &to, port);
        assert_eq!(found, wanted, "{} -> {}:{port}", from.labels, to.labels);
    }
}

#[test]
fn metrics_are_open_only_when_they_are_scraped() {
    let scraped = policies(|platform| platform.spec.monitoring.service_monitor = true);
    assert!(allowed(&scraped, &stranger(false), &part("auth"), 9101));
    assert!(!allowed(&scraped, &stranger(false), &part("auth"), 8001));
}

#[test]
fn policies_can_be_left_to_somebody_else() {
    let none = policies(|platform| platform.spec.network_policies.enabled = false);
    assert_eq!(none, Vec::<Value>::new());
}

#[test]
fn every_environment_names_only_hosts_that_its_policies_allow() {
    let platform = sample("minimal");
    let world = at_rest(&platform);
    let policies = policies(|_| {});
    let mut checked = 0;
    for (key, body) in &world.bodies {
        let template = &body["spec"]["template"];
        let component = template["metadata"]["labels"]["app.kubernetes.io/component"].as_str();
        let Some(component) = component else { continue };
        for variable in template["spec"]["containers"][0]["env"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let url = variable["value"]
                .as_str()
                .and_then(|v| v.strip_prefix("http://demo-"));
            let Some((host, port)) = url.and_then(|url| url.split_once(':')) else {
                continue;
            };
            // Each service knows the address of auth; auth itself never asks it.
            if host == component {
                continue;
            }
            let port: u16 = port.parse().expect("a port");
            assert!(
                allowed(&policies, &part(component), &part(host), port),
                "{key} -> {host}"
            );
            checked += 1;
        }
    }
    assert!(checked >= 8, "{checked}");
}
