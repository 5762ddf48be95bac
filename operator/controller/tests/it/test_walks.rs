//! Walks over the fields of the schema at a real API server: what the pure rules admit the server
//! admits, and whatever way a spec came about, the end is what a plan of it says. A few in
//! `make test`, two hundred in `make test-exhaustive`.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use operator_core::api::CreatorPlatform;
use operator_core::object::Kind;
use operator_core::plan::differences;
use operator_core::{Observed, plan, resolve};
use serde_json::{Value, json};
use shared_testkit::Sample;

use crate::schema_values::{FIELDS, Random, edited};
use crate::world::{Operator, World, sample};

const SAMPLES: [&str; 5] = [
    "minimal",
    "full",
    "external",
    "cloudnative-pg",
    "model-servers",
];
/// Walks at once.
const CONCURRENCY: usize = 3;

/// A walk: its seed, and how many of its edits are made.
#[derive(Debug, Clone, Copy)]
struct Walk {
    seed: u64,
    edits: usize,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn every_walk_at_the_api_server_ends_as_a_plan_of_its_last_spec_says() {
    let sampled = Sample::from_env();
    let walks = sampled.size(4, 200);
    let seed = std::env::var_os("TEST_SEED").unwrap_or_default();
    let first = seed_of(&seed.to_string_lossy());
    let seeds = (0..walks as u64).map(|number| first.wrapping_add(number * 7919));
    let failed: Vec<(Walk, Vec<String>)> = stream::iter(seeds)
        .map(async |seed| {
            let walk = Walk { seed, edits: 6 };
            (walk, Box::pin(run(walk)).await)
        })
        .buffer_unordered(CONCURRENCY)
        .filter(|(_, wrong)| std::future::ready(!wrong.is_empty()))
        .collect()
        .await;
    println!(
        "measured: {walks} walks at the API server, {} failed",
        failed.len()
    );
    if let Some((walk, wrong)) = failed.into_iter().next() {
        let (walk, wrong) = Box::pin(shrunk(walk, wrong)).await;
        panic!("{walk:?}: {wrong:#?}");
    }
}

fn seed_of(text: &str) -> u64 {
    let mix = |seed: u64, byte: u8| seed.wrapping_mul(31).wrapping_add(u64::from(byte));
    text.bytes().fold(17, mix)
}

/// The same walk with as few edits as fail.
async fn shrunk(walk: Walk, wrong: Vec<String>) -> (Walk, Vec<String>) {
    for edits in 0..walk.edits {
        let shorter = Walk { edits, ..walk };
        let wrong = Box::pin(run(shorter)).await;
        if !wrong.is_empty() {
            return (shorter, wrong);
        }
    }
    (walk, wrong)
}

/// Runs a walk; answers what is wrong at its end.
async fn run(walk: Walk) -> Vec<String> {
    let mut random = Random::new(walk.seed);
    let world = World::bare("walk").await;
    let _stand_in = world.stand_in();
    let operator = world.operator();
    let start = sample(SAMPLES[random.below(SAMPLES.len())]);
    provide_secrets(&world, &start).await;
    world.apply(&start).await;
    let name = start["metadata"]["name"].as_str().unwrap().to_owned();
    for _ in 0..walk.edits {
        let platform = world.platforms().get(&name).await.unwrap();
        let field = random.below(FIELDS.len());
        let seed = (random.below(5) > 0).then(|| random.below(usize::MAX) as u64);
        if random.below(6) == 0 {
            lose(&world, &name, &mut random).await;
        }
        if let Some(changed) = edited(&platform, field, seed)
            && let Err(wrong) = change(&world, &changed).await
        {
            operator.stop().await;
            return vec![wrong];
        }
        if random.below(2) == 0 {
            operator
                .settled_for(std::time::Duration::from_millis(300))
                .await;
        }
    }
    world
        .merge(&name, json!({"spec": {"suspend": false}}))
        .await;
    let wrong = at_the_end(&world, &operator, &name).await;
    operator.stop().await;
    wrong
}

/// What the pure rules admit has to be admitted.
async fn change(world: &World, platform: &CreatorPlatform) -> Result<(), String> {
    let body = serde_json::to_value(platform).unwrap();
    provide_secrets(world, &body).await;
    let name = platform.metadata.name.clone().unwrap();
    // The operator may have written the status meanwhile.
    for _ in 0..10 {
        let mut present = world.platforms().get(&name).await.unwrap();
        present.spec = platform.spec.clone();
        let replaced = world
            .platforms()
            .replace(&name, &PostParams::default(), &present)
            .await;
        match replaced {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(format!("refused by the API server: {error}")),
            Ok(_) => return Ok(()),
        }
    }
    Err("the platform changes all the time".to_owned())
}

/// A person deletes an object that holds no data.
async fn lose(world: &World, name: &str, random: &mut Random) {
    let mut owned = world.owned(name).await;
    owned.retain(|(key, _)| !holds_data(key.kind) && key.kind != Kind::Job);
    if owned.is_empty() {
        return;
    }
    let (key, _) = owned.swap_remove(random.below(owned.len()));
    let (api, now) = (world.api(key.kind), DeleteParams::default());
    // It may be pruned at the same moment.
    let _ = api.delete(&key.name, &now).await;
}

const fn holds_data(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Secret | Kind::PersistentVolumeClaim | Kind::CnpgCluster
    )
}

