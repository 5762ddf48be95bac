//! Each write of an install fails once, in three ways; the end is the same.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use operator_core::object::{Kind, ObjectKey};
use serde_json::Value;
use shared_testkit::Sample;
use tokio::time::{Duration, sleep, timeout};

use crate::wire::Fault;
use crate::world::{PATIENCE, World};

/// Most of a run is waiting for the stand-in of the controllers.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn after_a_crash_at_any_write_of_an_install_a_successor_finishes_it() {
    let install = Install::undisturbed("minimal").await;
    let faults = (0..=install.writes).map(Fault::Crash);
    install.survives("crashes", faults.collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_write_that_fails_or_whose_answer_is_lost_is_made_good_by_the_operator_itself() {
    let install = Install::undisturbed("external").await;
    let writes = 1..=install.writes;
    let faults = writes.flat_map(|n| [Fault::Refused(n), Fault::Lost(n)]);
    install.survives("failures", faults.collect()).await;
}

/// An install that nothing disturbed: what it ends in, and how many writes it takes.
struct Install {
    sample: &'static str,
    objects: BTreeMap<ObjectKey, Value>,
    writes: usize,
}

impl Install {
    async fn undisturbed(sample: &'static str) -> Self {
        let world = World::bare("undisturbed").await;
        let _stand_in = world.stand_in();
        let operator = world.operator();
        let name = world.apply_sample(sample).await;
        world.until_ready(&name).await;
        world.until_quiet(&operator).await;
        let writes = operator.calls.writes().len();
        operator.stop().await;
        Self {
            sample,
            objects: comparable(&world, &name).await,
            writes,
        }
    }

    /// Runs a sample of the faults, or all. The last writes vary by an event or a status, so that
    /// some of the faults may not strike.
    async fn survives(&self, what: &str, all: Vec<Fault>) {
        let faults = Sample::from_env().of(what, all, 4);
        let cases = faults.len();
        let runs = stream::iter(faults).map(|fault| self.survives_one(fault));
        let struck: Vec<bool> = runs.buffer_unordered(AT_ONCE).collect().await;
        let struck = struck.into_iter().filter(|struck| *struck).count();
        println!(
            "measured: {cases} {what} at {} writes, {struck} struck, all converged",
            self.writes
        );
        assert!(
            Sample::from_env().is_enough(struck, cases),
            "only {struck} of {cases} struck"
        );
    }

    async fn survives_one(&self, fault: Fault) -> bool {
        let world = World::bare("faulty").await;
        let _stand_in = world.stand_in();
        let mut operator = world.faulty_operator(fault);
        let name = world.apply_sample(self.sample).await;
        let struck_or_ready = async {
            while !operator.calls.struck() && !world.is_ready(&name).await {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let ended = timeout(PATIENCE, struck_or_ready).await;
        assert!(ended.is_ok(), "{fault:?}: neither struck nor ready");
        let struck = operator.calls.struck();
        if matches!(fault, Fault::Crash(_)) {
            operator.kill().await;
            operator = world.operator();
        }
        world.until_ready(&name).await;
        world.until_still(&operator).await;
        let found = comparable(&world, &name).await;
        for (key, body) in &self.objects {
            assert_eq!(found.get(key), Some(body), "{fault:?}: {key}");
        }
        assert_eq!(found.len(), self.objects.len(), "{fault:?}");
        operator.stop().await;
        struck
    }
}

/// Objects without what differs between two installs: identities, times, random values.
pub(crate) async fn comparable(world: &World, name: &str) -> BTreeMap<ObjectKey, Value> {
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
    const DIFFERS: [&str; 9] = [
        "creatorplatform.io/config-hash",
        "clusterIP",
        "clusterIPs",
        "nodePort",
        "healthCheckNodePort",
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
