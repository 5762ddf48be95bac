//! Services, and the policies that say who may talk to whom.

use serde_json::{Value, json};
use shared_config::{Service, Store, wiring};
use shared_egress::{Block, Reach};

use crate::api::backup::S3;
use crate::api::ollama::ModelSource;
use crate::api::postgres::PostgresMode;
use crate::api::stores::StoreMode;
use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::draft::Sketch;
use crate::plan::{labels, model_servers};
use crate::resolve::Resolved;

/// A Service of that name for the pods of a component.
pub(crate) fn service(
    sketch: &mut Sketch<'_>,
    component: Component,
    ports: &[(&str, i32)],
    headless: bool,
) {
    let ports: Vec<Value> = ports
        .iter()
        .map(|(name, port)| {
            json!({"name": name, "port": port, "targetPort": name, "protocol": "TCP"})
        })
        .collect();
    let mut spec = json!({
        "type": "ClusterIP",
        "selector": labels::selector(sketch.resolved, component),
        "ports": ports,
    });
    if headless {
        spec["clusterIP"] = json!("None");
    }
    let key = ObjectKey::new(Kind::Service, sketch.resolved.object_name(component.name()));
    sketch.apply(component, key, json!({"spec": spec}));
}

/// One end of a connection.
#[derive(Clone, PartialEq)]
enum End {
    Part(Component),
    /// Pods of the database cluster, which another operator labels.
    Cnpg,
    /// The operator, in its own namespace where that is known.
    Operator,
    /// Every pod of the cluster.
    AnyPod,
    /// Everybody.
    Anybody,
}

/// A connection that is allowed.
struct Allowed {
    from: End,
    to: End,
    port: u16,
}

const fn allowed(from: End, to: End, port: u16) -> Allowed {
    Allowed { from, to, port }
}

/// The policies: nothing is allowed but what the table names.
pub(crate) fn policies(sketch: &mut Sketch<'_>) {
    if !sketch.resolved.spec.network_policies.enabled {
        return;
    }
    let table = table(sketch.resolved);
    let everything = json!({
        "podSelector": {"matchLabels": {
            labels::PART_OF: labels::PRODUCT,
            labels::INSTANCE: sketch.resolved.name,
        }},
        "policyTypes": ["Ingress", "Egress"],
    });
    policy(sketch, Component::Platform, "default-deny", &everything);
    for component in Component::all() {
        if !has_pods(sketch.resolved, component) {
            continue;
        }
        let part = End::Part(component);
        let ingress: Vec<Value> = table
            .iter()
            .filter(|row| row.to == part)
            .map(|row| rule(sketch, "from", &row.from, row.port))
            .collect();
        let mut egress: Vec<Value> = table
            .iter()
            .filter(|row| row.from == part)
            .map(|row| rule(sketch, "to", &row.to, row.port))
            .collect();
        egress.extend(named_by_users(sketch.resolved, component));
        if !egress.is_empty() {
            egress.push(name_servers());
        }
        let mut spec = json!({
            "podSelector": {"matchLabels": labels::selector(sketch.resolved, component)},
            "policyTypes": ["Ingress", "Egress"],
        });
        for (field, rules) in [("ingress", ingress), ("egress", egress)] {
            if !rules.is_empty() {
                spec[field] = json!(rules);
            }
        }
        policy(sketch, component, component.name(), &spec);
    }
}

/// Name servers of the cluster. Their pods listen on 5353 in OpenShift, and a policy sees the port
/// behind the Service.
fn name_servers() -> Value {
    let ports = [53, 5353].into_iter().flat_map(|port| {
        ["UDP", "TCP"].map(|protocol| json!({"port": port, "protocol": protocol}))
    });
    json!({"ports": ports.collect::<Vec<_>>()})
}

/// The hosts that the spec or creators name.
fn named_by_users(resolved: &Resolved, component: Component) -> Vec<Value> {
    match component {
        Component::Service(Service::CreatorHub) => public_hosts(resolved, &[80, 443]),
        // Providers of channels.
        Component::Service(Service::Channel) => public_hosts(resolved, &[443]),
        Component::Service(Service::AiEngine) => model_servers::egress(resolved),
        Component::Models => model_files(resolved),
        Component::Backups => {
            let target = resolved.spec.backup.as_ref().map(|backup| &backup.target);
            bucket(resolved, target.and_then(|target| target.s3.as_ref()))
        }
        Component::Restore => {
            let from = resolved.spec.restore_from.as_ref();
            bucket(resolved, from.and_then(|from| from.s3.as_ref()))
        }
        _ => Vec::new(),
    }
}

