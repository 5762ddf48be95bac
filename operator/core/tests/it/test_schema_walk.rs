//! Walks over every field of the schema, in a cluster that does what clusters do: it fills in
//! defaults, others write, too, autoscalers scale, rollouts are slow or fail. Whatever way a spec
//! came about, the end equals a fresh install of it, and then nothing is written any more.

use operator_core::api::CreatorPlatform;
use operator_core::object::{Kind, ObjectKey};
use operator_core::observed::View;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::fixtures::{SAMPLES, resolved, sample};
use crate::schema_values::{FIELDS, edited};
use crate::schema_walk::provide_secrets;
use crate::test_convergence::policies;
use crate::test_walk::{cases, divergences, running};
use crate::world::World;

#[derive(Debug, Clone)]
enum Step {
    /// A person sets a field.
    Set(usize, u64),
    /// A person removes a field.
    Unset(usize),
    /// A person deletes an object.
    Lose(usize),
    /// A person or a policy adds a variable to a workload.
    Add(usize),
    /// A workload fails from now on.
    Break(usize),
    /// What is broken works again, and a person asks for another attempt.
    Mend,
    /// A workload takes its time.
    Slow(usize, usize),
    /// An autoscaler changes a number of replicas.
    Scale(usize, i64),
}

fn step() -> impl Strategy<Value = Step> {
    let field = || 0..FIELDS.len();
    prop_oneof![
        10 => (field(), any::<u64>()).prop_map(|(field, seed)| Step::Set(field, seed)),
        3 => field().prop_map(Step::Unset),
        1 => (0_usize..80).prop_map(Step::Lose),
        1 => (0_usize..16).prop_map(Step::Add),
        1 => (0_usize..16).prop_map(Step::Break),
        1 => Just(Step::Mend),
        1 => (0_usize..16, 1_usize..4).prop_map(|(index, looks)| Step::Slow(index, looks)),
        1 => (0_usize..4, 1_i64..12).prop_map(|(index, replicas)| Step::Scale(index, replicas)),
    ]
}

/// What an API server writes into objects by itself.
fn defaults(key: &ObjectKey, object: &mut Value) {
    if key.kind == Kind::Service {
        object["spec"]["sessionAffinity"] = json!("None");
        for port in items(object, "/spec/ports") {
            port["protocol"] = json!("TCP");
        }
    }
    if key.kind == Kind::Deployment {
        object["spec"]["progressDeadlineSeconds"] = json!(600);
        object["spec"]["revisionHistoryLimit"] = json!(10);
    }
    if let Some(spec) = object.pointer_mut("/spec/template/spec") {
        let spec = spec.as_object_mut().expect("an object");
        spec.entry("dnsPolicy").or_insert(json!("ClusterFirst"));
        spec.entry("schedulerName")
            .or_insert(json!("default-scheduler"));
        spec.retain(|_, value| *value != json!([]) && *value != json!(false));
    }
    for container in items(object, "/spec/template/spec/containers") {
        container["terminationMessagePath"] = json!("/dev/termination-log");
        for variable in items(container, "/env") {
            let variable = variable.as_object_mut().expect("an object");
            variable.retain(|name, value| name == "name" || *value != json!(""));
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            if container.get(probe).is_some() {
                container[probe]["successThreshold"] = json!(1);
            }
        }
    }
}

fn items<'a>(object: &'a mut Value, path: &str) -> impl Iterator<Item = &'a mut Value> {
    let items = object.pointer_mut(path).and_then(Value::as_array_mut);
    items.into_iter().flatten()
}

/// The n-th workload or Job.
fn workload(world: &World, index: usize) -> Option<ObjectKey> {
    let mut all = world.bodies.keys().filter(|key| key.kind.runs_pods());
    all.nth(index).cloned()
}

fn mend(platform: &mut CreatorPlatform, world: &mut World, attempt: usize) {
    world.broken.clear();
    world.slow.clear();
    let failed = world.observed.objects.iter().any(|(key, live)| {
        let View::Body(body) = &live.view else {
            return false;
        };
        let conditions = body["status"]["conditions"].as_array();
        key.kind == Kind::Job
            && conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Failed"))
    });
    if failed {
        let retry = ("creatorplatform.io/retry".to_owned(), attempt.to_string());
        platform.metadata.annotations = Some([retry].into());
    }
}

