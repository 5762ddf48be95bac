//! What remains of a platform that was deleted: what policy retains, and nothing else.

use std::collections::BTreeSet;

use kube::ResourceExt as _;
use kube::api::DeleteParams;
use operator_core::api::{ConditionStatus, CreatorPlatform};
use operator_core::object::Kind;
use serde_json::{Value, json};

use crate::world::{World, condition, sample};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_deleted_platform_leaves_its_data_and_its_secrets_only() {
    let world = World::managed("gone").await;
    let operator = world.operator();
    let name = world.apply_sample("minimal").await;
    // Pods never run here, so it gets as far as its stores.
    world
        .until_some("stores", async || {
            let owned = world.owned(&name).await;
            owned
                .iter()
                .any(|(key, _)| key.kind == Kind::StatefulSet)
                .then_some(())
        })
        .await;
    world.until_quiet(&operator).await;
    let kept = |kind: Kind| matches!(kind, Kind::Secret | Kind::PersistentVolumeClaim);
    let owned = world.owned(&name).await;
    let secrets = owned
        .iter()
        .filter(|(key, _)| key.kind == Kind::Secret)
        .count();
    assert!(secrets >= 5, "{secrets} secrets");

    world
        .platforms()
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
    world
        .until_some("collected", async || {
            let left = world.owned(&name).await;
            left.iter().all(|(key, _)| kept(key.kind)).then_some(())
        })
        .await;
    world.until_quiet(&operator).await;
    let left: BTreeSet<_> = world
        .owned(&name)
        .await
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    let expected: BTreeSet<_> = owned
        .into_iter()
        .map(|(key, _)| key)
        .filter(|key| kept(key.kind))
        .collect();
    assert_eq!(left, expected);
    operator.stop().await;
}

/// Claims and Secrets of a platform, and whether each has an owner.
async fn data(world: &World, name: &str) -> Vec<(String, bool)> {
    let kept = |kind: Kind| matches!(kind, Kind::Secret | Kind::PersistentVolumeClaim);
    let owned = world.owned(name).await.into_iter();
    owned
        .filter(|(key, _)| kept(key.kind))
        .map(|(key, object)| (key.to_string(), !object.owner_references().is_empty()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn confirmed_by_name_a_deletion_takes_the_data_and_leaves_the_backups() {
    let world = World::managed("confirmed").await;
    let operator = world.operator();
    let name = world.apply_sample("backup").await;
    world.until_quiet(&operator).await;
    let confirm = |value: Value| {
        json!({
            "metadata": {"annotations": {"creatorplatform.io/confirm-deletion": value}},
            "spec": {"deletionPolicy": "Delete"},
        })
    };
    let deletes = |wanted: bool| {
        move |platform: &CreatorPlatform| {
            condition(platform, "DeletesData")
                .is_some_and(|found| (found.status == ConditionStatus::True) == wanted)
        }
    };
    let backups = |key: &str| key == format!("PersistentVolumeClaim {name}-backups");

    // Asked for alone, nothing has an owner; confirmed, all have; taken back, none has.
    world.merge(&name, confirm(json!("another"))).await;
    world.until(&name, "asked", deletes(false)).await;
    world.until_quiet(&operator).await;
    let before = data(&world, &name).await;
    assert!(before.len() >= 10, "{before:?}");
    assert!(before.iter().all(|(_, owned)| !owned), "{before:?}");
    for _ in 0..2 {
        world.merge(&name, confirm(json!(name))).await;
        world.until(&name, "confirmed", deletes(true)).await;
        let owned = data(&world, &name).await;
        for (key, owned) in &owned {
            assert_eq!(*owned, !backups(key), "{key}");
        }
        world.merge(&name, confirm(Value::Null)).await;
        world.until(&name, "taken back", deletes(false)).await;
        world.until_quiet(&operator).await;
        assert_eq!(data(&world, &name).await, before);
    }

    world.merge(&name, confirm(json!(name))).await;
    world.until(&name, "confirmed", deletes(true)).await;
    let params = DeleteParams::default();
    world.platforms().delete(&name, &params).await.unwrap();
    // No controller of volumes runs here: what only its finalizer keeps is gone.
    let gone = async || {
        let left = world.owned(&name).await;
        let mut left = left.iter().filter(|(key, object)| {
            let leaves = object.metadata.deletion_timestamp.is_some();
            !leaves && !backups(&key.to_string())
        });
        left.next().is_none().then_some(())
    };
    world.until_some("collected", gone).await;
    let left = data(&world, &name).await;
    assert!(left.iter().any(|(key, _)| backups(key)), "{left:?}");
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_platform_that_is_confirmed_from_the_start_gives_its_data_up_again() {
    let world = World::managed("start").await;
    let operator = world.operator();
    let mut platform = sample("minimal");
    let name = platform["metadata"]["name"].as_str().unwrap().to_owned();
    platform["metadata"]["annotations"] = json!({"creatorplatform.io/confirm-deletion": name});
    platform["spec"]["deletionPolicy"] = json!("Delete");
    world.apply(&platform).await;
    let all_owned = async |wanted: bool| {
        let data = data(&world, &name).await;
        let settled = data.len() >= 10 && data.iter().all(|(_, owned)| *owned == wanted);
        settled.then_some(())
    };
    world
        .until_some("owned", async || all_owned(true).await)
        .await;
    // What a restarted operator reads, it judges as the one before did.
    operator.stop().await;
    let operator = world.operator();
    world.until_quiet(&operator).await;
    all_owned(true).await.expect("still owned");
    let back = json!({"spec": {"deletionPolicy": "Retain"}});
    world.merge(&name, back).await;
    world
        .until_some("given up", async || all_owned(false).await)
        .await;
    operator.stop().await;
}
