//! What a plan changes, waits for and leaves alone.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use operator_core::api::egress::Egress;
use operator_core::api::workload::Autoscaling;
use operator_core::api::{CreatorPlatform, Quantity};
use operator_core::component::Component;
use operator_core::object::{Kind, ObjectKey};
use operator_core::observed::View;
use operator_core::plan;
use operator_core::plan::{Change, Gate};
use operator_core::reason::Reason;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared_config::Store;

use crate::fixtures::{SAMPLES, resolved, sample};
use crate::world::{World, at_rest};

#[test]
fn planning_twice_gives_the_same_bytes() {
    for name in SAMPLES {
        let platform = sample(name);
        let world = World::rich();
        assert_eq!(
            format!("{:?}", world.plan(&platform)),
            format!("{:?}", world.plan(&platform))
        );
    }
}

#[test]
fn a_platform_at_rest_needs_no_write() {
    for name in SAMPLES {
        let platform = sample(name);
        let mut world = at_rest(&platform);
        let writes = world.writes;
        let plan = world.step(&platform);
        assert!(plan.is_empty() && plan.is_complete(), "{name}");
        assert_eq!(world.writes, writes, "{name}");
    }
}

#[test]
fn a_fresh_install_rolls_out_each_workload_once() {
    for name in SAMPLES {
        let platform = sample(name);
        let world = at_rest(&platform);
        // One write per object: nothing is applied before what its hash depends on is known.
        // Only the schedule of backups is written again: it rests while one is restored.
        let again = usize::from(name == "restore");
        assert_eq!(world.writes, world.bodies.len() + again, "{name}");
    }
}

/// What one change of the spec changes, as `Kind name` lines in the order of the plan.
fn changed(name: &str, change: impl Fn(&mut CreatorPlatform)) -> Vec<String> {
    let mut platform = sample(name);
    let world = at_rest(&platform);
    change(&mut platform);
    let plan = world.plan(&platform);
    let mut lines: Vec<String> = plan
        .items()
        .filter(|item| item.change != Change::None)
        .map(|item| item.key.to_string())
        .collect();
    lines.extend(plan.prune.iter().map(|pruned| format!("- {}", pruned.key)));
    lines
}

#[test]
fn a_changed_field_changes_exactly_what_it_should() {
    let replicas = |p: &mut CreatorPlatform| p.spec.services.auth.workload.replicas = Some(2);
    assert_eq!(
        changed("minimal", replicas),
        ["PodDisruptionBudget demo-auth", "Deployment demo-auth"]
    );
    let parameters = |p: &mut CreatorPlatform| {
        let managed = p.spec.postgres.managed.get_or_insert_default();
        managed
            .parameters
            .insert("work_mem".to_owned(), "8MB".to_owned());
    };
    assert_eq!(
        changed("minimal", parameters),
        ["ConfigMap demo-postgres", "StatefulSet demo-postgres"]
    );
    let mode = |p: &mut CreatorPlatform| p.spec.services.channel.demo_page = true;
    assert_eq!(changed("minimal", mode), ["Deployment demo-channel"]);
    let burst = |p: &mut CreatorPlatform| p.spec.gateway.limits.burst = 7;
    assert_eq!(
        changed("minimal", burst),
        ["ConfigMap demo-gateway", "Deployment demo-gateway"]
    );
    let networks = |p: &mut CreatorPlatform| {
        let allowed_networks = vec!["10.20.0.0/16".to_owned()];
        p.spec.egress = Some(Egress { allowed_networks });
    };
    assert_eq!(
        changed("minimal", networks),
        [
            "NetworkPolicy demo-creator-hub",
            "Deployment demo-creator-hub",
            "NetworkPolicy demo-channel"
        ]
    );
    let larger = |p: &mut CreatorPlatform| p.spec.chroma.storage.size = Quantity::from("40Gi");
    assert_eq!(
        changed("minimal", larger),
        ["PersistentVolumeClaim demo-chroma"]
    );
    let no_backup = |p: &mut CreatorPlatform| {
        p.spec.migrations.require_backup = false;
        p.spec.postgres.managed.get_or_insert_default().backup = None;
    };
    assert_eq!(
        changed("full", no_backup),
        ["- ConfigMap academy-backup", "- CronJob academy-backup"]
    );
    let tenants = |p: &mut CreatorPlatform| p.spec.tenants.allowed_namespaces.push("x".to_owned());
    assert_eq!(changed("minimal", tenants), Vec::<String>::new());
}

