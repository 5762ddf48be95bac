//! Volumes that cannot be as the spec asks: they are reported and stop nothing else.

use jiff::Timestamp;
use operator_core::api::condition::ConditionStatus;
use operator_core::api::{CreatorPlatform, PlatformStatus, Quantity};
use operator_core::object::{Kind, ObjectKey};
use operator_core::observed::View;
use operator_core::plan::Change;
use operator_core::status::{Applied, Outcome, Planned, status};
use serde_json::{Value, json};

use crate::fixtures::{resolved, sample};
use crate::world::{World, at_rest};

type Edit = fn(&mut CreatorPlatform);

fn claim(name: &str) -> ObjectKey {
    ObjectKey::new(Kind::PersistentVolumeClaim, name)
}

fn status_of(world: &World, platform: &CreatorPlatform) -> PlatformStatus {
    let resolved = resolved(platform);
    let plan = world.plan(platform);
    let planned = Planned {
        resolved: &resolved,
        observed: &world.observed,
        plan: &plan,
    };
    let outcome = Outcome::Applied(planned, &Applied::default());
    status(None, 1, &outcome, Timestamp::UNIX_EPOCH)
}

/// A platform whose claim of Redis is bound, with a class of the cluster.
fn bound(size: &str, phase: &str) -> World {
    let platform = sample("minimal");
    let mut world = at_rest(&platform);
    let key = claim("demo-redis");
    let live = world.observed.objects.get_mut(&key).expect("it exists");
    let View::Body(body) = &mut live.view else {
        panic!("{key} was not read whole")
    };
    body["spec"]["storageClassName"] = json!("standard");
    body["spec"]["resources"]["requests"]["storage"] = json!(size);
    body["status"] = json!({"phase": phase, "capacity": {"storage": size}});
    world
}

fn condition(status: &PlatformStatus) -> (ConditionStatus, String) {
    let mut all = status.conditions.iter();
    let found = all.find(|one| one.kind == "VolumesReady").expect("it");
    (found.status, found.message.clone())
}

#[test]
fn a_smaller_size_or_another_class_leaves_a_bound_volume_alone_and_is_reported() {
    let world = bound("8Gi", "Bound");
    let edits: [(&str, Edit, &str); 2] = [
        (
            "size",
            |platform| platform.spec.redis.storage.size = Quantity::from("2Gi"),
            "keeps the size 8Gi",
        ),
        (
            "class",
            |platform| {
                platform.spec.redis.storage.size = Quantity::from("8Gi");
                platform.spec.redis.storage.class_name = Some("fast".to_owned());
            },
            "keeps the storage class standard",
        ),
    ];
    for (what, edit, words) in edits {
        let mut platform = sample("minimal");
        edit(&mut platform);
        let mut world = world.clone();
        world.converge(&platform);
        let body = world
            .observed
            .body(&claim("demo-redis"))
            .expect("it")
            .clone();
        assert_eq!(
            body["spec"]["resources"]["requests"]["storage"], "8Gi",
            "{what}"
        );
        assert_eq!(body["spec"]["storageClassName"], "standard", "{what}");
        let status = status_of(&world, &platform);
        let (is, message) = condition(&status);
        assert_eq!(is, ConditionStatus::False, "{what}");
        assert!(message.contains(words), "{message}");
        let mut volumes = status.volumes.iter();
        let volume = volumes.find(|one| one.name == "demo-redis").expect("it");
        assert_eq!(volume.requested.as_deref(), Some("8Gi"));
        let mut all = status.conditions.iter();
        let ready = all.find(|one| one.kind == "Ready").expect("it");
        assert_eq!(ready.status, ConditionStatus::True, "the platform works");
    }
}

#[test]
fn a_volume_that_grows_says_how_far_it_is() {
    let mut world = bound("8Gi", "Bound");
    let mut platform = sample("minimal");
    platform.spec.redis.storage.size = Quantity::from("16Gi");
    let refused = status_of(&world, &platform);
    let (_, message) = condition(&refused);
    assert!(message.contains("still requests 8Gi"), "{message}");
    world.converge(&platform);
    let key = claim("demo-redis");
    world.set_status(
        &key,
        json!({
            "phase": "Bound", "capacity": {"storage": "8Gi"},
            "conditions": [{"type": "ControllerResizeError", "status": "True",
                "message": "no space in the pool"}],
        }),
    );
    let (_, message) = condition(&status_of(&world, &platform));
    assert!(message.contains("8Gi of 16Gi"), "{message}");
    assert!(message.contains("no space in the pool"), "{message}");
    world.set_status(
        &key,
        json!({"phase": "Bound", "capacity": {"storage": "16Gi"}}),
    );
    let (is, message) = condition(&status_of(&world, &platform));
    assert_eq!((is, message.as_str()), (ConditionStatus::True, ""));
}

#[test]
fn a_claim_without_a_volume_stops_nothing_and_the_status_names_what_to_delete() {
    let edits: [Edit; 3] = [
        |platform| platform.spec.redis.storage.class_name = Some("fast".to_owned()),
        |platform| platform.spec.redis.storage.size = Quantity::from("1Mi"),
        |platform| platform.spec.redis.storage.size = Quantity::from("900Gi"),
    ];
    for edit in edits {
        let mut world = bound("8Gi", "Pending");
        let mut platform = sample("minimal");
        edit(&mut platform);
        world.converge(&platform);
        let (_, message) = condition(&status_of(&world, &platform));
        assert!(
            message.contains("kubectl delete pvc demo-redis"),
            "{message}"
        );
        // While the old claim goes, nothing is written to it; then it is as the spec asks.
        let key = claim("demo-redis");
        let mut leaving = world.clone();
        let mut body = leaving.observed.body(&key).expect("it").clone();
        body["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        leaving.put(&key, body);
        let plan = leaving.plan(&platform);
        let mut items = plan.items();
        let item = items.find(|item| item.key == key).expect("it");
        assert_eq!(item.change, Change::Deleting);
        world.observed.objects.remove(&key);
        world.bodies.remove(&key);
        world.converge(&platform);
        let (is, message) = condition(&status_of(&world, &platform));
        assert_eq!((is, message.as_str()), (ConditionStatus::True, ""));
    }
}

#[test]
fn the_schema_lets_a_size_be_taken_back() {
    let value = |size: &str| -> Value {
        let mut platform = sample("minimal");
        platform.spec.redis.storage.size = Quantity::from(size);
        serde_json::to_value(platform).expect("JSON")
    };
    let (grown, back) = (value("512Mi"), value("256Mi"));
    let problems = operator_core::resolve::admission("CreatorPlatform", &back, Some(&grown));
    assert_eq!(problems, Vec::new());
}
