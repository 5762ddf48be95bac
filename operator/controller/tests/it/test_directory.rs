//! What a Tenant learns of its platform, by what the watches have seen.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use operator::seen::PlatformName;
use operator::tenant::{Directory, Place};
use operator_core::api::{CreatorPlatform, Tenant};
use operator_core::tenant::PlatformFact;
use serde_json::{Value, json};

const HOME: &str = "home";

#[expect(clippy::unnecessary_wraps, reason = "everywhere is a place, too")]
fn place(namespace: &str) -> Place {
    Some(namespace.to_owned())
}

fn platform(change: impl Fn(&mut Value)) -> DeserializeGuard<CreatorPlatform> {
    let mut platform = json!({
        "apiVersion": "creatorplatform.io/v1alpha1",
        "kind": "CreatorPlatform",
        "metadata": {"name": "demo", "namespace": HOME, "uid": "1"},
        "spec": {"tenants": {"allowedNamespaces": ["guests"]}},
        "status": {"conditions": [{
            "type": "AuthReady", "status": "True", "reason": "Reconciled", "message": "",
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]},
    });
    change(&mut platform);
    serde_json::from_value(platform).unwrap()
}

fn tenant(namespace: &str) -> Value {
    json!({
        "apiVersion": "creatorplatform.io/v1alpha1",
        "kind": "Tenant",
        "metadata": {
            "name": "ada", "namespace": namespace, "uid": "uid-of-ada",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "platformRef": {"name": "demo", "namespace": HOME},
            "displayName": "Ada",
            "owner": {"email": "ada@example.org", "fullName": "Ada"},
        },
    })
}

fn parsed(tenant: Value) -> Tenant {
    serde_json::from_value(tenant).unwrap()
}

fn directory(platforms: Vec<DeserializeGuard<CreatorPlatform>>) -> Directory {
    let directory = Directory::default();
    directory.announce(&place(HOME));
    directory.platform_seen(&place(HOME), &Event::Init);
    for platform in platforms {
        directory.platform_seen(&place(HOME), &Event::InitApply(platform));
    }
    directory.platform_seen(&place(HOME), &Event::InitDone);
    directory
}

fn is_ready(fact: Option<&PlatformFact>) -> bool {
    matches!(fact, Some(PlatformFact::Ready { .. }))
}

#[test]
fn a_platform_that_withdrew_its_consent_is_told_to_those_who_leave_only() {
    let known = directory(vec![platform(|_| {})]);
    let guest = parsed(tenant("guests"));
    assert!(is_ready(Some(&known.platform_of(&guest))));
    assert_eq!(known.refusing(&guest), None);
    let refused = parsed(tenant("others"));
    assert_eq!(known.platform_of(&refused), PlatformFact::NotAllowing);
    assert!(is_ready(known.refusing(&refused).as_ref()));
    let none = directory(Vec::new());
    assert_eq!(none.platform_of(&refused), PlatformFact::NotAllowing);
    assert_eq!(none.refusing(&refused), None);
}

#[test]
fn a_platform_that_is_being_deleted_is_none_any_more() {
    let known = directory(vec![platform(|platform| {
        platform["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
    })]);
    let own = parsed(tenant(HOME));
    assert_eq!(known.platform_of(&own), PlatformFact::Missing);
    let guest = parsed(tenant("guests"));
    assert_eq!(known.platform_of(&guest), PlatformFact::NotAllowing);
    assert_eq!(known.refusing(&parsed(tenant("others"))), None);
}

/// Its namespace may have no rights for the operator: that it is missing would be a guess, by which
/// a Tenant that is deleted would be let go with an open account.
#[test]
fn a_platform_in_a_namespace_that_was_never_listed_is_not_ready() {
    let directory = Directory::default();
    directory.announce(&place(HOME));
    directory.announce(&place("guests"));
    assert_eq!(
        directory.platform_of(&parsed(tenant(HOME))),
        PlatformFact::NotReady
    );
    directory.platform_seen(&place("guests"), &Event::Init);
    directory.platform_seen(&place("guests"), &Event::InitDone);
    assert_eq!(
        directory.platform_of(&parsed(tenant("guests"))),
        PlatformFact::NotReady
    );
    let mut elsewhere = tenant("guests");
    elsewhere["spec"]["platformRef"]["namespace"] = json!("not-watched");
    assert_eq!(
        directory.platform_of(&parsed(elsewhere)),
        PlatformFact::NotAllowing
    );
}

#[test]
fn a_tenant_that_cannot_be_read_any_more_leaves_the_directory_when_it_is_deleted() {
    let directory = directory(Vec::new());
    let demo = PlatformName {
        namespace: HOME.to_owned(),
        name: "demo".to_owned(),
    };
    let seen =
        |tenant: Value| -> DeserializeGuard<Tenant> { serde_json::from_value(tenant).unwrap() };
    directory.tenant_seen(&place(HOME), &Event::Apply(seen(tenant(HOME))));
    assert_eq!(directory.uids_of(&demo), ["uid-of-ada"]);
    let mut broken = tenant(HOME);
    broken["spec"]["displayName"] = json!(7);
    let broken = seen(broken);
    assert!(broken.0.is_err());
    directory.tenant_seen(&place(HOME), &Event::Delete(broken));
    assert_eq!(directory.uids_of(&demo), Vec::<String>::new());
}

/// A Tenant of one of two platforms, with one of three owners and one of three ages.
fn some_tenant(name: u64, random: u64) -> DeserializeGuard<Tenant> {
    let mut body = tenant(HOME);
    body["metadata"]["name"] = json!(format!("tenant-{name}"));
    body["metadata"]["uid"] = json!(format!("uid-{name}"));
    let day = 1 + random % 3;
    body["metadata"]["creationTimestamp"] = json!(format!("2026-01-0{day}T00:00:00Z"));
    body["spec"]["platformRef"]["name"] = json!(format!("platform-{}", random / 3 % 2));
    let owner = random / 6 % 3;
    body["spec"]["owner"]["email"] = json!(format!("owner-{owner}@example.org"));
    serde_json::from_value(body).unwrap()
}

/// What the directory should answer, by passing over all.
fn expected_rivals(all: &BTreeMap<String, Tenant>, one: &Tenant) -> BTreeSet<String> {
    let age = |tenant: &Tenant| {
        let created = tenant.metadata.creation_timestamp.clone().unwrap().0;
        (created, tenant.metadata.uid.clone().unwrap())
    };
    let older = all.values().filter(|other| {
        other.spec.platform_ref.name == one.spec.platform_ref.name
            && other.spec.owner.email == one.spec.owner.email
            && age(other) < age(one)
    });
    older
        .map(|other| format!("{HOME}/{}", other.metadata.name.clone().unwrap()))
        .collect()
}

/// Whatever comes and goes, the indexes answer as a search through everything would.
#[test]
fn tenants_are_found_by_platform_and_owner_whatever_comes_and_goes() {
    let directory = directory(Vec::new());
    let here = place(HOME);
    let mut all: BTreeMap<String, Tenant> = BTreeMap::new();
    let mut random = 1_u64;
    for _ in 0..2_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (name, drawn) = ((random >> 33) % 12, random >> 40);
        let seen = some_tenant(name, drawn);
        let parsed = seen.0.clone().unwrap();
        let key = parsed.metadata.name.clone().unwrap();
        match drawn % 7 {
            0 => {
                all.remove(&key);
                directory.tenant_seen(&here, &Event::Delete(seen));
            }
            // A list in which only this one is left.
            1 => {
                all = BTreeMap::from([(key, parsed)]);
                directory.tenant_seen(&here, &Event::Init);
                directory.tenant_seen(&here, &Event::InitApply(seen));
                directory.tenant_seen(&here, &Event::InitDone);
            }
            _ => {
                all.insert(key, parsed);
                directory.tenant_seen(&here, &Event::Apply(seen));
            }
        }
        for number in 0..2 {
            let platform = PlatformName {
                namespace: HOME.to_owned(),
                name: format!("platform-{number}"),
            };
            let of_it = all
                .values()
                .filter(|one| one.spec.platform_ref.name == platform.name);
            let mut expected: Vec<String> =
                of_it.filter_map(|one| one.metadata.uid.clone()).collect();
            let counted = directory.counts(&here).get(&platform).copied();
            let counted = counted.unwrap_or_default().total;
            assert_eq!(usize::try_from(counted).unwrap(), expected.len());
            let mut found = directory.uids_of(&platform);
            found.sort();
            expected.sort();
            assert_eq!(found, expected);
        }
        for one in all.values() {
            let expected = expected_rivals(&all, one);
            let found = directory.rival_of(one);
            assert_eq!(found.is_some(), !expected.is_empty());
            assert!(found.is_none_or(|rival| expected.contains(&rival)));
        }
    }
    directory.leave(&here);
    assert!(directory.counts(&here).is_empty());
}
