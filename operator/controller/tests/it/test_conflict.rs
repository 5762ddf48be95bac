//! An object of somebody else that stands where ours would.

use kube::api::{DeleteParams, Patch, PatchParams};
use operator_core::object::Kind;
use serde_json::json;

use crate::world::{World, holds, sample};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn an_object_that_is_not_ours_is_reported_and_never_adopted() {
    let world = World::bare("foreign").await;
    let _stand_in = world.stand_in();
    let platform = sample("minimal");
    let name = platform["metadata"]["name"].as_str().unwrap().to_owned();
    let postgres = format!("{name}-postgres");
    let foreign = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": postgres, "labels": {"whose": "somebody-elses"}},
        "spec": {"ports": [{"port": 1}]},
    });
    let services = world.api(Kind::Service);
    services
        .patch(
            &postgres,
            &PatchParams::apply("other"),
            &Patch::Apply(&foreign),
        )
        .await
        .unwrap();
    let before = services.get(&postgres).await.unwrap();

    let operator = world.operator();
    world.apply(&platform).await;
    let in_conflict = |platform: &operator_core::api::CreatorPlatform| {
        let conditions = platform.status.iter().flat_map(|status| &status.conditions);
        let reason = |one: &operator_core::api::Condition| one.reason == "NotOwned";
        conditions
            .into_iter()
            .any(|one| reason(one) && one.message.contains(&postgres))
    };
    world.until(&name, "in conflict", in_conflict).await;
    world.until_quiet(&operator).await;
    let after = services.get(&postgres).await.unwrap();
    assert_eq!(
        before.metadata.resource_version, after.metadata.resource_version,
        "it was written"
    );
    assert!(!holds(
        &world.platforms().get(&name).await.unwrap(),
        "Ready"
    ));

    services
        .delete(&postgres, &DeleteParams::default())
        .await
        .unwrap();
    let took = world.until_ready(&name).await;
    println!("measured: ready {took:?} after the foreign object went");
    operator.stop().await;
}
