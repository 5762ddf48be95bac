//! The operator with the rights that the chart gives it, and no others; and whether it uses them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use kube::Client;
use kube::ResourceExt;
use kube::api::{
    Api, ApiResource, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams,
};
use kube::core::GroupVersionKind;
use operator_core::object::Kind;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::server;
use crate::wire::Call;
use crate::world::{Operator, World};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn the_rights_that_the_chart_grants_suffice_and_none_is_left_over() {
    let world = World::bare("rights").await;
    let _stand_in = world.stand_in();
    let account = grant(&world).await;
    let mut config = world.config.clone();
    config.auth_info.impersonate = Some(account);
    until_granted(&world, &server::client(&config)).await;
    let operator = world.replica_as(&config, "creator-operator");
    let name = world.apply_everything().await;
    world.until_ready(&name).await;
    // Without these sections their objects are pruned.
    let less =
        json!({"spec": {"gateway": {"ingress": null}, "networkPolicies": {"enabled": false}}});
    world.merge(&name, less).await;
    world
        .until(&name, "changed", |platform| {
            platform.metadata.generation == Some(2)
        })
        .await;
    world.until_ready(&name).await;
    leave_behind(&world, &name).await;
    relabel_a_secret(&world, &name).await;
    let database = world.apply_sample("cloudnative-pg").await;
    world.until_ready(&database).await;
    world.until_quiet(&operator).await;

    let calls = operator.calls.all();
    let refused: Vec<_> = calls.iter().filter(|call| call.status == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let granted = granted(&rendered(&world.namespace));
    let unused: BTreeSet<_> = granted.difference(&used(&operator)).cloned().collect();
    let unused: BTreeSet<_> = unused.difference(&by_chance()).cloned().collect();
    assert_eq!(for_tenants(), unused, "granted, and used by nothing here");
    operator.stop().await;
}

/// An object of every kind that is pruned, as an older version of the operator may have made it;
/// waits until none is left.
async fn leave_behind(world: &World, platform: &str) {
    let mut copies = BTreeMap::new();
    for (key, object) in world.owned(platform).await {
        let holds_data = [Kind::PersistentVolumeClaim, Kind::Secret, Kind::CnpgCluster];
        if !holds_data.contains(&key.kind) {
            copies.insert(key.kind, copy(key.kind, object));
        }
    }
    assert!(copies.len() >= 12, "{:?}", copies.keys());
    for (kind, object) in &copies {
        let (api, new) = (world.api(*kind), PostParams::default());
        api.create(&new, object).await.unwrap();
    }
    for kind in copies.into_keys() {
        let gone = async || {
            let found = world.api(kind).get_opt(LEFT).await.unwrap();
            found.is_none().then_some(())
        };
        world.until_some(&format!("pruned: {kind:?}"), gone).await;
    }
}

const LEFT: &str = "left-behind";

fn copy(kind: Kind, mut object: DynamicObject) -> DynamicObject {
    object.metadata = ObjectMeta {
        name: Some(LEFT.to_owned()),
        labels: object.metadata.labels,
        annotations: object.metadata.annotations,
        owner_references: object.metadata.owner_references,
        ..ObjectMeta::default()
    };
    // What the server gives to one Service, and to one Job, alone.
    for path in ["spec", "spec/template/metadata/labels"] {
        let Some(part) = object.data.pointer_mut(&format!("/{path}")) else {
            continue;
        };
        let part = part.as_object_mut().unwrap();
        let of_one = ["clusterIP", "clusterIPs", "controller-uid", "job-name"];
        part.retain(|name, _| !of_one.contains(&name.rsplit('/').next().unwrap()));
        if kind == Kind::Job {
            part.remove("selector");
        }
    }
    object
}

async fn relabel_a_secret(world: &World, platform: &str) {
    let owned = world.owned(platform).await.into_iter();
    let (key, _) = owned
        .into_iter()
        .find(|(key, _)| key.kind == Kind::Secret)
        .unwrap();
    let label = "app.kubernetes.io/component";
    let change = json!({"metadata": {"labels": {label: "somebody-elses"}}});
    let secrets = world.api(Kind::Secret);
    let merge = Patch::Merge(&change);
    secrets
        .patch(&key.name, &PatchParams::default(), &merge)
        .await
        .unwrap();
    let mended = async || {
        let secret = secrets.get(&key.name).await.unwrap();
        (secret.labels()[label] != "somebody-elses").then_some(())
    };
    world.until_some("the label of before", mended).await;
}

/// A verb on a resource of a group.
pub(crate) type Right = (String, String, &'static str);

const VERBS: [&str; 7] = [
    "get", "list", "watch", "create", "update", "patch", "delete",
];

/// What only Tenants need; a test of theirs uses it.
pub(crate) fn for_tenants() -> BTreeSet<Right> {
    let right = |resource: &str, verb| ("creatorplatform.io".to_owned(), resource.to_owned(), verb);
    [
        (String::new(), "namespaces".to_owned(), "get"),
        right("tenants", "get"),
        right("tenants", "patch"),
        right("tenants/status", "patch"),
    ]
    .into()
}

/// An event is counted again where a condition turns twice before the platform has another version.
fn by_chance() -> BTreeSet<Right> {
    [("events.k8s.io".to_owned(), "events".to_owned(), "patch")].into()
}

/// What an operator has used.
pub(crate) fn used(operator: &Operator) -> BTreeSet<Right> {
    operator.calls.all().iter().flat_map(used_by).collect()
}

/// What the Roles of the chart grant.
fn granted(objects: &[Value]) -> BTreeSet<Right> {
    let words = |list: &Value| -> Vec<String> {
        let words = list.as_array().unwrap().iter();
        words
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    let roles = objects.iter().filter(|object| object["kind"] == "Role");
    let mut rights = BTreeSet::new();
    for rule in roles.flat_map(|role| role["rules"].as_array().unwrap()) {
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                for verb in words(&rule["verbs"]) {
                    let verb = VERBS.into_iter().find(|known| *known == verb);
                    let verb = verb.expect("a verb that no request here has");
                    rights.insert((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    rights
}

/// The rights that a request needs. Where an apply makes the object, the server asks for the right
/// to create, too.
fn used_by(call: &Call) -> Vec<Right> {
    let parts: Vec<_> = call.path.trim_matches('/').split('/').collect();
    let (group, rest) = match parts[..] {
        ["api", _, ref rest @ ..] => ("", rest),
        ["apis", group, _, ref rest @ ..] => (group, rest),
        _ => return Vec::new(),
    };
    let rest = match rest {
        ["namespaces", _, _, ..] => &rest[2..],
        _ => rest,
    };
    let (resource, named) = match *rest {
        [resource] => (resource.to_owned(), false),
        [resource, _] => (resource.to_owned(), true),
        [resource, _, part] => (format!("{resource}/{part}"), true),
        _ => return Vec::new(),
    };
    let verbs: &[&str] = match (call.method.as_str(), named) {
        ("GET", _) if call.watches => &["watch"],
        ("GET", true) => &["get"],
        ("GET", false) => &["list"],
        ("PATCH", _) if call.status == 201 => &["patch", "create"],
        ("PATCH", _) => &["patch"],
        ("POST", _) => &["create"],
        ("PUT", _) => &["update"],
        ("DELETE", _) => &["delete"],
        _ => &[],
    };
    verbs
        .iter()
        .map(|verb| (group.to_owned(), resource.clone(), *verb))
        .collect()
}

/// The server's authorizer learns of a new Role by a watch of its own.
pub(crate) async fn until_granted(world: &World, client: &Client) {
    let secrets = operator::api::objects(client, &world.namespace, Kind::Secret);
    let list = async || secrets.list(&ListParams::default()).await.ok();
    world.until_some("granted", list).await;
}

/// Applies the Roles of the rendered chart; answers whom they are bound to.
pub(crate) async fn grant(world: &World) -> String {
    let mut account = None;
    for object in rendered(&world.namespace) {
        let kind = object["kind"].as_str().unwrap_or_default();
        if kind == "RoleBinding" {
            let subject = &object["subjects"][0];
            account = Some(format!(
                "system:serviceaccount:{}:{}",
                subject["namespace"].as_str().unwrap(),
                subject["name"].as_str().unwrap(),
            ));
        }
        if kind == "Role" || kind == "RoleBinding" {
            let gvk = GroupVersionKind::gvk("rbac.authorization.k8s.io", "v1", kind);
            let resource = ApiResource::from_gvk(&gvk);
            let api: Api<DynamicObject> =
                Api::namespaced_with(world.client.clone(), &world.namespace, &resource);
            let name = object["metadata"]["name"].as_str().unwrap();
            let apply = PatchParams::apply("helm").force();
            api.patch(name, &apply, &Patch::Apply(&object))
                .await
                .unwrap();
        }
    }
    account.expect("the chart binds no Role")
}

fn rendered(namespace: &str) -> Vec<Value> {
    let output = Command::new(format!("{REPOSITORY}/tests/cluster/helm"))
        .args(["template", "creator-operator"])
        .arg(format!("{REPOSITORY}/charts/creator-operator"))
        .args(["--namespace", namespace, "--set", "crds.enabled=false"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    documents
        .map(|document| Value::deserialize(document).unwrap())
        .filter(Value::is_object)
        .collect()
}
