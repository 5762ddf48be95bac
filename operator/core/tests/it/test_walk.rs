//! Random walks: whatever way a spec came about, the end equals a fresh install of it.

use std::collections::{BTreeMap, BTreeSet};

use operator_core::api::gateway::Ingress;
use operator_core::api::policy::Drift;
use operator_core::api::postgres::Backup;
use operator_core::api::services::AnswerMode;
use operator_core::api::workload::Autoscaling;
use operator_core::api::{CreatorPlatform, Quantity};
use operator_core::object::{Kind, ObjectKey};
use operator_core::observed::View;
use operator_core::resolve;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::sample;
use crate::test_convergence::policies;
use crate::world::{World, at_rest};

/// One step of a person who edits a platform.
#[derive(Debug, Clone)]
enum Edit {
    Version(u8),
    AuthReplicas(i32),
    Scale(Option<(i32, i32)>),
    Parameter(Option<u8>),
    Backup(bool),
    DumpFirst(bool),
    Grow(u8),
    DemoPage(bool),
    Mode(bool),
    Hostname(bool),
    Limits(i32),
    Policies(bool),
    Monitoring(bool),
    Registry(u8),
    Annotation(u8),
    /// A person deletes the n-th object behind the operator's back.
    Lose(usize),
    /// A person or a policy adds a variable to the n-th object that runs pods.
    Add(usize),
    /// A pod of the n-th object that runs pods is lost, or does not start.
    Unready(usize),
    Drift(bool),
    HubImage(u8),
    Keepalive(u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0u8..4).prop_map(Edit::Version),
        (0i32..4).prop_map(Edit::AuthReplicas),
        proptest::option::of((1i32..3, 3i32..6)).prop_map(Edit::Scale),
        proptest::option::of(1u8..9).prop_map(Edit::Parameter),
        any::<bool>().prop_map(Edit::Backup),
        any::<bool>().prop_map(Edit::DumpFirst),
        (1u8..9).prop_map(Edit::Grow),
        any::<bool>().prop_map(Edit::DemoPage),
        any::<bool>().prop_map(Edit::Mode),
        any::<bool>().prop_map(Edit::Hostname),
        (1i32..99).prop_map(Edit::Limits),
        any::<bool>().prop_map(Edit::Policies),
        any::<bool>().prop_map(Edit::Monitoring),
        (0u8..3).prop_map(Edit::Registry),
        (0u8..3).prop_map(Edit::Annotation),
        (0usize..80).prop_map(Edit::Lose),
        (0usize..16).prop_map(Edit::Add),
        (0usize..16).prop_map(Edit::Unready),
        any::<bool>().prop_map(Edit::Drift),
        (0u8..3).prop_map(Edit::HubImage),
        (1u8..4).prop_map(Edit::Keepalive),
    ]
}

