//! A part waits for what it needs and for nothing else.

use std::fmt::Write as _;

use operator_core::api::workload::{Amounts, Resources};
use operator_core::api::{CreatorPlatform, Quantity};
use operator_core::component::Component;
use operator_core::object::{Kind, ObjectKey};
use operator_core::plan::{Change, Gate, Step};
use operator_core::reason::Reason;
use serde_json::json;
use shared_config::{Service, Store};

use crate::fixtures::sample;
use crate::world::{World, at_rest};

/// Components with a workload or Job in the smallest platform.
fn components() -> Vec<Component> {
    let without = [Component::Platform, Component::Restore, Component::Backups];
    let all = Component::all().into_iter();
    all.filter(|component| !without.contains(component))
        .collect()
}

/// The workload or Job of a component at present.
fn workload(world: &World, platform: &CreatorPlatform, component: Component) -> ObjectKey {
    let plan = world.plan(platform);
    let mut items = plan.items();
    let found = items.find(|item| item.component == component && item.key.kind.runs_pods());
    found.expect("a workload").key.clone()
}

/// A change of the spec that changes the workload or Job of one component.
fn change(platform: &mut CreatorPlatform, component: Component) {
    let spec = &mut platform.spec;
    let more = || {
        let memory = Some(Quantity::from("777Mi"));
        let limits = Some(Amounts {
            memory,
            ..Amounts::default()
        });
        Some(Resources {
            limits,
            ..Resources::default()
        })
    };
    match component {
        Component::Platform | Component::Restore | Component::Backups => {}
        Component::Store(Store::Postgres) => {
            let managed = spec.postgres.managed.get_or_insert_default();
            managed
                .parameters
                .insert("work_mem".to_owned(), "9MB".to_owned());
        }
        Component::Store(Store::Redis) => spec.redis.resources = more(),
        Component::Store(Store::Chroma) => spec.chroma.resources = more(),
        Component::Store(Store::Ollama) => spec.ollama.resources = more(),
        Component::Migration => spec.images.migrate = Some("new/migrate:1".to_owned()),
        Component::Models => "another-model".clone_into(&mut spec.ollama.models[0].name),
        Component::Service(Service::Auth) => spec.images.auth = Some("new/auth:1".to_owned()),
        Component::Service(Service::CreatorHub) => {
            spec.images.creator_hub = Some("new/hub:1".to_owned());
        }
        Component::Service(Service::AiEngine) => {
            spec.services.ai_engine.workload.replicas = Some(4);
        }
        Component::Service(Service::Channel) => {
            spec.images.channel = Some("new/channel:1".to_owned());
        }
        Component::Gateway => spec.gateway.limits.burst = 77,
    }
}

/// Breaks the workload or Job of a component for good.
fn break_down(world: &mut World, platform: &CreatorPlatform, component: Component) {
    let key = workload(world, platform, component);
    let status = match key.kind {
        Kind::Job => json!({"conditions": [{"type": "Failed", "status": "True"}]}),
        _ => json!({
            "observedGeneration": 999_999, "replicas": 1, "updatedReplicas": 1,
            "readyReplicas": 0, "availableReplicas": 0,
        }),
    };
    world.set_status(&key, status);
    world.broken.insert(key);
}

/// Whether the change of a component reaches its workload.
fn arrives(world: &World, platform: &CreatorPlatform, component: Component) -> bool {
    let mut platform = platform.clone();
    change(&mut platform, component);
    let mut world = world.clone();
    let key = workload(&world, &platform, component);
    // A part that is not held back is written in the first step.
    world.step(&platform);
    let plan = world.step(&platform);
    let mut items = plan.items();
    let item = items.find(|item| item.key == key).expect("an item");
    item.change == Change::None && world.bodies.contains_key(&key)
}