/// The storage that backups are in.
fn bucket(resolved: &Resolved, s3: Option<&S3>) -> Vec<Value> {
    let rule = s3.and_then(|s3| model_servers::rule_for(resolved, &s3.endpoint));
    rule.into_iter().collect()
}

/// Where the models Job downloads files from: it does that itself, and Ollama gets them from it.
fn model_files(resolved: &Resolved) -> Vec<Value> {
    let urls = resolved.spec.ollama.models.iter();
    let urls = urls.filter_map(|model| model.url.as_deref());
    let mut rules: Vec<Value> = Vec::new();
    for rule in urls.filter_map(|url| model_servers::rule_for(resolved, url)) {
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    rules
}

/// Hosts that others may name: the rules of the fetcher's own guard, as policies have them. What
/// is not public is reached only where the spec lists its network.
fn public_hosts(resolved: &Resolved, ports: &[u16]) -> Vec<Value> {
    let blocks = resolved.allowed_networks.blocks();
    let (public, listed): (Vec<&Block>, Vec<&Block>) = blocks
        .iter()
        .partition(|block| block.reach == Reach::Public);
    let peers = |blocks: &[&Block]| blocks.iter().copied().map(block).collect::<Vec<_>>();
    let tcp = |port: &u16| json!({"port": port, "protocol": "TCP"});
    let ports: Vec<Value> = ports.iter().map(tcp).collect();
    let mut rules = vec![json!({"to": peers(&public), "ports": ports})];
    if !listed.is_empty() {
        // A policy sees the port behind a Service, which may be any.
        rules.push(json!({"to": peers(&listed), "ports": [{"protocol": "TCP"}]}));
    }
    rules
}

/// A range of addresses as a peer of a policy.
pub(crate) fn block(block: &Block) -> Value {
    let mut range = json!({"cidr": block.range.to_string()});
    if !block.except.is_empty() {
        let except: Vec<_> = block.except.iter().map(ToString::to_string).collect();
        range["except"] = json!(except);
    }
    json!({"ipBlock": range})
}

fn policy(sketch: &mut Sketch<'_>, component: Component, suffix: &str, spec: &Value) {
    let key = ObjectKey::new(Kind::NetworkPolicy, sketch.resolved.object_name(suffix));
    sketch.apply(component, key, json!({"spec": spec}));
}

fn rule(sketch: &Sketch<'_>, side: &str, end: &End, port: u16) -> Value {
    let resolved = sketch.resolved;
    let mut rule = json!({"ports": [{"port": port, "protocol": "TCP"}]});
    match end {
        End::Anybody => {}
        End::Part(component) => {
            let selector = labels::selector(resolved, *component);
            rule[side] = json!([{"podSelector": {"matchLabels": selector}}]);
        }
        End::Cnpg => {
            let cluster = resolved.object_name(Store::Postgres.name());
            rule[side] = json!([{"podSelector": {"matchLabels": {"cnpg.io/cluster": cluster}}}]);
        }
        End::Operator => {
            // Pods of other namespaces can give themselves the operator's label.
            let home = sketch.observed.operator_namespace.as_ref();
            let namespace = home.map_or_else(
                || json!({}),
                |name| json!({"matchLabels": {"kubernetes.io/metadata.name": name}}),
            );
            rule[side] = json!([{
                "namespaceSelector": namespace,
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": labels::MANAGER}},
            }]);
        }
        End::AnyPod => rule[side] = json!([{"namespaceSelector": {}}]),
    }
    rule
}

/// Whether this platform runs pods of a component.
fn has_pods(resolved: &Resolved, component: Component) -> bool {
    let spec = &resolved.spec;
    match component {
        Component::Platform => false,
        Component::Backups => spec.backup.is_some(),
        Component::Restore => spec.restore_from.is_some() && !resolved.restored,
        Component::Store(Store::Postgres) => spec.postgres.mode == PostgresMode::Managed,
        Component::Store(Store::Redis) => spec.redis.mode == StoreMode::Managed,
        Component::Store(Store::Chroma) => spec.chroma.mode == StoreMode::Managed,
        Component::Store(Store::Ollama) => spec.ollama.mode == StoreMode::Managed,
        _ => true,
    }
}

/// Every connection that is allowed, in one place.
fn table(resolved: &Resolved) -> Vec<Allowed> {
    use Component::{Backups, Gateway, Migration, Models, Restore};
    let gateway_port = wiring::GATEWAY_CONTAINER_PORT;
    let (database, database_port) = database(resolved);
    let (models, models_port) = by_url(resolved, Store::Ollama);
    let (index, index_port) = by_url(resolved, Store::Chroma);
    let ai_engine = part(Service::AiEngine);
    let mut rows = vec![
        allowed(End::Anybody, End::Part(Gateway), gateway_port),
        allowed(End::Part(Migration), database.clone(), database_port),
        allowed(End::Part(Models), models.clone(), models_port),
        allowed(ai_engine.clone(), models, models_port),
        allowed(ai_engine.clone(), index, index_port),
        allowed(
            End::Operator,
            part(Service::Auth),
            wiring::AUTH_INTERNAL_PORT,
        ),
    ];
    for component in [Restore, Backups] {
        if has_pods(resolved, component) {
            rows.push(allowed(
                End::Part(component),
                database.clone(),
                database_port,
            ));
        }
    }
    for caller in [Service::CreatorHub, Service::Channel] {
        rows.push(allowed(
            part(caller),
            ai_engine.clone(),
            Service::AiEngine.port(),
        ));
    }
    // One reads the texts of documents that it indexes, the other originals that visitors open.
    for caller in [Service::AiEngine, Service::Channel] {
        rows.push(allowed(
            part(caller),
            part(Service::CreatorHub),
            Service::CreatorHub.port(),
        ));
    }
    // Auth copies and erases an account everywhere.
    for called in [Service::CreatorHub, Service::AiEngine, Service::Channel] {
        rows.push(allowed(part(Service::Auth), part(called), called.port()));
    }
    for service in Service::ALL {
        rows.extend(of_service(resolved, service));
    }
    rows.extend(outside(resolved));
    rows
}

const fn part(service: Service) -> End {
    End::Part(Component::Service(service))
}

/// What every service has: the gateway in front, database and cache behind, auth beside it.
fn of_service(resolved: &Resolved, service: Service) -> Vec<Allowed> {
    let (database, database_port) = database(resolved);
    let (cache, cache_port) = cache(resolved);
    let mut rows = vec![
        allowed(End::Part(Component::Gateway), part(service), service.port()),
        allowed(part(service), database, database_port),
        allowed(part(service), cache, cache_port),
    ];
    if service != Service::Auth {
        rows.push(allowed(
            part(service),
            part(Service::Auth),
            Service::Auth.port(),
        ));
    }
    if resolved.spec.monitoring.service_monitor {
        rows.push(allowed(End::AnyPod, part(service), service.metrics_port()));
    }
    rows
}

/// What goes out of the cluster beside the hosts that users name: models and email.
fn outside(resolved: &Resolved) -> Vec<Allowed> {
    let mut rows = Vec::new();
    if resolved.spec.auth.smtp_secret_ref.is_some() {
        // Which of them it is stands in the Secret.
        let ports = [25, 465, 587, 2525];
        rows.extend(ports.map(|port| allowed(part(Service::Auth), End::Anybody, port)));
    }
    let pulled = |model: &crate::api::ollama::Model| model.source == ModelSource::Pull;
    let ollama = &resolved.spec.ollama;
    if ollama.mode == StoreMode::Managed && ollama.models.iter().any(pulled) {
        rows.push(allowed(
            End::Part(Component::Store(Store::Ollama)),
            End::Anybody,
            443,
        ));
    }
    rows
}

fn database(resolved: &Resolved) -> (End, u16) {
    let postgres = &resolved.spec.postgres;
    match (postgres.mode, &postgres.external) {
        (PostgresMode::External, Some(external)) => (End::Anybody, port_of(external.port)),
        (PostgresMode::CloudnativePg, _) => (End::Cnpg, Store::Postgres.port()),
        _ => (
            End::Part(Component::Store(Store::Postgres)),
            Store::Postgres.port(),
        ),
    }
}

fn cache(resolved: &Resolved) -> (End, u16) {
    resolved.spec.redis.external.as_ref().map_or(
        (
            End::Part(Component::Store(Store::Redis)),
            Store::Redis.port(),
        ),
        |external| (End::Anybody, port_of(external.port)),
    )
}

fn by_url(resolved: &Resolved, store: Store) -> (End, u16) {
    let external = match store {
        Store::Chroma => &resolved.spec.chroma.external,
        _ => &resolved.spec.ollama.external,
    };
    external.as_ref().map_or_else(
        || (End::Part(Component::Store(store)), store.port()),
        |external| (End::Anybody, port_of_url(&external.url)),
    )
}

fn port_of(port: i32) -> u16 {
    u16::try_from(port).unwrap_or_default()
}

fn port_of_url(url: &str) -> u16 {
    host_and_port(url).1
}

/// The host and the port of a base URL.
pub(crate) fn host_and_port(url: &str) -> (&str, u16) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let default = if scheme == "https" { 443 } else { 80 };
    if let Some((address, port)) = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        let port = port.strip_prefix(':').and_then(|port| port.parse().ok());
        return (address, port.unwrap_or(default));
    }
    authority
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse().ok()?)))
        .unwrap_or((authority, default))
}