/// Does one step; answers whether it changed anything.
fn take(step: &Step, number: usize, platform: &mut CreatorPlatform, world: &mut World) -> bool {
    match step {
        Step::Set(field, seed) => return set(platform, world, *field, Some(*seed)),
        Step::Unset(field) => return set(platform, world, *field, None),
        Step::Lose(index) => {
            let Some(lost) = world.bodies.keys().nth(*index).cloned() else {
                return false;
            };
            world.observed.objects.remove(&lost);
            world.bodies.remove(&lost);
        }
        Step::Add(index) => {
            let Some(body) = running(world, *index) else {
                return false;
            };
            let list = body.pointer_mut("/spec/template/spec/containers/0/env");
            if let Some(Value::Array(list)) = list
                && list.iter().all(|one| one["name"] != "ADDED")
            {
                list.insert(0, json!({"name": "ADDED", "value": "1"}));
            }
        }
        Step::Break(index) => world.broken.extend(workload(world, *index)),
        Step::Mend => mend(platform, world, number),
        Step::Slow(index, looks) => {
            let slow = workload(world, *index).map(|key| (key, *looks));
            world.slow.extend(slow);
        }
        Step::Scale(index, replicas) => world.scale(*index, *replicas),
    }
    true
}

fn set(platform: &mut CreatorPlatform, world: &mut World, field: usize, seed: Option<u64>) -> bool {
    let Some(changed) = edited(platform, field, seed) else {
        return false;
    };
    *platform = changed;
    provide_secrets(platform, world);
    true
}

fn world_of(platform: &CreatorPlatform) -> World {
    let mut world = World::rich();
    provide_secrets(platform, &mut world);
    world
}

type Walk = (usize, Vec<(Step, usize)>, usize);

fn walk() -> impl Strategy<Value = Walk> {
    let steps = proptest::collection::vec((step(), 0_usize..3), 1..9);
    (0..SAMPLES.len(), steps, 0..policies().len() * 3)
}

/// Runs one walk; answers how many of its steps changed anything.
fn run((start, steps, policy): &Walk) -> Result<usize, TestCaseError> {
    let mut platform = sample(SAMPLES[*start]);
    platform.spec.suspend = false;
    let mut world = world_of(&platform);
    world.admission.push(defaults);
    // In every third walk a policy of the cluster changes what is written.
    let policy = policies().into_iter().nth(*policy);
    world.admission.extend(policy.map(|(_, policy)| policy));
    let mut taken = 0;
    for (number, (step, looks)) in steps.iter().enumerate() {
        taken += usize::from(take(step, number, &mut platform, &mut world));
        if *looks > 0 {
            let resolved = resolved(&platform);
            (0..*looks).for_each(|_| drop(world.carry_out(&resolved)));
        }
    }
    mend(&mut platform, &mut world, steps.len());
    world.converge(&platform);
    let mut fresh = world_of(&platform);
    fresh.converge(&platform);
    let differing = divergences(&world, &fresh);
    prop_assert_eq!(differing, Vec::<String>::new());
    prop_assert!(world.plan(&platform).is_empty());
    Ok(taken)
}

/// A share of the walks, so that several cores run them. In `make test` they are always the same;
/// `PROPTEST_CASES` asks for that many new ones.
fn share(number: u8) {
    let usual = 40;
    let walks = cases(usual) / 4;
    let taken = std::cell::Cell::new(0_usize);
    let config = ProptestConfig {
        cases: walks,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    };
    let same = TestRng::from_seed(RngAlgorithm::ChaCha, &[number; 32]);
    let mut runner = if cases(usual) == usual {
        TestRunner::new_with_rng(config, same)
    } else {
        TestRunner::new(config)
    };
    let result = runner.run(&walk(), |walk| {
        taken.set(taken.get() + run(&walk)?);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let taken = taken.get();
    println!("measured: {walks} walks, {taken} steps that changed something");
    assert!(
        taken > usize::try_from(walks).expect("small"),
        "{taken} steps"
    );
}

#[test]
fn every_walk_over_the_schema_ends_where_a_fresh_install_does_1_of_4() {
    share(1);
}

#[test]
fn every_walk_over_the_schema_ends_where_a_fresh_install_does_2_of_4() {
    share(2);
}

#[test]
fn every_walk_over_the_schema_ends_where_a_fresh_install_does_3_of_4() {
    share(3);
}

#[test]
fn every_walk_over_the_schema_ends_where_a_fresh_install_does_4_of_4() {
    share(4);
}

/// Nearly every field can be set by some seed: the walks reach what they are about.
#[test]
#[ignore = "needs minutes: make test-exhaustive PART=schema-walks"]
fn most_fields_of_the_schema_are_reached() {
    let starts: Vec<CreatorPlatform> = SAMPLES.into_iter().map(sample).collect();
    let unreached: Vec<usize> = (0..FIELDS.len())
        .filter(|field| {
            let mut tries = (0..12_u64).flat_map(|seed| starts.iter().map(move |one| (one, seed)));
            !tries.any(|(start, seed)| edited(start, *field, Some(seed)).is_some())
        })
        .collect();
    let share = unreached.len() * 100 / FIELDS.len();
    println!(
        "measured: {} fields, {} never set",
        FIELDS.len(),
        unreached.len()
    );
    assert!(share <= 10, "{share} percent of the fields are never set");
}