/// What a component needs, as the architecture document says: the graph as a table of its own, so
/// that an edge too many is noticed.
fn needs(component: Component) -> Vec<Component> {
    let [postgres, redis, chroma, ollama] =
        [Store::Postgres, Store::Redis, Store::Chroma, Store::Ollama].map(Component::Store);
    match component {
        Component::Migration => vec![postgres],
        Component::Models => vec![ollama],
        Component::Service(Service::AiEngine) => vec![
            postgres,
            redis,
            chroma,
            ollama,
            Component::Migration,
            Component::Models,
        ],
        Component::Service(_) => vec![postgres, redis, Component::Migration],
        _ => Vec::new(),
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is a result to read")]
fn with_any_component_broken_for_good_every_change_that_does_not_need_it_arrives() {
    let platform = sample("minimal");
    let rest = at_rest(&platform);
    let mut table = String::from("broken: changes that wait for it\n");
    let mut wrong = Vec::new();
    for broken in components() {
        let mut world = rest.clone();
        break_down(&mut world, &platform, broken);
        let mut waiting = Vec::new();
        for changed in components() {
            let arrived = arrives(&world, &platform, changed);
            let expected = !needs(changed).contains(&broken);
            if arrived != expected {
                wrong.push(format!(
                    "{} broken, {} changed",
                    broken.name(),
                    changed.name()
                ));
            }
            if !arrived {
                waiting.push(changed.name());
            }
        }
        writeln!(table, "{}: {}", broken.name(), waiting.join(", ")).expect("a String");
    }
    println!("{table}");
    assert_eq!(wrong, Vec::<String>::new(), "{table}");
}

#[test]
fn workloads_start_when_what_they_need_is_ready_and_no_later() {
    let platform = sample("minimal");
    let mut world = World::rich();
    let started = |world: &World| -> Vec<&'static str> {
        let plan = world.plan(&platform);
        let parts = plan.parts.iter().filter(|part| plan.may_start(part));
        let parts = parts.filter(|part| part.items.iter().any(|item| item.key.kind.runs_pods()));
        parts.map(|part| part.component.name()).collect()
    };
    assert!(started(&world).is_empty(), "Secrets are made first");
    world.step(&platform);
    let first = ["postgres", "redis", "chroma", "ollama", "gateway"];
    assert_eq!(started(&world), first);
    world.step(&platform);
    let jobs = [
        "postgres", "redis", "chroma", "ollama", "migrate", "models", "gateway",
    ];
    assert_eq!(started(&world), jobs);
    world.step(&platform);
    assert_eq!(started(&world).len(), components().len());
    // The schema is enough for all services but the one that answers questions.
    let models = workload(&world, &platform, Component::Models);
    world.set_status(&models, json!({"active": 1, "ready": 1}));
    let waiting: Vec<_> = components()
        .into_iter()
        .map(Component::name)
        .filter(|name| !started(&world).contains(name))
        .collect();
    assert_eq!(waiting, ["ai-engine"]);
}

#[test]
fn secrets_are_written_before_anything_that_holds_data() {
    for name in crate::fixtures::SAMPLES {
        let plan = World::rich().plan(&sample(name));
        let steps = plan.steps();
        let kinds: Vec<Kind> = steps
            .iter()
            .map(|step| match step {
                Step::Write(item) => item.key.kind,
                Step::Delete(pruned) => pruned.key.kind,
            })
            .collect();
        let last_secret = kinds.iter().rposition(|kind| kind.is_secret());
        let first_other = kinds.iter().position(|kind| !kind.is_secret());
        assert!(last_secret < first_other, "{name}");
    }
}

#[test]
fn policies_are_removed_while_the_migration_that_they_block_fails() {
    let mut platform = sample("minimal");
    let mut world = at_rest(&platform);
    break_down(&mut world, &platform, Component::Migration);
    platform.spec.network_policies.enabled = false;
    world.step(&platform);
    let mut left = world.bodies.keys();
    assert!(left.all(|key| key.kind != Kind::NetworkPolicy));
}

#[test]
fn what_leads_to_the_services_is_made_while_one_of_them_does_not_start() {
    let mut platform = sample("full");
    let mut world = at_rest(&platform);
    break_down(&mut world, &platform, Component::Service(Service::Channel));
    let made = [
        Kind::HorizontalPodAutoscaler,
        Kind::PodDisruptionBudget,
        Kind::Ingress,
        Kind::ServiceMonitor,
        Kind::PrometheusRule,
    ];
    world.bodies.retain(|key, _| !made.contains(&key.kind));
    world
        .observed
        .objects
        .retain(|key, _| !made.contains(&key.kind));
    platform.spec.services.auth.workload.replicas = Some(4);
    world.step(&platform);
    for kind in made {
        assert!(world.bodies.keys().any(|key| key.kind == kind), "{kind:?}");
    }
}

/// A version whose migration runs, and the name of its Job.
fn migrating(to: &str) -> (CreatorPlatform, World, ObjectKey) {
    let mut platform = sample("minimal");
    let mut world = at_rest(&platform);
    to.clone_into(&mut platform.spec.version);
    world.step(&platform);
    let job = workload(&world, &platform, Component::Migration);
    world.set_status(&job, json!({"active": 1, "ready": 1}));
    (platform, world, job)
}

#[test]
fn one_migration_runs_at_a_time_and_a_running_one_is_never_deleted() {
    let (mut platform, mut world, running) = migrating("0.1.1");
    for to in ["0.1.2", "0.1.0"] {
        to.clone_into(&mut platform.spec.version);
        for _ in 0..3 {
            world.step(&platform);
            world.set_status(&running, json!({"active": 1, "ready": 1}));
        }
        assert!(
            world.bodies.contains_key(&running),
            "{to}: it is left to end"
        );
        let jobs = world
            .bodies
            .keys()
            .filter(|key| key.name.starts_with("demo-migrate-"));
        let unfinished = jobs.filter(|key| {
            let body = world.observed.body(key).expect("a Job");
            body["status"]["conditions"].is_null()
        });
        assert_eq!(unfinished.count(), 1, "{to}: no second one beside it");
        let plan = world.plan(&platform);
        let reasons: Vec<Reason> = plan.waits().iter().map(|wait| wait.reason).collect();
        assert!(
            reasons.contains(&Reason::MigrationRunning),
            "{to}: {reasons:?}"
        );
    }
    let done = json!({"conditions": [{"type": "Complete", "status": "True"}]});
    world.set_status(&running, done);
    world.converge(&platform);
    assert!(!world.bodies.contains_key(&running), "then it goes");
}

#[test]
fn a_migration_that_cannot_start_is_replaced_at_once() {
    let (mut platform, mut world, stuck) = migrating("0.1.99");
    // Its image does not exist: there is a pod, and no container of it runs.
    world.set_status(&stuck, json!({"active": 1, "ready": 0}));
    platform.spec.version = "0.1.2".to_owned();
    world.converge(&platform);
    assert!(!world.bodies.contains_key(&stuck));
    let auth = &world.bodies[&ObjectKey::new(Kind::Deployment, "demo-auth")];
    assert!(auth.to_string().contains("auth:0.1.2"));
}

#[test]
fn a_key_that_encrypts_data_is_never_made_beside_that_data() {
    let platform = sample("minimal");
    let rest = at_rest(&platform);
    let secret = ObjectKey::new(Kind::Secret, "demo-auth");
    let lose = |world: &mut World, keys: &[&str]| {
        let facts = world.observed.secrets.get_mut("demo-auth").expect("facts");
        facts.keys.retain(|key, _| !keys.contains(&key.as_str()));
    };
    // The key alone, and the whole Secret.
    for whole in [false, true] {
        let mut world = rest.clone();
        if whole {
            world.observed.objects.remove(&secret);
            world.observed.secrets.remove("demo-auth");
        } else {
            lose(&mut world, &["DATA_KEY"]);
        }
        let plan = world.step(&platform);
        let mut items = plan.items();
        let item = items.find(|item| item.key == secret).expect("an item");
        assert_eq!(item.change, Change::Lost(vec!["DATA_KEY".to_owned()]));
        let auth = plan.part(Component::Service(Service::Auth)).expect("auth");
        assert!(
            !plan.may_start(auth),
            "its pods keep the key that they have"
        );
        let Gate::Failed(waits) = &auth.gate else {
            panic!("{:?}", auth.gate)
        };
        assert_eq!(waits[0].reason, Reason::SecretLost);
        assert!(waits[0].message.contains("Restore the Secret"));
    }
    // Another key can be made again: nothing is encrypted with it.
    let mut world = rest.clone();
    lose(&mut world, &["SIGNING_SEED", "DATABASE_PASSWORD"]);
    world.converge(&platform);
    // Without a database there is nothing to lose.
    let mut world = rest;
    world.observed.objects.clear();
    world.observed.secrets.remove("demo-auth");
    world.bodies.clear();
    world.converge(&platform);
}

#[test]
fn a_refused_httproute_kind_is_reported_by_the_gateway() {
    let mut platform = sample("full");
    platform.spec.gateway.ingress = None;
    let mut world = World::rich();
    world.observed.optional_kinds.remove(&Kind::HttpRoute);
    for _ in 0..6 {
        world.step(&platform);
    }
    let plan = world.plan(&platform);
    let gateway = plan.part(Component::Gateway).expect("a part");
    assert!(platform.spec.gateway.http_route.is_some(), "of the sample");
    let Gate::Waiting(waits) = &gateway.gate else {
        panic!("{:?}", gateway.gate)
    };
    assert_eq!(waits[0].reason, Reason::DependencyNotInstalled);
    assert!(waits[0].message.contains("HTTPRoute"));
}