#[test]
fn an_upgrade_migrates_first_and_leaves_the_stores_alone() {
    let mut platform = sample("minimal");
    let mut world = at_rest(&platform);
    platform.spec.version = "0.1.7".to_owned();
    let plan = world.step(&platform);
    let reasons: Vec<Reason> = plan.waits().iter().map(|wait| wait.reason).collect();
    assert!(reasons.contains(&Reason::MigrationRunning), "{reasons:?}");
    let old = world.bodies[&ObjectKey::new(Kind::Deployment, "demo-auth")].to_string();
    assert!(
        old.contains("auth:0.1.0"),
        "the old version serves while its migrations run"
    );
    let sets = |kind| {
        world
            .plan(&platform)
            .items()
            .any(|item| item.key.kind == kind && item.change != Change::None)
    };
    assert!(!sets(Kind::StatefulSet), "no store restarts");
    world.converge(&platform);
    let new = world.bodies[&ObjectKey::new(Kind::Deployment, "demo-auth")].to_string();
    assert!(new.contains("auth:0.1.7"));
    let jobs = world
        .bodies
        .keys()
        .filter(|key| key.kind == Kind::Job)
        .count();
    assert_eq!(jobs, 2, "old Jobs are pruned after success");
}

#[test]
fn a_failed_migration_stops_the_rollout_and_says_why() {
    let mut platform = sample("minimal");
    let mut world = at_rest(&platform);
    platform.spec.version = "0.1.7".to_owned();
    world.step(&platform);
    let plan = world.plan(&platform);
    let mut items = plan.items();
    let job = items
        .find(|item| item.key.kind == Kind::Job)
        .expect("a Job")
        .key
        .clone();
    world.set_status(
        &job,
        json!({"conditions": [{"type": "Failed", "status": "True"}]}),
    );
    let words = "column \"plan\" does not exist".to_owned();
    world.observed.words.insert(job.clone(), words.clone());
    let plan = world.plan(&platform);
    let waits = plan.waits();
    assert!(plan.has_failed());
    assert_eq!(waits[0].reason, Reason::MigrationFailed);
    assert!(waits[0].message.contains(&words) && waits[0].message.contains("retry"));
    // The annotation makes it another Job.
    let retry = [("creatorplatform.io/retry".to_owned(), "1".to_owned())];
    platform.metadata.annotations = Some(retry.into_iter().collect());
    let again = world.plan(&platform);
    let created = again
        .items()
        .any(|item| item.change == Change::Create && item.key != job);
    assert!(created);
}

#[test]
fn an_object_that_was_deleted_is_made_again_whatever_its_kind() {
    // Between them they have every kind.
    for name in ["full", "cloudnative-pg"] {
        let platform = sample(name);
        let rest = at_rest(&platform);
        let resolved = resolved(&platform);
        // A Secret is made again by what is known of its values: another test tells how.
        let is_plain = |key: &&ObjectKey| !key.kind.is_secret();
        for key in rest.bodies.keys().filter(is_plain) {
            let mut observed = rest.observed.clone();
            observed.objects.remove(key);
            let plan = plan(&resolved, &observed);
            let item = plan
                .items()
                .find(|item| item.key == *key)
                .expect("it is planned");
            assert_eq!(item.change, Change::Create, "{key}");
        }
        let mut bare = rest.clone();
        bare.observed.objects.clear();
        bare.bodies.clear();
        bare.converge(&platform);
        let mut expected = rest.bodies.clone();
        expected.retain(|key, _| is_plain(&key));
        assert_eq!(bare.bodies, expected, "{name}");
    }
}

#[test]
fn an_object_that_was_edited_is_mended_whatever_its_kind() {
    let platform = sample("full");
    let rest = at_rest(&platform);
    let resolved = resolved(&platform);
    for (key, body) in &rest.bodies {
        let mut world = rest.clone();
        let mut edited = body.clone();
        edited["metadata"]["labels"]["app.kubernetes.io/part-of"] = json!("something-else");
        let live = world.observed.objects.get_mut(key).expect("it exists");
        live.view = View::Body(edited);
        let plan = plan(&resolved, &world.observed);
        let item = plan
            .items()
            .find(|item| item.key == *key)
            .expect("it is planned");
        if key.kind == Kind::Job {
            continue; // a Job that is done is not touched
        }
        let path = "metadata.labels.app.kubernetes.io/part-of".to_owned();
        assert_eq!(item.change, Change::Update(vec![path]), "{key}");
    }
}

