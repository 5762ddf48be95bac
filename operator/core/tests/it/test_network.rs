//! Who may talk to whom, by evaluating the emitted policies: the test node enforces none.

use std::net::IpAddr;

use operator_core::api::egress::Egress;
use operator_core::api::ollama::ModelSource;
use operator_core::object::Kind;
use operator_core::{Observed, resolve};
use serde_json::{Value, json};
use shared_egress::IpNet;

use crate::fixtures::sample;
use crate::world::{World, at_rest};

/// The namespace of the platform.
const HOME: &str = "default";

/// A pod as policies see it: its labels and its namespace; or a host outside of the cluster, of
/// which they see the address.
struct Pod {
    labels: Value,
    namespace: Option<&'static str>,
    address: Option<IpAddr>,
}

impl Pod {
    fn inside(&self) -> bool {
        self.namespace == Some(HOME)
    }
}

fn host(address: &str) -> Pod {
    Pod {
        address: Some(address.parse().expect("an address")),
        namespace: None,
        ..stranger(false)
    }
}

fn part(component: &str) -> Pod {
    Pod {
        labels: json!({
            "app.kubernetes.io/part-of": "creator-platform",
            "app.kubernetes.io/instance": "demo",
            "app.kubernetes.io/component": component,
        }),
        namespace: Some(HOME),
        address: None,
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
        namespace: Some(if inside { HOME } else { "elsewhere" }),
        address: None,
    }
}

fn operator() -> Pod {
    Pod {
        labels: json!({"app.kubernetes.io/name": "creator-operator"}),
        namespace: Some("creator-system"),
        address: None,
    }
}

/// A pod that gives itself the operator's label, in another namespace.
fn impostor() -> Pod {
    Pod {
        namespace: Some("elsewhere"),
        ..operator()
    }
}

fn selects(selector: &Value, pod: &Pod) -> bool {
    let wanted = selector["matchLabels"].as_object();
    wanted
        .into_iter()
        .flatten()
        .all(|(key, value)| pod.labels.get(key) == Some(value))
}

fn contains(range: &Value, address: IpAddr) -> bool {
    let range: IpNet = range.as_str().expect("text").parse().expect("a range");
    range.contains(&address)
}

fn peer_fits(peer: &Value, pod: &Pod) -> bool {
    if let Some(block) = peer.get("ipBlock") {
        let mut except = block["except"].as_array().into_iter().flatten();
        return pod.address.is_some_and(|address| {
            contains(&block["cidr"], address) && !except.any(|range| contains(range, address))
        });
    }
    let namespace = match (peer.get("namespaceSelector"), pod.namespace) {
        (_, None) => false,
        (None, Some(name)) => name == HOME,
        (Some(selector), Some(name)) => {
            let wanted = selector["matchLabels"].as_object();
            wanted
                .into_iter()
                .flatten()
                .all(|(key, value)| key == "kubernetes.io/metadata.name" && value == name)
        }
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
        of.inside() && selects(&policy["podSelector"], of) && types.into_iter().any(|t| t == kind)
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
                let tcp = |p: &Value| {
                    let is_port = p.get("port").is_none_or(|given| *given == json!(port));
                    is_port && p["protocol"] == "TCP"
                };
                peer && ports.is_none_or(|all| all.iter().any(tcp))
            })
}

fn allowed(policies: &[Value], from: &Pod, to: &Pod, port: u16) -> bool {
    lets(policies, from, to, port, true) && lets(policies, to, from, port, false)
}

fn policies(change: impl Fn(&mut operator_core::api::CreatorPlatform)) -> Vec<Value> {
    let mut platform = sample("minimal");
    change(&mut platform);
    of_world(&at_rest(&platform))
}

