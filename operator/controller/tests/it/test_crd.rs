//! The real API server on the custom resources: rules, cost, and what a `GitOps` tool would see.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::server;
use crate::world::{World, files};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn the_server_accepts_every_accept_case() {
    let world = World::bare("accept").await;
    for file in files("operator/core/tests/it/cases/accept") {
        let case = Case::read(&file);
        if let Err(error) = case.try_at(&world).await {
            panic!("{}: refused: {error}", file.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn the_server_refuses_every_reject_case_for_the_reason_it_is_there_for() {
    let world = World::bare("reject").await;
    for file in files("operator/core/tests/it/cases/reject") {
        let case = Case::read(&file);
        let Err(kube::Error::Api(refusal)) = case.try_at(&world).await else {
            panic!("{}: accepted", file.display());
        };
        assert_eq!(refusal.code, 422, "{}: {}", file.display(), refusal.message);
        if let Some(expected) = &case.expected {
            let said = refusal.message.contains(expected);
            assert!(
                said,
                "{}: {} lacks {expected:?}",
                file.display(),
                refusal.message
            );
        }
    }
}

/// Servers estimate the cost of rules differently; ten times the bounds must still pass here.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn the_rules_cost_less_than_a_tenth_of_what_the_server_allows() {
    let config = server::bare().await.config;
    let crds: Api<CustomResourceDefinition> = Api::all(server::client(&config));
    for crd in operator_core::crds() {
        let mut body = serde_json::to_value(&crd).unwrap();
        raise_bounds(&mut body);
        // Another group: the real ones are in use.
        let plural = body["spec"]["names"]["plural"].as_str().unwrap().to_owned();
        body["spec"]["group"] = json!("tenfold.example.org");
        body["metadata"] = json!({"name": format!("{plural}.tenfold.example.org")});
        let crd: CustomResourceDefinition = serde_json::from_value(body).unwrap();
        let dry = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        crds.create(&dry, &crd)
            .await
            .unwrap_or_else(|error| panic!("{plural}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn an_applied_crd_comes_back_as_it_was_sent() {
    let config = server::bare().await.config;
    let crds: Api<CustomResourceDefinition> = Api::all(server::client(&config));
    for crd in operator_core::crds() {
        let found = crds.get(&crd.name_any()).await.unwrap();
        let sent = serde_json::to_value(&crd).unwrap();
        let found = serde_json::to_value(&found).unwrap();
        let mut differing = Vec::new();
        lost(&sent["spec"], &found["spec"], "spec", &mut differing);
        assert!(differing.is_empty(), "{}: {differing:#?}", crd.name_any());
    }
}

/// One file: a resource, what a transition rule compares it with, what the refusal must say.
struct Case {
    body: Value,
    old: Option<Value>,
    expected: Option<String>,
}

impl Case {
    fn read(file: &std::path::Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let expected = text
            .lines()
            .find_map(|line| line.strip_prefix("# message: "));
        let documents: Vec<Value> = serde_yaml_ng::Deserializer::from_str(&text)
            .map(|document| serde::Deserialize::deserialize(document).unwrap())
            .collect();
        let mut documents = documents.into_iter().rev();
        let body = documents.next().unwrap();
        Self {
            body,
            old: documents.next(),
            expected: expected.map(str::to_owned),
        }
    }

    async fn try_at(&self, world: &World) -> kube::Result<()> {
        let api = untyped(&world.client, &world.namespace, &self.body);
        let dry = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let Some(old) = &self.old else {
            return api
                .create(&dry, &serde_json::from_value(self.body.clone()).unwrap())
                .await
                .map(drop);
        };
        let name = old["metadata"]["name"].as_str().unwrap();
        let apply = PatchParams::apply("test").force();
        api.patch(name, &apply, &Patch::Apply(old)).await?;
        if !old["status"].is_null() {
            // The server keeps a status only where it is written as one.
            api.patch_status(name, &apply, &Patch::Apply(old)).await?;
        }
        let mut body = self.body.clone();
        let present = api.get(name).await?;
        body["metadata"]["resourceVersion"] = json!(present.resource_version());
        let body = serde_json::from_value(body).unwrap();
        let result = api.replace(name, &dry, &body).await.map(drop);
        api.delete(name, &DeleteParams::default()).await?;
        result
    }
}

fn untyped(client: &Client, namespace: &str, body: &Value) -> Api<DynamicObject> {
    let kind = body["kind"].as_str().unwrap();
    let plural = format!("{}s", kind.to_lowercase());
    let gvk = GroupVersionKind::gvk(operator_core::api::GROUP, operator_core::api::VERSION, kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, &plural);
    Api::namespaced_with(client.clone(), namespace, &resource)
}

fn raise_bounds(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                match (field.as_str(), value.as_u64()) {
                    ("maxLength" | "maxItems" | "maxProperties", Some(bound)) => {
                        *value = json!(bound * 10);
                    }
                    _ => raise_bounds(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(raise_bounds),
        _ => {}
    }
}

/// Paths of what was sent and did not come back.
fn lost(sent: &Value, found: &Value, path: &str, differing: &mut Vec<String>) {
    match (sent, found) {
        (Value::Object(sent), Value::Object(found)) => {
            for (field, value) in sent {
                let below = format!("{path}.{field}");
                match found.get(field) {
                    Some(found) => lost(value, found, &below, differing),
                    None => differing.push(below),
                }
            }
        }
        (Value::Array(sent), Value::Array(found)) if sent.len() == found.len() => {
            for (index, (sent, found)) in sent.iter().zip(found).enumerate() {
                lost(sent, found, &format!("{path}[{index}]"), differing);
            }
        }
        (sent, found) if sent == found => {}
        (sent, found) => differing.push(format!("{path}: {sent} became {found}")),
    }
}