/// Every object that a plan of the spec has is there as planned, and no other one.
async fn at_the_end(world: &World, operator: &Operator, name: &str) -> Vec<String> {
    world.until_ready(name).await;
    operator.settled().await;
    let platform = world.platforms().get(name).await.unwrap();
    let optional = Kind::ALL.iter().copied().filter(|kind| kind.optional());
    let observed = Observed {
        optional_kinds: optional.collect(),
        ..Observed::default()
    };
    let resolved = resolve(&platform, &observed).unwrap();
    let planned = plan(&resolved, &observed);
    let live: BTreeMap<_, _> = world.owned(name).await.into_iter().collect();
    let mut wrong = Vec::new();
    let mut known = BTreeSet::new();
    for item in planned.items().filter(|item| item.key.kind != Kind::Job) {
        known.insert(item.key.clone());
        let Some(found) = live.get(&item.key) else {
            wrong.push(format!("{} is missing", item.key));
            continue;
        };
        if holds_data(item.key.kind) {
            continue;
        }
        let found = serde_json::to_value(found).unwrap();
        let body = item.desired.body();
        let paths = differences(item.key.kind, "", body, &found, &BTreeMap::new()).paths;
        let differing = paths.into_iter().filter(|path| !path.contains("-hash"));
        wrong.extend(differing.map(|path| format!("{}: {path}", item.key)));
    }
    let stale = live
        .keys()
        .filter(|key| key.kind != Kind::Job && !holds_data(key.kind) && !known.contains(key));
    wrong.extend(stale.map(|key| format!("{key} is left over")));
    wrong
}

/// Makes the Secrets that a spec refers to, with every key that it names.
async fn provide_secrets(world: &World, platform: &Value) {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    collect(&platform["spec"], &mut wanted);
    let secrets: Api<Secret> = Api::namespaced(world.client.clone(), &world.namespace);
    for (name, keys) in wanted {
        let values: BTreeMap<String, String> = keys
            .into_iter()
            .map(|key| (key, "a value from another hand".to_owned()))
            .collect();
        let body = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name}, "stringData": values,
        });
        let merge = Patch::Merge(&body);
        let made = if secrets.get_opt(&name).await.unwrap().is_some() {
            secrets.patch(&name, &PatchParams::default(), &merge).await
        } else {
            let new: Secret = serde_json::from_value(body.clone()).unwrap();
            secrets.create(&PostParams::default(), &new).await
        };
        made.unwrap();
    }
}

fn collect(value: &Value, wanted: &mut BTreeMap<String, BTreeSet<String>>) {
    match value {
        Value::Object(fields) => {
            for (field, below) in fields {
                let field = field.to_ascii_lowercase();
                let is_reference = field.ends_with("secretref") || field.ends_with("secretkeyref");
                if let (true, Some(name)) = (is_reference, below["name"].as_str()) {
                    let usual = ["username", "password", "ca.crt", "SMTP_HOST", "SMTP_FROM"];
                    let keys = usual.into_iter().chain(below["key"].as_str());
                    let keys = keys.map(str::to_owned);
                    wanted.entry(name.to_owned()).or_default().extend(keys);
                }
                collect(below, wanted);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, wanted)),
        _ => {}
    }
}
