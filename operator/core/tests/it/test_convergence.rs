//! A cluster in which others write, too: policies, people, autoscalers.

use operator_core::api::CreatorPlatform;
use operator_core::api::policy::Drift;
use operator_core::api::workload::Autoscaling;
use operator_core::object::{Kind, ObjectKey};
use operator_core::observed::View;
use operator_core::plan::{Change, Gate};
use serde_json::{Value, json};

use crate::fixtures::sample;
use crate::world::{Admission, World, at_rest};

/// The live body of an object that is read whole.
fn live<'a>(world: &'a mut World, key: &ObjectKey) -> &'a mut Value {
    let live = world.observed.objects.get_mut(key).expect("it exists");
    if !matches!(live.view, View::Body(_)) {
        live.view = View::Body(world.bodies[key].clone());
    }
    let View::Body(body) = &mut live.view else {
        panic!("{key} was not read whole")
    };
    body
}

fn deployment(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::Deployment, name)
}

/// What others add to lists of a workload, and the path under which it is reported.
fn additions() -> Vec<(&'static str, Value, &'static str)> {
    let pod = "/spec/template/spec";
    let container = "/spec/template/spec/containers/0";
    let at = |of: &str, field: &str| -> &'static str {
        match (of == pod, field) {
            (true, "containers") => "/spec/template/spec/containers",
            (true, "volumes") => "/spec/template/spec/volumes",
            (true, _) => "/spec/template/spec/initContainers",
            (false, "env") => "/spec/template/spec/containers/0/env",
            (false, "ports") => "/spec/template/spec/containers/0/ports",
            (false, _) => "/spec/template/spec/containers/0/volumeMounts",
        }
    };
    vec![
        (
            at(container, "env"),
            json!({"name": "HTTP_PROXY", "value": "http://proxy"}),
            "env[HTTP_PROXY]",
        ),
        (
            at(container, "volumeMounts"),
            json!({"name": "ca", "mountPath": "/etc/ssl/extra"}),
            "volumeMounts[/etc/ssl/extra]",
        ),
        (
            at(container, "ports"),
            json!({"containerPort": 9999, "protocol": "TCP"}),
            "ports[9999]",
        ),
        (
            at(pod, "containers"),
            json!({"name": "proxy", "image": "mesh/proxy:1"}),
            "containers[proxy]",
        ),
        (
            at(pod, "volumes"),
            json!({"name": "ca", "emptyDir": {}}),
            "volumes[ca]",
        ),
    ]
}

#[test]
fn an_element_that_others_add_is_tolerated_and_shown_in_every_workload() {
    let platform = sample("full");
    let rest = at_rest(&platform);
    let sets = |key: &&ObjectKey| matches!(key.kind, Kind::Deployment | Kind::StatefulSet);
    for key in rest.bodies.keys().filter(sets) {
        for (list, element, path) in additions() {
            let mut world = rest.clone();
            let body = live(&mut world, key);
            let Some(list) = body.pointer_mut(list).and_then(Value::as_array_mut) else {
                continue; // this workload has no such list
            };
            // In front, as some policies do: the order means nothing.
            list.insert(0, element.clone());
            let plan = world.plan(&platform);
            assert!(plan.is_empty() && plan.is_complete(), "{key} {path}");
            let mut items = plan.items();
            let item = items.find(|item| item.key == *key).expect("an item");
            assert!(item.tolerated[0].ends_with(path), "{:?}", item.tolerated);
        }
    }
}

#[test]
fn with_repair_an_added_element_is_removed_and_ours_stay() {
    let mut platform = sample("minimal");
    platform.spec.drift = Drift::Repair;
    let rest = at_rest(&platform);
    for name in ["demo-auth", "demo-gateway"] {
        for (list, element, path) in additions() {
            let key = deployment(name);
            let mut world = rest.clone();
            let before = live(&mut world, &key).clone();
            let lists = live(&mut world, &key).pointer_mut(list);
            let Some(lists) = lists.and_then(Value::as_array_mut) else {
                continue;
            };
            lists.push(element.clone());
            let writes = world.writes;
            world.converge(&platform);
            let mut after = live(&mut world, &key).clone();
            after["metadata"]["generation"] = before["metadata"]["generation"].clone();
            after["status"] = before["status"].clone();
            assert_eq!(after, before, "{path}");
            assert_eq!(world.writes, writes + 1, "{path}");
        }
    }
}

