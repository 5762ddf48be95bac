//! A shared cluster: namespaces that come and go, and what they refuse.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, ResourceQuota};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use operator::context::Context;
use operator::controller::{Scope, run};
use operator::seen::PlatformName;
use operator_core::object::Kind;
use serde_json::json;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::server;
use crate::tenants::Tenants;
use crate::test_rights::{grant, until_granted};
use crate::world::{PATIENCE, World, condition};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_namespace_that_is_gone_does_not_keep_another_from_being_served() {
    let world = World::bare("served").await;
    let _stand_in = world.stand_in();
    let mut config = world.config.clone();
    config.auth_info.impersonate = Some(grant(&world).await);
    until_granted(&world, &server::client(&config)).await;
    let context = Arc::new(Context::new(server::client(&config), None));
    let gone = "a-namespace-that-is-gone".to_owned();
    let scope = Scope::Namespaces(vec![gone.clone(), world.namespace.clone()]);
    let stop = CancellationToken::new();
    let task = tokio::spawn(run(Arc::clone(&context), scope, stop.clone()));
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;
    assert!(context.seen.serves());
    let waiting: Vec<_> = context.seen.waiting().into_keys().collect();
    assert_eq!(waiting, [Some(gone)]);
    stop.cancel();
    timeout(PATIENCE, task)
        .await
        .expect("it did not stop")
        .unwrap();
}

/// Labels a namespace, or takes the label away.
async fn label(world: &World, value: Option<&str>) {
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    let labels = json!({"metadata": {"labels": {"test/watch": value}}});
    let merge = Patch::Merge(&labels);
    namespaces
        .patch(&world.namespace, &PatchParams::default(), &merge)
        .await
        .unwrap();
}

/// Serves the namespace, leaves it, and writes nothing in it before and after.
async fn comes_and_goes(world: &World, scope: Scope, change: impl AsyncFn(bool)) {
    let _stand_in = world.stand_in();
    let context = Arc::new(Context::new(server::client(&world.config), None));
    let stop = CancellationToken::new();
    let task = tokio::spawn(run(Arc::clone(&context), scope, stop.clone()));
    let name = world.apply_sample("minimal").await;
    sleep(Duration::from_secs(2)).await;
    let platform = world.platforms().get(&name).await.unwrap();
    assert!(platform.status.is_none(), "{:?}", platform.status);
    change(true).await;
    world.until_ready(&name).await;
    change(false).await;
    let platform = PlatformName {
        namespace: world.namespace.clone(),
        name: name.clone(),
    };
    let left = async || context.seen.objects(&platform).is_empty().then_some(());
    world.until_some("the namespace left", left).await;
    let auth = json!({"spec": {"services": {"auth": {"replicas": 3}}}});
    world.merge(&name, auth).await;
    sleep(Duration::from_secs(2)).await;
    let deployments = world.api(Kind::Deployment);
    let found = deployments.get(&format!("{name}-auth")).await.unwrap();
    assert_ne!(found.data["spec"]["replicas"], 3);
    // Once more, without a restart.
    change(true).await;
    let applied = async || {
        let found = deployments.get(&format!("{name}-auth")).await.ok()?;
        (found.data["spec"]["replicas"] == 3).then_some(())
    };
    world.until_some("the change applied", applied).await;
    stop.cancel();
    timeout(PATIENCE, task)
        .await
        .expect("it did not stop")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn namespaces_are_served_by_their_labels_as_these_come_and_go() {
    let world = World::bare("labelled").await;
    let wanted = world.namespace.clone();
    let scope = Scope::Selector(format!("test/watch={wanted}"));
    comes_and_goes(&world, scope, async |on| {
        label(&world, on.then_some(wanted.as_str())).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_changed_list_of_namespaces_needs_no_restart() {
    let world = World::bare("listed").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("namespaces");
    std::fs::write(&file, "").unwrap();
    comes_and_goes(&world, Scope::File(file.clone()), async |on| {
        let list = if on { world.namespace.as_str() } else { "" };
        std::fs::write(&file, list).unwrap();
    })
    .await;
}

/// What a quota refuses never becomes a pod, so that no pod can say it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_quota_that_refuses_the_pods_of_a_store_is_in_its_condition() {
    let world = World::managed("quota").await;
    let quotas: Api<ResourceQuota> = Api::namespaced(world.client.clone(), &world.namespace);
    let quota = json!({"metadata": {"name": "house"}, "spec": {"hard": {"pods": "0"}}});
    let quota = serde_json::from_value(quota).unwrap();
    quotas.create(&PostParams::default(), &quota).await.unwrap();
    let enforced = async || {
        let quota = quotas.get("house").await.unwrap();
        quota.status?.hard.map(drop)
    };
    world.until_some("the quota", enforced).await;
    let operator = world.operator();
    let name = world.apply_sample("minimal").await;
    let says_why = |platform: &operator_core::api::CreatorPlatform| {
        let told = condition(platform, "PostgresReady").map(|one| one.message.clone());
        told.is_some_and(|message| message.contains("exceeded quota: house"))
    };
    world.until(&name, "telling of the quota", says_why).await;
    operator.stop().await;
}

/// As the controller of namespaces does it: everything in it is deleted, whatever it waits for.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_tenant_does_not_hold_up_the_end_of_its_namespace() {
    let tenants = Tenants::new("leaving").await;
    let operator = tenants.operator().await;
    let mut erased = tenants.body("ada");
    erased["spec"]["deletionPolicy"] = json!("Delete");
    tenants.apply(&erased).await;
    tenants.until_ready("ada").await;
    let namespaces: Api<Namespace> = Api::all(tenants.world.client.clone());
    let name = &tenants.world.namespace;
    let delete = DeleteParams::default();
    namespaces.delete(name, &delete).await.unwrap();
    tenants
        .world
        .platforms()
        .delete(&tenants.platform, &delete)
        .await
        .unwrap();
    tenants.delete("ada").await;
    tenants.until_gone("ada").await;
    operator.stop().await;
}
