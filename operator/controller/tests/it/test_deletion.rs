//! What remains of a platform that was deleted: what policy retains, and nothing else.

use std::collections::BTreeSet;

use kube::api::DeleteParams;
use operator_core::object::Kind;

use crate::world::World;

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