#[test]
fn fields_that_others_added_are_left_to_them() {
    let platform = sample("minimal");
    let mut world = at_rest(&platform);
    let key = ObjectKey::new(Kind::Deployment, "demo-auth");
    let live = world.observed.objects.get_mut(&key).expect("it exists");
    let View::Body(body) = &mut live.view else {
        panic!("read whole")
    };
    body["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("3");
    body["spec"]["template"]["spec"]["dnsPolicy"] = json!("ClusterFirst");
    body["spec"]["template"]["spec"]["containers"][0]["ports"][0]["protocol"] = json!("TCP");
    assert!(world.plan(&platform).is_empty());
}

#[test]
fn an_object_of_somebody_else_is_never_written() {
    let platform = sample("minimal");
    let mut world = at_rest(&platform);
    let key = ObjectKey::new(Kind::Service, "demo-redis");
    world
        .observed
        .objects
        .get_mut(&key)
        .expect("it exists")
        .owned = false;
    let plan = world.plan(&platform);
    let item = plan
        .items()
        .find(|item| item.key == key)
        .expect("it is planned");
    assert_eq!(item.change, Change::Foreign);
    let redis = plan.part(Component::Store(Store::Redis)).expect("a part");
    let Gate::Failed(waits) = &redis.gate else {
        panic!("the gate must fail")
    };
    assert_eq!(waits[0].reason, Reason::NotOwned);
    assert_eq!(plan.waits()[0], &waits[0]);
    assert!(plan.prune.is_empty());
}

#[test]
fn replicas_are_left_out_when_an_autoscaler_owns_them() {
    let mut platform = sample("minimal");
    let scaling = Autoscaling {
        min: 2,
        max: 5,
        cpu: 70,
    };
    platform.spec.services.ai_engine.workload.autoscaling = Some(scaling);
    let world = at_rest(&platform);
    let body = &world.bodies[&ObjectKey::new(Kind::Deployment, "demo-ai-engine")];
    assert_eq!(body["spec"].get("replicas"), None);
    let scaler = ObjectKey::new(Kind::HorizontalPodAutoscaler, "demo-ai-engine");
    assert_eq!(world.bodies[&scaler]["spec"]["maxReplicas"], json!(5));
    let budget = ObjectKey::new(Kind::PodDisruptionBudget, "demo-ai-engine");
    assert!(world.bodies.contains_key(&budget));
}

#[test]
fn a_secret_that_the_spec_names_is_waited_for_by_name() {
    let platform = sample("external");
    let mut world = World::rich();
    world.observed.secrets.remove("database-admin");
    world.step(&platform);
    world.step(&platform);
    let plan = world.plan(&platform);
    let waits = plan.waits();
    assert!(!plan.has_failed());
    assert_eq!(waits[0].reason, Reason::SecretNotFound);
    assert!(
        waits[0].message.contains("database-admin"),
        "{}",
        waits[0].message
    );
}

#[test]
fn a_database_of_another_operator_is_waited_for_until_that_is_installed() {
    let platform = sample("cloudnative-pg");
    let mut world = World::rich();
    world.observed.optional_kinds.remove(&Kind::CnpgCluster);
    for _ in 0..3 {
        world.step(&platform);
    }
    let plan = world.plan(&platform);
    let postgres = plan
        .part(Component::Store(Store::Postgres))
        .expect("a part");
    let Gate::Waiting(waits) = &postgres.gate else {
        panic!("it must wait")
    };
    assert_eq!(waits[0].reason, Reason::DependencyNotInstalled);
    let redis = plan.part(Component::Store(Store::Redis)).expect("a part");
    assert_eq!(redis.gate, Gate::Open, "it does not need the database");
    assert!(
        world.bodies.keys().all(|key| key.kind != Kind::CnpgCluster),
        "never written"
    );
}

#[test]
fn a_changed_secret_value_rolls_only_the_pods_that_read_that_key() {
    let platform = sample("minimal");
    let mut world = at_rest(&platform);
    let facts = world
        .observed
        .secrets
        .get_mut("demo-channel")
        .expect("it exists");
    facts
        .keys
        .insert("WIDGET_TOKEN_KEY".to_owned(), "another".to_owned());
    let plan = world.plan(&platform);
    let changes: Vec<String> = plan
        .items()
        .filter(|item| item.change != Change::None)
        .map(|item| item.key.to_string())
        .collect();
    assert_eq!(changes, ["Deployment demo-channel"]);
}

#[test]
fn a_volume_that_is_larger_already_is_not_shrunk() {
    let platform = sample("minimal");
    let mut world = at_rest(&platform);
    let key = ObjectKey::new(Kind::PersistentVolumeClaim, "demo-chroma");
    let mut body = world.bodies[&key].clone();
    body["spec"]["resources"]["requests"]["storage"] = json!("500Gi");
    world.put(&key, body);
    world.converge(&platform);
    let size = &world.bodies[&key]["spec"]["resources"]["requests"]["storage"];
    assert_eq!(size, "500Gi");
}

#[test]
fn data_outlives_the_platform() {
    for name in SAMPLES {
        let world = at_rest(&sample(name));
        for (key, body) in &world.bodies {
            let holds_data = matches!(
                key.kind,
                Kind::PersistentVolumeClaim | Kind::Secret | Kind::CnpgCluster
            );
            let owned = body["metadata"].get("ownerReferences").is_some();
            assert_eq!(owned, !holds_data, "{key}");
        }
    }
}

/// Reads a body as the typed object and gives it back: what is lost, Kubernetes does not know.
fn round_trip<T: DeserializeOwned + Serialize>(body: &Value) -> Value {
    let typed: T = serde_json::from_value(body.clone()).expect("the right types");
    serde_json::to_value(typed).expect("JSON")
}

#[test]
fn every_object_is_made_of_fields_that_kubernetes_knows() {
    for name in SAMPLES {
        for (key, body) in &at_rest(&sample(name)).bodies {
            let read = match key.kind {
                Kind::ServiceAccount => round_trip::<ServiceAccount>(body),
                Kind::Secret => round_trip::<Secret>(body),
                Kind::ConfigMap => round_trip::<ConfigMap>(body),
                Kind::Service => round_trip::<Service>(body),
                Kind::PersistentVolumeClaim => round_trip::<PersistentVolumeClaim>(body),
                Kind::StatefulSet => round_trip::<StatefulSet>(body),
                Kind::Deployment => round_trip::<Deployment>(body),
                Kind::Job => round_trip::<Job>(body),
                Kind::CronJob => round_trip::<CronJob>(body),
                Kind::HorizontalPodAutoscaler => round_trip::<HorizontalPodAutoscaler>(body),
                Kind::PodDisruptionBudget => round_trip::<PodDisruptionBudget>(body),
                Kind::NetworkPolicy => round_trip::<NetworkPolicy>(body),
                Kind::Ingress => round_trip::<Ingress>(body),
                _ => continue,
            };
            assert_eq!(&read, body, "{key}");
        }
    }
}

#[test]
fn every_pod_is_restricted_and_every_name_fits() {
    let mut platform = sample("full");
    platform.metadata.name = Some("a".repeat(40));
    for (key, body) in &at_rest(&platform).bodies {
        assert!(key.name.len() <= 63, "{key}");
        let template = match key.kind {
            Kind::CronJob => &body["spec"]["jobTemplate"]["spec"]["template"],
            _ => &body["spec"]["template"],
        };
        let Some(pod) = template.get("spec") else {
            continue;
        };
        assert_eq!(pod["automountServiceAccountToken"], json!(false), "{key}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], json!(true), "{key}");
        let lists = [&pod["initContainers"], &pod["containers"]];
        for container in lists.into_iter().filter_map(Value::as_array).flatten() {
            let context = &container["securityContext"];
            assert_eq!(context["readOnlyRootFilesystem"], json!(true), "{key}");
            assert_eq!(context["allowPrivilegeEscalation"], json!(false), "{key}");
            assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{key}");
            assert!(
                container["resources"]["limits"]["memory"].is_string(),
                "{key}"
            );
        }
    }
}

#[test]
fn the_sample_without_docker_asks_for_less_than_one_core() {
    let mut milli = 0;
    for (key, body) in &at_rest(&sample("docker-free")).bodies {
        let pod = &body["spec"]["template"]["spec"];
        for container in pod["containers"].as_array().into_iter().flatten() {
            let cpu = Quantity(
                container["resources"]["requests"]["cpu"]
                    .as_str()
                    .unwrap()
                    .into(),
            );
            let replicas = i128::from(body["spec"]["replicas"].as_i64().unwrap_or(1));
            milli += cpu.milli().unwrap_or_else(|| panic!("{key}: {cpu}")) * replicas;
        }
    }
    assert!(milli < 1000, "{milli}m");
}