fn apply(edit: &Edit, platform: &mut CreatorPlatform, world: &mut World) {
    let spec = &mut platform.spec;
    match edit {
        Edit::Version(patch) => spec.version = format!("0.1.{patch}"),
        Edit::AuthReplicas(replicas) => {
            spec.services.auth.workload.replicas = Some(*replicas);
        }
        Edit::Scale(range) => {
            spec.services.channel.workload.autoscaling =
                range.map(|(min, max)| Autoscaling { min, max, cpu: 75 });
        }
        Edit::Parameter(value) => {
            let parameters = &mut spec.postgres.managed.get_or_insert_default().parameters;
            parameters.clear();
            parameters.extend(value.map(|value| ("work_mem".to_owned(), format!("{value}MB"))));
        }
        Edit::Backup(on) => {
            let backup: Backup = serde_json::from_str("{}").expect("all have defaults");
            spec.postgres.managed.get_or_insert_default().backup = on.then_some(backup);
            spec.migrations.require_backup &= on;
        }
        Edit::DumpFirst(on) => {
            let managed = spec.postgres.managed.get_or_insert_default();
            spec.migrations.require_backup = *on && managed.backup.is_some();
        }
        Edit::Grow(more) => {
            let size = spec.chroma.storage.size.units() / (1 << 30) + i64::from(*more);
            spec.chroma.storage.size = Quantity(format!("{size}Gi"));
        }
        Edit::DemoPage(on) => spec.services.channel.demo_page = *on,
        Edit::Mode(on) => {
            let mode = if *on {
                AnswerMode::Auto
            } else {
                AnswerMode::Extractive
            };
            spec.services.ai_engine.answer_mode = mode;
        }
        Edit::Hostname(on) => {
            spec.gateway.hostname = on.then(|| "demo.example.org".to_owned());
            spec.gateway.ingress = on.then(Ingress::default);
        }
        Edit::Limits(rate) => spec.gateway.limits.requests_per_second = *rate,
        Edit::Policies(on) => spec.network_policies.enabled = *on,
        Edit::Monitoring(on) => {
            spec.monitoring.service_monitor = *on;
            spec.monitoring.prometheus_rule = *on;
        }
        Edit::Registry(number) => spec.images.registry = format!("registry-{number}.example.org"),
        Edit::Annotation(value) => {
            let retry = ("creatorplatform.io/retry".to_owned(), value.to_string());
            platform.metadata.annotations = Some([retry].into());
        }
        Edit::Drift(on) => {
            spec.drift = if *on { Drift::Repair } else { Drift::Tolerate };
        }
        Edit::HubImage(number) => {
            spec.images.creator_hub = Some(format!("registry.example.org/hub:{number}"));
        }
        Edit::Keepalive(minutes) => spec.ollama.keep_alive = format!("{minutes}m").as_str().into(),
        Edit::Add(index) => {
            let body = running(world, *index).and_then(|body| {
                body.pointer_mut("/spec/template/spec/containers/0/env")?
                    .as_array_mut()
            });
            if let Some(list) = body {
                list.insert(0, json!({"name": "ADDED", "value": "1"}));
            }
        }
        Edit::Unready(index) => {
            if let Some(body) = running(world, *index) {
                body["status"]["readyReplicas"] = json!(0);
                body["status"]["availableReplicas"] = json!(0);
            }
        }
        Edit::Lose(index) => {
            let lost = world.bodies.keys().nth(*index).cloned();
            if let Some(key) = lost {
                world.observed.objects.remove(&key);
                world.bodies.remove(&key);
            }
        }
    }
}

/// The live body of the n-th workload.
pub(crate) fn running(world: &mut World, index: usize) -> Option<&mut Value> {
    let objects = world.observed.objects.iter_mut();
    let mut workloads =
        objects.filter(|(key, _)| matches!(key.kind, Kind::Deployment | Kind::StatefulSet));
    match &mut workloads.nth(index)?.1.view {
        View::Body(body) => Some(body),
        _ => None,
    }
}

/// What must be equal at the end: all that goes with the platform. Volumes and Secrets that are
/// no longer asked for are kept on purpose, and a Job that is done is left as it was: of Jobs only
/// the names count, which carry the hash of all that makes another run necessary.
fn comparable(world: &World) -> BTreeMap<ObjectKey, Value> {
    let data = |kind| matches!(kind, Kind::PersistentVolumeClaim | Kind::Secret);
    let all = world.bodies.iter().filter(|(key, _)| !data(key.kind));
    all.map(|(key, body)| {
        let body = if key.kind == Kind::Job {
            Value::Null
        } else {
            body.clone()
        };
        (key.clone(), body)
    })
    .collect()
}

/// The objects in which two worlds differ.
pub(crate) fn divergences(one: &World, other: &World) -> Vec<String> {
    let (one, other) = (comparable(one), comparable(other));
    let keys: BTreeSet<&ObjectKey> = one.keys().chain(other.keys()).collect();
    let differing = keys
        .into_iter()
        .filter(|key| one.get(*key) != other.get(*key));
    differing.map(ToString::to_string).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(12),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_walk_ends_where_a_fresh_install_does(
        edits in proptest::collection::vec((edit(), 0usize..4), 1..8),
        policies in proptest::sample::subsequence(policies(), 0..3),
    ) {
        let mut platform = sample("minimal");
        let mut world = World::rich();
        world.admission.extend(policies.iter().map(|(_, policy)| *policy));
        for (edit, looks) in &edits {
            apply(edit, &mut platform, &mut world);
            prop_assert!(resolve(&platform, &world.observed).is_ok(), "{edit:?}");
            // The next edit may come before the last one is carried out.
            for _ in 0..*looks {
                world.step(&platform);
            }
        }
        world.converge(&platform);
        let fresh = at_rest(&platform);
        prop_assert_eq!(divergences(&world, &fresh), Vec::<String>::new());
        prop_assert!(world.plan(&platform).is_empty());
    }
}

/// `PROPTEST_CASES` asks for more, as the long run in CI does.
pub(crate) fn cases(usual: u32) -> u32 {
    let asked = std::env::vars_os().find(|(key, _)| key == "PROPTEST_CASES");
    asked
        .and_then(|(_, value)| value.to_str()?.parse().ok())
        .unwrap_or(usual)
}
