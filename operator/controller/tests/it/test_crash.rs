//! The operator dies at every single write of an install; its successor finishes the work.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use operator_core::object::{Kind, ObjectKey};
use serde_json::Value;
use tokio::time::{Duration, sleep, timeout};

use crate::wire::Fault;
use crate::world::{PATIENCE, World};

/// Most of a run is waiting for the stand-in of the controllers.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_crash_before_or_after_any_write_of_an_install_ends_in_the_same_state() {
    let (expected, writes) = undisturbed().await;
    let faults = (1..=writes).flat_map(|n| [Fault::BeforeWrite(n), Fault::AfterWrite(n)]);
    let runs = faults.map(|fault| survive(fault, &expected));
    let struck: Vec<bool> = stream::iter(runs).buffer_unordered(AT_ONCE).collect().await;
    let crashes = struck.into_iter().filter(|struck| *struck).count();
    println!("{crashes} crashes at {writes} writes, all converged");
    assert!(crashes >= writes, "only {crashes} of the faults struck");
}

/// The objects of an install that nothing disturbs, and how many writes it takes.
async fn undisturbed() -> (BTreeMap<ObjectKey, Value>, usize) {
    let world = World::bare("undisturbed").await;
    let _stand_in = world.stand_in();
    let operator = world.operator();
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;
    world.until_quiet(&operator).await;
    let writes = operator.calls.writes().len();
    operator.stop().await;
    (comparable(&world, &name).await, writes)
}

/// Answers whether the fault struck: the last writes of a run can vary by an event or a status.
async fn survive(fault: Fault, expected: &BTreeMap<ObjectKey, Value>) -> bool {
    let world = World::bare("crash").await;
    let _stand_in = world.stand_in();
    let operator = world.faulty_operator(fault);
    let name = world.apply_sample("minimal").await;
    let struck = async {
        while !operator.calls.died() {
            if world.is_ready(&name).await {
                world.until_quiet(&operator).await;
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, struck)
        .await
        .unwrap_or_else(|_| panic!("{fault:?}: neither died nor ready"));
    let died = operator.calls.died();
    operator.kill().await;

    let successor = world.operator();
    world.until_ready(&name).await;
    world.until_still(&successor).await;
    let found = comparable(&world, &name).await;
    for (key, body) in expected {
        assert_eq!(found.get(key), Some(body), "{fault:?}: {key}");
    }
    assert_eq!(found.len(), expected.len(), "{fault:?}");
    successor.stop().await;
    died
}

/// Objects without what differs between two installs: identities, times, random values.
async fn comparable(world: &World, name: &str) -> BTreeMap<ObjectKey, Value> {
    let owned = world.owned(name).await;
    owned
        .into_iter()
        .map(|(key, object)| {
            let mut body = serde_json::to_value(&object).unwrap();
            let labels = body["metadata"]["labels"].clone();
            for field in ["status", "data", "metadata"] {
                body.as_object_mut().unwrap().remove(field);
            }
            body["labels"] = labels;
            if let Some(secret) = object.data["data"].as_object() {
                body["keys"] = secret.keys().cloned().collect();
            }
            forget_what_differs(&mut body);
            // Addresses carry the namespace.
            let text = body.to_string().replace(&world.namespace, "NAMESPACE");
            (without_hash(key), serde_json::from_str(&text).unwrap())
        })
        .collect()
}

/// The hash in a Job's name is also over passwords, and those are random.
fn without_hash(key: ObjectKey) -> ObjectKey {
    let ObjectKey { kind, name } = key;
    match name.rsplit_once('-') {
        Some((stem, _)) if kind == Kind::Job => ObjectKey {
            kind,
            name: format!("{stem}-HASH"),
        },
        _ => ObjectKey { kind, name },
    }
}

fn forget_what_differs(value: &mut Value) {
    const DIFFERS: [&str; 8] = [
        "creatorplatform.io/config-hash",
        "clusterIP",
        "clusterIPs",
        "nodePort",
        "batch.kubernetes.io/controller-uid",
        "controller-uid",
        "batch.kubernetes.io/job-name",
        "job-name",
    ];
    match value {
        Value::Object(fields) => {
            fields.retain(|field, _| !DIFFERS.contains(&field.as_str()));
            fields.values_mut().for_each(forget_what_differs);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_what_differs),
        _ => {}
    }
}