fn of_world(world: &World) -> Vec<Value> {
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
        (part("channel"), part("creator-hub"), 8002, true),
        (operator(), part("auth"), 9001, true),
        (operator(), part("auth"), 8001, false),
        (part("gateway"), part("auth"), 9001, false),
        (part("channel"), part("auth"), 9001, false),
        (stranger(false), part("auth"), 9001, false),
        (part("postgres"), part("auth"), 8001, false),
        (part("postgres"), stranger(false), 443, false),
        (part("redis"), stranger(false), 443, false),
        (part("chroma"), stranger(false), 443, false),
        (impostor(), part("auth"), 9001, false),
        (part("ollama"), stranger(false), 443, true),
        (part("channel"), stranger(false), 443, false),
        (part("channel"), host("93.184.216.34"), 443, true),
        (part("channel"), host("93.184.216.34"), 80, false),
        (part("channel"), host("2606:4700::1111"), 443, true),
        (part("channel"), host("10.0.0.1"), 443, false),
        (part("channel"), host("192.168.1.1"), 443, false),
        (part("channel"), host("169.254.169.254"), 443, false),
        (part("channel"), host("fd00:ec2::254"), 443, false),
        (part("channel"), host("fe80::1"), 443, false),
        (part("models"), host("93.184.216.34"), 443, false),
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
fn sites_are_reached_on_the_public_internet_and_in_listed_networks_only() {
    let hub = part("creator-hub");
    let none = policies(|_| {});
    let listed = policies(|platform| {
        let networks = ["10.20.0.0/16", "100.64.0.0/10"].map(str::to_owned);
        let allowed_networks = networks.to_vec();
        platform.spec.egress = Some(Egress { allowed_networks });
    });
    for (address, port, by_default, when_listed) in [
        ("93.184.216.34", 443, true, true),
        ("93.184.216.34", 80, true, true),
        ("2606:4700::1111", 443, true, true),
        ("93.184.216.34", 22, false, false),
        ("10.20.0.7", 80, false, true),
        ("10.20.0.7", 8080, false, true),
        ("10.21.0.7", 80, false, false),
        ("100.64.0.7", 443, false, true),
        ("100.100.100.200", 80, false, false),
        ("127.0.0.1", 80, false, false),
        ("169.254.169.254", 80, false, false),
        ("168.63.129.16", 80, false, false),
        ("192.168.0.1", 443, false, false),
        ("fd00:ec2::254", 80, false, false),
        ("fe80::1", 80, false, false),
        ("::1", 80, false, false),
        ("64:ff9b::a00:1", 80, false, false),
    ] {
        let reached = |policies: &[Value]| allowed(policies, &hub, &host(address), port);
        assert_eq!(reached(&none), by_default, "{address}:{port}");
        assert_eq!(
            reached(&listed),
            when_listed,
            "{address}:{port}, with two networks"
        );
    }
    // Pods are no hosts: listing no network opens nothing within the cluster.
    assert!(!allowed(&none, &hub, &stranger(false), 443));
    assert!(!allowed(&none, &hub, &part("chroma"), 80));
}

#[test]
fn providers_of_channels_in_listed_networks_are_reached() {
    let listed = policies(|platform| {
        let allowed_networks = vec!["10.20.0.0/16".to_owned()];
        platform.spec.egress = Some(Egress { allowed_networks });
    });
    let channel = part("channel");
    assert!(allowed(&listed, &channel, &host("10.20.0.7"), 8443));
    assert!(!allowed(&listed, &channel, &host("10.21.0.7"), 8443));
}

/// The Job downloads such a file itself; Ollama gets it from the Job.
#[test]
fn the_models_job_reaches_what_a_url_names_and_ollama_does_not() {
    let models = part("models");
    for (url, address, port, reached) in [
        (
            "https://models.example.org/a.gguf",
            "93.184.216.34",
            443,
            true,
        ),
        (
            "https://models.example.org/a.gguf",
            "93.184.216.34",
            80,
            false,
        ),
        (
            "http://models.example.org/a.gguf",
            "93.184.216.34",
            80,
            true,
        ),
        (
            "http://models.example.org:8080/a.gguf",
            "93.184.216.34",
            8080,
            true,
        ),
        (
            "http://models.example.org:8080/a.gguf",
            "10.9.9.9",
            8080,
            true,
        ),
        (
            "http://models.example.org:8080/a.gguf",
            "169.254.169.254",
            8080,
            false,
        ),
        ("http://10.1.2.3:9000/a.gguf?x=1", "10.1.2.3", 9000, true),
        ("http://10.1.2.3:9000/a.gguf?x=1", "10.1.2.4", 9000, false),
        ("http://[fd00::7]:9000/a.gguf", "fd00::7", 9000, true),
    ] {
        let all = policies(|platform| {
            for model in &mut platform.spec.ollama.models {
                model.source = ModelSource::Url;
                model.url = Some(url.to_owned());
            }
        });
        let found = allowed(&all, &models, &host(address), port);
        assert_eq!(found, reached, "{url} -> {address}:{port}");
        let ollama = part("ollama");
        assert!(
            !allowed(&all, &ollama, &host("93.184.216.34"), 443),
            "{url}"
        );
        assert!(allowed(&all, &models, &ollama, 11434), "{url}");
    }
    let in_cluster = policies(|platform| {
        let model = &mut platform.spec.ollama.models[0];
        model.source = ModelSource::Url;
        model.url = Some("http://files.elsewhere.svc:8080/a.gguf".to_owned());
    });
    assert!(allowed(&in_cluster, &models, &stranger(false), 8080));
}

#[test]
fn names_are_resolved_also_where_name_servers_listen_on_5353() {
    let all = policies(|_| {});
    let mut checked = 0;
    for policy in &all {
        let Some(egress) = policy["egress"].as_array() else {
            continue;
        };
        let ports = egress.iter().filter(|rule| rule.get("to").is_none());
        let ports: Vec<&Value> = ports
            .filter_map(|rule| rule["ports"].as_array())
            .flatten()
            .collect();
        for port in [53, 5353] {
            for protocol in ["UDP", "TCP"] {
                let wanted = json!({"port": port, "protocol": protocol});
                assert!(ports.contains(&&wanted), "{wanted}: {policy}");
            }
        }
        checked += 1;
    }
    assert!(checked > 5, "{checked}");
}

/// An operator outside of the cluster has no namespace: then its label decides, as before.
#[test]
fn an_operator_whose_namespace_is_not_known_is_let_in_from_all() {
    let platform = sample("minimal");
    let mut world = at_rest(&platform);
    world.observed.operator_namespace = None;
    world.converge(&platform);
    let policies = of_world(&world);
    assert!(allowed(&policies, &operator(), &part("auth"), 9001));
    assert!(!allowed(&policies, &stranger(false), &part("auth"), 9001));
}

#[test]
fn a_list_with_addresses_that_are_never_allowed_is_refused() {
    for (range, said) in [
        ("169.254.169.254/32", "metadata"),
        ("0.0.0.0/0", "metadata"),
        ("fe80::/10", "link-local"),
        ("10.20.0.7/16", "write 10.20.0.0/16"),
        ("10.20.0.0/99", "is no network"),
    ] {
        let mut platform = sample("minimal");
        let allowed_networks = vec![range.to_owned()];
        platform.spec.egress = Some(Egress { allowed_networks });
        let invalid = resolve(&platform, &Observed::default()).expect_err(range);
        let told = invalid.to_string();
        assert!(told.starts_with("spec.egress.allowedNetworks: "), "{told}");
        assert!(told.contains(said), "{told}");
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

#[test]
fn backups_reach_the_database_and_their_storage_and_nothing_reaches_them() {
    let given = sample("restore").spec;
    let none = policies(|_| {});
    let with = policies(|platform| {
        platform.spec.backup.clone_from(&given.backup);
        platform.spec.restore_from.clone_from(&given.restore_from);
    });
    for component in ["backups", "restore"] {
        let pod = part(component);
        for (to, port, wanted) in [
            (part("postgres"), 5432, true),
            (part("redis"), 6379, false),
            (part("auth"), 8001, false),
            (host("93.184.216.34"), 9000, true),
            (host("10.9.9.9"), 9000, true),
            (host("93.184.216.34"), 443, false),
            (host("169.254.169.254"), 9000, false),
        ] {
            let found = allowed(&with, &pod, &to, port);
            assert_eq!(found, wanted, "{component} -> {}:{port}", to.labels);
        }
        assert!(!allowed(&with, &part("gateway"), &pod, 8080), "{component}");
        // Labels alone open nothing where the spec asks for no backup.
        assert!(
            !allowed(&none, &pod, &part("postgres"), 5432),
            "{component}"
        );
    }
}
