//! Whoever deletes or edits one of our objects gets it back as it was, whatever its kind.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kube::ResourceExt;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use operator_core::object::{Kind, ObjectKey};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::world::World;

/// The goal is 2 s; the bound leaves room for a busy machine. What was measured is printed.
const BOUND: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn an_object_of_every_kind_comes_back_when_it_is_deleted() {
    let world = World::bare("deleted").await;
    let _stand_in = world.stand_in();
    let operator = world.operator();
    let name = world.apply_everything().await;
    world.until_ready(&name).await;
    world.until_quiet(&operator).await;
    for (kind, object) in one_of_each_kind(&world, &name).await {
        // Data is kept by the API server itself: a volume in use and a password are never lost
        // to a slip, and a new one in their place would repair nothing.
        let began = Instant::now();
        delete(&world, kind, &object).await;
        let took = until(&world, kind, &object.name_any(), began, |found| {
            found.uid() != object.uid() && found.metadata.deletion_timestamp.is_none()
        })
        .await;
        println!(
            "measured: deleted {:24} repaired after {took:?}",
            kind.kind()
        );
    }
    world.until_ready(&name).await;
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn an_object_of_every_kind_is_put_right_when_it_is_edited() {
    let world = World::bare("edited").await;
    let _stand_in = world.stand_in();
    let operator = world.operator();
    let name = world.apply_everything().await;
    world.until_ready(&name).await;
    world.until_quiet(&operator).await;
    for (kind, object) in one_of_each_kind(&world, &name).await {
        let Some((pointer, edit)) = edit(kind, &object) else {
            println!(
                "measured: edited  {:24} has nothing that may be edited",
                kind.kind()
            );
            continue;
        };
        let whole = serde_json::to_value(&object).unwrap();
        let before = whole.pointer(&pointer).unwrap().clone();
        let began = Instant::now();
        let api = world.api(kind);
        let params = PatchParams {
            field_manager: Some("kubectl-edit".to_owned()),
            ..Default::default()
        };
        let edited = api
            .patch(&object.name_any(), &params, &Patch::Merge(&edit))
            .await
            .unwrap();
        let edited = serde_json::to_value(&edited).unwrap();
        assert_ne!(
            edited.pointer(&pointer),
            Some(&before),
            "the edit of {kind:?} did nothing"
        );
        let took = until(&world, kind, &object.name_any(), began, |found| {
            serde_json::to_value(found).unwrap().pointer(&pointer) == Some(&before)
        })
        .await;
        println!(
            "measured: edited  {:24} repaired after {took:?}",
            kind.kind()
        );
    }
    world.until_ready(&name).await;
    operator.stop().await;
}

async fn one_of_each_kind(world: &World, name: &str) -> BTreeMap<Kind, DynamicObject> {
    let owned = world.owned(name).await;
    let kinds: BTreeMap<Kind, DynamicObject> = owned
        .into_iter()
        .map(|(ObjectKey { kind, .. }, object)| (kind, object))
        .collect();
    for kind in Kind::ALL.iter().copied().filter(|kind| !kind.optional()) {
        assert!(
            kinds.contains_key(&kind),
            "no {} in the sample of everything",
            kind.kind()
        );
    }
    kinds
}

async fn delete(world: &World, kind: Kind, object: &DynamicObject) {
    let api = world.api(kind);
    api.delete(&object.name_any(), &DeleteParams::background())
        .await
        .unwrap();
    if kind == Kind::PersistentVolumeClaim {
        // The controller that lifts this protection is not there.
        let free = json!({"metadata": {"finalizers": null}});
        let _ = api
            .patch(
                &object.name_any(),
                &PatchParams::default(),
                &Patch::Merge(&free),
            )
            .await;
    }
}

async fn until(
    world: &World,
    kind: Kind,
    name: &str,
    began: Instant,
    is_right: impl Fn(&DynamicObject) -> bool,
) -> Duration {
    let api = world.api(kind);
    while began.elapsed() < BOUND {
        if let Some(found) = api.get_opt(name).await.unwrap()
            && is_right(&found)
        {
            return began.elapsed();
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{} {name} was not repaired within {BOUND:?}", kind.kind());
}

/// What a person might change by hand: where, and the patch that does it.
fn edit(kind: Kind, object: &DynamicObject) -> Option<(String, Value)> {
    let spec = &object.data["spec"];
    let (pointer, patch) = match kind {
        Kind::ConfigMap => {
            let key = object.data["data"].as_object()?.keys().next()?.clone();
            (
                format!("/data/{}", key.replace('/', "~1")),
                json!({"data": {key: "by hand"}}),
            )
        }
        Kind::Deployment | Kind::StatefulSet if spec["replicas"].is_number() => {
            let more = spec["replicas"].as_i64()? + 2;
            (
                "/spec/replicas".to_owned(),
                json!({"spec": {"replicas": more}}),
            )
        }
        Kind::Service => {
            let other = json!({"spec": {"selector": {"app.kubernetes.io/component": "by-hand"}}});
            (
                "/spec/selector/app.kubernetes.io~1component".to_owned(),
                other,
            )
        }
        Kind::CronJob => (
            "/spec/schedule".to_owned(),
            json!({"spec": {"schedule": "59 23 31 12 *"}}),
        ),
        Kind::HorizontalPodAutoscaler => (
            "/spec/maxReplicas".to_owned(),
            json!({"spec": {"maxReplicas": 99}}),
        ),
        // The rest by a label, which all of them have.
        _ => {
            let label = "app.kubernetes.io/part-of";
            let patch = json!({"metadata": {"labels": {label: "by-hand"}}});
            (
                format!("/metadata/labels/{}", label.replace('/', "~1")),
                patch,
            )
        }
    };
    Some((pointer, patch))
}