#[test]
fn a_renamed_port_or_container_is_put_right_since_both_cannot_stand() {
    let platform = sample("minimal");
    let rest = at_rest(&platform);
    let mut world = rest.clone();
    let service = ObjectKey::new(Kind::Service, "demo-auth");
    live(&mut world, &service)["spec"]["ports"][0]["port"] = json!(81);
    let plan = world.plan(&platform);
    let mut items = plan.items();
    let item = items.find(|item| item.key == service).expect("an item");
    assert!(
        matches!(item.change, Change::Update(_)),
        "{:?}",
        item.change
    );
    let removal = item.removal.clone().expect("a removal before the apply");
    assert_eq!(removal["spec"]["ports"][0]["port"], 81);
    assert_eq!(removal["spec"]["ports"][0]["$patch"], "delete");

    let mut world = rest;
    let key = deployment("demo-channel");
    live(&mut world, &key)["spec"]["template"]["spec"]["containers"][0]["name"] = json!("mine");
    world.converge(&platform);
    let containers = &live(&mut world, &key)["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers.as_array().map(Vec::len), Some(1));
    assert_eq!(containers[0]["name"], "channel");
}

#[test]
fn a_value_that_others_change_is_put_right_also_beside_additions() {
    let platform = sample("minimal");
    let mut world = at_rest(&platform);
    let key = deployment("demo-auth");
    let container = &mut live(&mut world, &key)["spec"]["template"]["spec"]["containers"][0];
    let env = container["env"].as_array_mut().expect("a list");
    env.insert(0, json!({"name": "EXTRA", "value": "1"}));
    env[1]["value"] = json!("changed");
    let name = env[1]["name"].clone();
    world.converge(&platform);
    let env = &live(&mut world, &key)["spec"]["template"]["spec"]["containers"][0]["env"];
    let env = env.as_array().expect("a list");
    assert!(env.iter().any(|one| one["name"] == "EXTRA"));
    let mended = env.iter().find(|one| one["name"] == name).expect("it");
    assert_ne!(mended["value"], "changed");
}

/// Policies of a cluster that change whatever is written.
pub(crate) fn policies() -> Vec<(&'static str, Admission)> {
    fn each_container(object: &mut Value, change: impl Fn(&mut Value)) {
        let containers = object.pointer_mut("/spec/template/spec/containers");
        let containers = containers.and_then(Value::as_array_mut);
        containers.into_iter().flatten().for_each(change);
    }
    vec![
        ("an image mirror", |_, object| {
            each_container(object, |container| {
                let image = container["image"].as_str().unwrap_or_default();
                container["image"] = json!(format!("mirror.example.org/{image}"));
            });
        }),
        ("other requests", |_, object| {
            each_container(object, |container| {
                container["resources"]["requests"]["cpu"] = json!("250m");
            });
        }),
        ("a sidecar", |_, object| {
            let containers = object.pointer_mut("/spec/template/spec/containers");
            if let Some(Value::Array(containers)) = containers
                && containers.iter().all(|one| one["name"] != "proxy")
            {
                containers.insert(0, json!({"name": "proxy", "image": "mesh/proxy:1"}));
            }
        }),
        ("a label of the platform's own set", |_, object| {
            object["metadata"]["labels"]["app.kubernetes.io/part-of"] = json!("our-company");
        }),
        ("a toleration", |_, object| {
            if let Some(spec) = object.pointer_mut("/spec/template/spec") {
                spec["tolerations"] = json!([{"key": "spot", "operator": "Exists"}]);
            }
        }),
        ("amounts in other units", |_, object| {
            each_container(object, |container| {
                container["resources"]["limits"]["memory"] = json!("1073741824");
            });
        }),
        ("fields that are left out", |_, object| {
            if let Some(spec) = object.pointer_mut("/spec/template/spec") {
                let spec = spec.as_object_mut().expect("an object");
                spec.remove("automountServiceAccountToken");
            }
        }),
    ]
}

#[test]
fn what_the_api_server_makes_of_an_apply_counts_as_applied() {
    for drift in [Drift::Tolerate, Drift::Repair] {
        for (what, policy) in policies() {
            let mut platform = sample("minimal");
            platform.spec.drift = drift;
            let mut world = World::rich();
            world.admission.push(policy);
            world.converge(&platform);
            let writes = world.writes;
            for _ in 0..3 {
                let plan = world.step(&platform);
                assert!(plan.is_empty() && plan.is_complete(), "{what}, {drift:?}");
            }
            assert_eq!(world.writes, writes, "{what}");
            // A change of the spec still arrives.
            platform.spec.services.auth.workload.replicas = Some(3);
            world.converge(&platform);
            let auth = live(&mut world, &deployment("demo-auth")).clone();
            assert_eq!(auth["spec"]["replicas"], 3, "{what}");
        }
    }
}

#[test]
fn a_policy_that_comes_later_is_accepted_after_one_write() {
    for (what, policy) in policies() {
        let platform = sample("minimal");
        let mut world = at_rest(&platform);
        world.admission.push(policy);
        let key = deployment("demo-auth");
        // Somebody touches the object, so that the policy changes it.
        let mut body = live(&mut world, &key).clone();
        policy(&key, &mut body);
        *live(&mut world, &key) = body;
        let writes = world.writes;
        world.converge(&platform);
        assert!(world.writes <= writes + 1, "{what}");
    }
}

fn scaled(platform: &mut CreatorPlatform, replicas: Option<i32>, scaling: Option<(i32, i32)>) {
    let workload = &mut platform.spec.services.channel.workload;
    workload.replicas = replicas;
    workload.autoscaling = scaling.map(|(min, max)| Autoscaling { min, max, cpu: 75 });
}

#[test]
fn an_autoscaler_takes_over_without_losing_a_replica_and_gives_back() {
    let key = deployment("demo-channel");
    for (replicas, (min, max)) in [(5, (3, 8)), (1, (2, 4)), (10, (2, 20)), (3, (3, 3))] {
        let mut platform = sample("minimal");
        scaled(&mut platform, Some(replicas), None);
        let mut world = at_rest(&platform);
        world.fewest.clear();
        scaled(&mut platform, None, Some((min, max)));
        world.converge(&platform);
        let least = world.fewest.get(&key).copied().unwrap_or_default();
        assert!(least >= i64::from(replicas.min(max)), "{replicas}: {least}");
        let plan = world.plan(&platform);
        assert!(plan.is_empty(), "the field is the autoscaler's");

        scaled(&mut platform, Some(replicas), None);
        let scaler = ObjectKey::new(Kind::HorizontalPodAutoscaler, "demo-channel");
        let steps = world.plan(&platform);
        let order: Vec<String> = steps
            .steps()
            .iter()
            .map(|step| match step {
                operator_core::plan::Step::Write(item) => item.key.to_string(),
                operator_core::plan::Step::Delete(pruned) => format!("- {}", pruned.key),
            })
            .collect();
        let at = |name: String| order.iter().position(|one| *one == name);
        let deleted = at(format!("- {scaler}")).expect("the scaler goes");
        assert!(
            Some(deleted) < at(key.to_string()),
            "before it could pull the field back"
        );
        world.converge(&platform);
        assert_eq!(live(&mut world, &key)["spec"]["replicas"], replicas);
        assert!(!world.bodies.contains_key(&scaler));
    }
}

#[test]
fn scaling_and_a_lost_pod_leave_the_platform_ready() {
    let platform = sample("full");
    let rest = at_rest(&platform);
    let deployments = rest
        .bodies
        .keys()
        .filter(|key| key.kind == Kind::Deployment);
    for key in deployments {
        let mut world = rest.clone();
        let body = live(&mut world, key);
        let replicas = body["spec"]["replicas"].as_i64().unwrap_or(1);
        if replicas < 2 {
            continue;
        }
        body["status"]["readyReplicas"] = json!(replicas - 1);
        body["status"]["availableReplicas"] = json!(replicas - 1);
        assert!(world.plan(&platform).is_complete(), "{key}");
        // A rollout is another thing: a pod of the old template is left.
        live(&mut world, key)["status"]["updatedReplicas"] = json!(replicas - 1);
        let plan = world.plan(&platform);
        assert!(
            plan.parts.iter().any(|part| part.gate != Gate::Open),
            "{key}"
        );
    }
}
