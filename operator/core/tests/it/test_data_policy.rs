//! Volumes and Secrets go with the platform only where that is asked for and confirmed.

use jiff::Timestamp;
use operator_core::api::CreatorPlatform;
use operator_core::api::backup::DataPolicy;
use operator_core::api::condition::ConditionStatus;
use operator_core::object::{Kind, ObjectKey};
use operator_core::resolve::CONFIRM_DELETION_ANNOTATION;
use operator_core::status::{Applied, Outcome, Planned, status};

use crate::fixtures::{resolved, sample};
use crate::world::{World, at_rest};

fn platform(policy: DataPolicy, confirmed: Option<&str>) -> CreatorPlatform {
    let mut platform = sample("backup");
    platform.spec.deletion_policy = policy;
    platform.spec.postgres.managed = Some(serde_json::from_str(r#"{"backup": {}}"#).expect("it"));
    platform.metadata.annotations =
        confirmed.map(|name| [(CONFIRM_DELETION_ANNOTATION.to_owned(), name.to_owned())].into());
    platform
}

/// Objects with data, and whether the platform owns each of them.
fn owned(world: &World) -> Vec<(ObjectKey, bool)> {
    let data = |key: &ObjectKey| {
        matches!(
            key.kind,
            Kind::PersistentVolumeClaim | Kind::Secret | Kind::CnpgCluster
        )
    };
    let bodies = world.bodies.iter().filter(|(key, _)| data(key));
    bodies
        .map(|(key, body)| {
            let owner = &body["metadata"]["ownerReferences"][0];
            (key.clone(), owner["kind"] == "CreatorPlatform")
        })
        .collect()
}

fn condition(world: &World, platform: &CreatorPlatform) -> Option<(ConditionStatus, String)> {
    let resolved = resolved(platform);
    let plan = world.plan(platform);
    let planned = Planned {
        resolved: &resolved,
        observed: &world.observed,
        plan: &plan,
    };
    let outcome = Outcome::Applied(planned, &Applied::default());
    let status = status(None, 1, &outcome, Timestamp::UNIX_EPOCH);
    let mut all = status.conditions.into_iter();
    let found = all.find(|one| one.kind == "DeletesData")?;
    Some((found.status, found.reason))
}

#[test]
fn data_has_no_owner_unless_its_deletion_is_confirmed_by_name() {
    let cases = [
        (DataPolicy::Retain, None, None),
        (DataPolicy::Retain, Some("demo"), None),
        (DataPolicy::Delete, None, Some("DeletionNotConfirmed")),
        (
            DataPolicy::Delete,
            Some("another"),
            Some("DeletionNotConfirmed"),
        ),
        (DataPolicy::Delete, Some(""), Some("DeletionNotConfirmed")),
    ];
    for (policy, confirmed, reason) in cases {
        let platform = platform(policy, confirmed);
        let world = at_rest(&platform);
        let owned: Vec<_> = owned(&world)
            .into_iter()
            .filter(|(_, owned)| *owned)
            .collect();
        assert!(owned.is_empty(), "{policy:?}, {confirmed:?}: {owned:?}");
        let found = condition(&world, &platform).map(|(_, reason)| reason);
        assert_eq!(found.as_deref(), reason, "{policy:?}, {confirmed:?}");
    }
}

#[test]
fn confirmed_deletion_takes_all_data_but_backups_and_can_be_taken_back() {
    let before = platform(DataPolicy::Retain, None);
    let mut world = at_rest(&before);
    let confirmed = platform(DataPolicy::Delete, Some("demo"));
    let (status, reason) = condition(&world, &confirmed).expect("a condition");
    assert_eq!(
        (status, reason.as_str()),
        (ConditionStatus::False, "Applying")
    );
    world.converge(&confirmed);
    for (key, owned) in owned(&world) {
        let is_backup = ["demo-backups", "demo-backup"].contains(&key.name.as_str());
        assert_eq!(owned, !is_backup, "{key}");
    }
    let (status, reason) = condition(&world, &confirmed).expect("a condition");
    assert_eq!(
        (status, reason.as_str()),
        (ConditionStatus::True, "DeletionConfirmed")
    );
    // A fresh platform with the annotation ends in the same place.
    let fresh = at_rest(&confirmed);
    assert_eq!(owned(&fresh), owned(&world));
    world.converge(&before);
    assert!(owned(&world).iter().all(|(_, owned)| !owned), "taken back");
}

#[test]
fn a_cluster_of_cloudnativepg_goes_with_its_platform_too() {
    let mut platform = sample("cloudnative-pg");
    platform.spec.deletion_policy = DataPolicy::Delete;
    let name = platform.metadata.name.clone().expect("a name");
    platform.metadata.annotations = Some([(CONFIRM_DELETION_ANNOTATION.to_owned(), name)].into());
    let world = at_rest(&platform);
    let mut all = owned(&world).into_iter();
    let cluster = all.find(|(key, _)| key.kind == Kind::CnpgCluster);
    assert!(cluster.expect("a cluster").1);
}
