//! The operator with the rights that the chart gives it, and no others.

use std::process::Command;

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use operator_core::object::Kind;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::server;
use crate::wire::Fault;
use crate::world::World;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn the_rights_that_the_chart_grants_suffice() {
    let world = World::bare("rights").await;
    let _stand_in = world.stand_in();
    let account = grant(&world).await;
    let mut config = world.config.clone();
    config.auth_info.impersonate = Some(account);
    until_granted(&world, &server::client(&config)).await;
    let operator = world.operator_as(&config, Fault::None);
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
    world.until_quiet(&operator).await;

    let calls = operator.calls.all();
    let refused: Vec<_> = calls.iter().filter(|call| call.status == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let deletes = calls
        .iter()
        .filter(|call| call.method == http::Method::DELETE)
        .count();
    assert!(
        deletes > 0,
        "nothing was pruned, so that right was not tried"
    );
    operator.stop().await;
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
