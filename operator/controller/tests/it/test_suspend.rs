//! Suspended: nothing is written but the status, and that says what would be.

use serde_json::json;

use crate::world::{World, condition, sample};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_suspended_platform_is_planned_and_not_touched_until_it_is_resumed() {
    let world = World::bare("suspended").await;
    let _stand_in = world.stand_in();
    let operator = world.operator();
    let mut platform = sample("minimal");
    platform["spec"]["suspend"] = json!(true);
    world.apply(&platform).await;
    let name = platform["metadata"]["name"].as_str().unwrap().to_owned();
    let has_plan = |platform: &operator_core::api::CreatorPlatform| {
        platform
            .status
            .as_ref()
            .is_some_and(|status| !status.pending_plan.is_empty())
    };
    world.until(&name, "planned", has_plan).await;
    world.until_quiet(&operator).await;
    let suspended = world.platforms().get(&name).await.unwrap();
    let plan = &suspended.status.as_ref().unwrap().pending_plan;
    let auth = format!("create Deployment {name}-auth");
    assert!(plan.iter().any(|line| line.starts_with(&auth)), "{plan:#?}");
    assert_eq!(condition(&suspended, "Ready").unwrap().reason, "Suspended");
    let objects: Vec<_> = operator.calls.writes();
    let other = objects.iter().find(|call| {
        !call
            .path
            .ends_with(&format!("/creatorplatforms/{name}/status"))
            && !call.path.contains("/events")
    });
    assert!(other.is_none(), "while suspended: {other:?}");

    world
        .merge(&name, json!({"spec": {"suspend": false}}))
        .await;
    world.until_ready(&name).await;
    operator.calls.clear();
    world
        .merge(
            &name,
            json!({"spec": {"suspend": true, "services": {"auth": {"replicas": 4}}}}),
        )
        .await;
    world.until(&name, "planned", has_plan).await;
    let suspended = world.platforms().get(&name).await.unwrap();
    let plan = &suspended.status.as_ref().unwrap().pending_plan;
    assert!(
        plan.iter().any(|line| line.contains("spec.replicas")),
        "{plan:#?}"
    );
    operator.stop().await;
}
