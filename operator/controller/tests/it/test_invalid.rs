//! Wrong specs: said in a condition with what to do, and forgotten when corrected.

use k8s_openapi::api::events::v1::Event;
use kube::Resource;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use operator_core::api::CreatorPlatform;
use serde_json::{Value, json};

use crate::world::{World, condition, holds, sample};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn an_invalid_spec_stalls_with_what_to_do_and_a_corrected_one_recovers() {
    let world = World::bare("invalid").await;
    let _stand_in = world.stand_in();
    let operator = world.operator();
    // The schema lets this pass; only the operator knows which variables it sets itself.
    let mut platform = sample("minimal");
    platform["spec"]["services"]["auth"]["env"] = json!([{"name": "DATABASE_HOST", "value": "x"}]);
    world.apply(&platform).await;
    let name = platform["metadata"]["name"].as_str().unwrap().to_owned();
    world
        .until(&name, "stalled", |platform| holds(platform, "Stalled"))
        .await;
    let stalled = world.platforms().get(&name).await.unwrap();
    let message = &condition(&stalled, "Stalled").unwrap().message;
    assert!(
        message.contains("DATABASE_HOST") && message.contains("remove it"),
        "{message}"
    );
    assert!(!holds(&stalled, "Ready"));
    assert!(
        world.owned(&name).await.is_empty(),
        "something was made of an invalid spec"
    );
    assert_event(&world, &name, "InvalidSpec").await;

    world.apply(&sample("minimal")).await;
    world.until_ready(&name).await;
    let ready = world.platforms().get(&name).await.unwrap();
    assert!(!holds(&ready, "Stalled"));
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_platform_that_cannot_be_read_says_so_and_stops_no_other() {
    let world = World::lenient("unreadable").await;
    let _stand_in = world.stand_in();
    let operator = world.operator();
    let broken = json!({
        "apiVersion": CreatorPlatform::api_version(&()),
        "kind": "CreatorPlatform",
        "metadata": {"name": "broken"},
        "spec": {"services": "a string"},
    });
    let resource = ApiResource::erase::<CreatorPlatform>(&());
    let untyped: Api<DynamicObject> =
        Api::namespaced_with(world.client.clone(), &world.namespace, &resource);
    let apply = PatchParams::apply("test").force();
    untyped
        .patch("broken", &apply, &Patch::Apply(&broken))
        .await
        .unwrap();
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;

    let stalled = |platform: &DynamicObject| {
        let conditions = platform.data["status"]["conditions"].as_array().cloned();
        let mut conditions = conditions.unwrap_or_default().into_iter();
        conditions.find(|one: &Value| one["type"] == "Stalled" && one["status"] == "True")
    };
    let condition = world
        .until_some("stalled", async || {
            stalled(&untyped.get("broken").await.unwrap())
        })
        .await;
    let message = condition["message"].as_str().unwrap();
    assert!(
        message.contains("cannot be parsed") && message.contains("kubectl edit"),
        "{message}"
    );
    assert_event(&world, "broken", "InvalidSpec").await;
    operator.stop().await;
}

async fn assert_event(world: &World, name: &str, reason: &str) {
    let events: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
    world
        .until_some(reason, async || {
            let list = events.list(&ListParams::default()).await.unwrap();
            list.into_iter().find(|event| {
                let about = event
                    .regarding
                    .as_ref()
                    .and_then(|object| object.name.as_deref());
                about == Some(name) && event.reason.as_deref() == Some(reason)
            })
        })
        .await;
}
