//! An image that cannot read the data of a store is refused before its pod stops.

use jiff::Timestamp;
use operator_core::api::condition::ConditionStatus;
use operator_core::api::status::StoreStatus;
use operator_core::api::{CreatorPlatform, PlatformStatus};
use operator_core::object::{Kind, ObjectKey};
use operator_core::plan::{Change, Gate};
use operator_core::reason::Reason;
use operator_core::status::{Applied, Outcome, Planned, status};
use operator_core::store_version::StoreVersion;
use shared_config::Store;

use crate::fixtures::{resolved, sample};
use crate::world::{World, at_rest};

/// An image that no tag describes.
const BY_DIGEST: &str = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn set_image(platform: &mut CreatorPlatform, store: Store, image: &str) {
    let images = &mut platform.spec.images;
    let field = match store {
        Store::Postgres => &mut images.postgres,
        Store::Redis => &mut images.redis,
        Store::Chroma => &mut images.chroma,
        Store::Ollama => &mut images.ollama,
    };
    image.clone_into(field);
}

/// The status after a look, as the platform would carry it into the next one.
fn look(world: &World, platform: &CreatorPlatform) -> PlatformStatus {
    let resolved = resolved(platform);
    let plan = world.plan(platform);
    let planned = Planned {
        resolved: &resolved,
        observed: &world.observed,
        plan: &plan,
    };
    let outcome = Outcome::Applied(planned, &Applied::default());
    let previous = platform.status.as_ref();
    status(previous, 1, &outcome, Timestamp::UNIX_EPOCH)
}

/// A platform whose store runs with an image, and knows it.
fn running(store: Store, image: &str) -> (CreatorPlatform, World) {
    let mut platform = sample("minimal");
    set_image(&mut platform, store, image);
    let mut world = at_rest(&platform);
    world.converge(&platform);
    platform.status = Some(look(&world, &platform));
    (platform, world)
}

fn image_of(world: &World, store: Store) -> String {
    let key = ObjectKey::new(Kind::StatefulSet, format!("demo-{}", store.name()));
    world.bodies[&key]["spec"]["template"]["spec"]["containers"][0]["image"]
        .as_str()
        .expect("an image")
        .to_owned()
}

#[test]
fn images_tell_their_version_by_a_plain_tag_only() {
    let cases = [
        (Store::Postgres, "postgres:16", Some("16")),
        (
            Store::Postgres,
            "docker.io/library/postgres:15.4-alpine",
            Some("15.4"),
        ),
        (
            Store::Postgres,
            "registry.example.org:5000/db/postgresql:v15",
            Some("15"),
        ),
        (Store::Redis, "redis:8-bookworm", Some("8")),
        (
            Store::Chroma,
            "docker.io/chromadb/chroma:1.5.9",
            Some("1.5.9"),
        ),
        (Store::Postgres, "postgres", None),
        (Store::Postgres, "postgres:latest", None),
        (Store::Postgres, "postgres:bookworm", None),
        (Store::Postgres, "registry.example.org:5000/postgres", None),
        (
            Store::Postgres,
            "registry.example.org/our-database:15",
            None,
        ),
        (
            Store::Postgres,
            "registry.example.org/postgres:20261130",
            None,
        ),
        (Store::Postgres, "postgres:15@sha256:0123", None),
        (Store::Redis, "valkey:8", None),
        (Store::Ollama, "ollama:0.17.4", None),
    ];
    for (store, image, version) in cases {
        let found = StoreVersion::of_image(store, image).map(|found| found.to_string());
        assert_eq!(found.as_deref(), version, "{image}");
    }
}

#[test]
fn an_image_that_cannot_read_the_data_leaves_the_pod_and_says_what_to_do() {
    let cases = [
        (Store::Postgres, "postgres:15", "postgres:16", true),
        (Store::Postgres, "postgres:16-alpine", "postgres:15.4", true),
        (
            Store::Postgres,
            "postgres:15.1",
            "postgres:15.9-alpine",
            false,
        ),
        (Store::Redis, "redis:8", "redis:7", true),
        (Store::Redis, "redis:7.4", "redis:7.2", true),
        (Store::Redis, "redis:7.4.2", "redis:7.4.1", false),
        (Store::Redis, "redis:7", "redis:8", false),
        (Store::Redis, "redis:7.2", "redis:7", false),
        (Store::Chroma, "chroma:1.5.9", "chroma:1.4.0", true),
        (Store::Chroma, "chroma:1.5.9", "chroma:1.5.8", false),
        (Store::Chroma, "chroma:1.5.9", "chroma:1.6.0", false),
    ];
    for (store, before, after, refused) in cases {
        let what = format!("{before} to {after}");
        let (mut platform, mut world) = running(store, before);
        set_image(&mut platform, store, after);
        if !refused {
            world.converge(&platform);
            assert_eq!(image_of(&world, store), after, "{what}");
            continue;
        }
        for _ in 0..3 {
            world.step(&platform);
        }
        assert_eq!(image_of(&world, store), before, "{what}");
        let component = operator_core::component::Component::Store(store);
        let plan = world.plan(&platform);
        let Gate::Failed(waits) = &plan.part(component).expect("a part").gate else {
            panic!("{what}: the gate is open");
        };
        assert_eq!(waits[0].reason, Reason::StoreVersionRefused, "{what}");
        assert!(
            waits[0].message.contains("Set the image"),
            "{}",
            waits[0].message
        );
        let status = look(&world, &platform);
        let mut conditions = status.conditions.iter();
        let ready = conditions.find(|one| one.kind == component.condition());
        let ready = ready.expect("a condition");
        assert_eq!(ready.status, ConditionStatus::True, "{what}: it serves");
        assert_eq!(ready.reason, "StoreVersionRefused", "{what}");
        // One edit back is all.
        platform.status = Some(status);
        set_image(&mut platform, store, before);
        world.converge(&platform);
        assert!(world.plan(&platform).is_empty(), "{what}");
    }
}

#[test]
fn an_image_by_digest_is_left_to_the_start_script() {
    let (mut platform, mut world) = running(Store::Postgres, "postgres:15");
    let image = format!("ours/postgres{BY_DIGEST}");
    set_image(&mut platform, Store::Postgres, &image);
    world.converge(&platform);
    assert_eq!(image_of(&world, Store::Postgres), image);
}

#[test]
fn a_change_of_another_store_arrives_while_one_is_refused() {
    let (mut platform, mut world) = running(Store::Postgres, "postgres:15");
    set_image(&mut platform, Store::Postgres, "postgres:17");
    set_image(&mut platform, Store::Redis, "redis:7.9");
    world.step(&platform);
    assert_eq!(image_of(&world, Store::Redis), "redis:7.9");
    let plan = world.plan(&platform);
    let mut items = plan.items();
    let held = items.find(|item| item.key == ObjectKey::new(Kind::StatefulSet, "demo-postgres"));
    assert_ne!(held.expect("an item").change, Change::None);
}

#[test]
fn without_its_volume_a_store_begins_with_any_version() {
    let (mut platform, mut world) = running(Store::Postgres, "postgres:15");
    let claim = ObjectKey::new(Kind::PersistentVolumeClaim, "demo-postgres");
    world.observed.objects.remove(&claim);
    world.bodies.remove(&claim);
    set_image(&mut platform, Store::Postgres, "postgres:17");
    world.step(&platform);
    assert_eq!(image_of(&world, Store::Postgres), "postgres:17");
}

#[test]
fn the_status_keeps_the_version_of_the_data_and_not_that_of_the_spec() {
    let (mut platform, mut world) = running(Store::Redis, "redis:7.2");
    let known = |status: &PlatformStatus, store: Store| -> Option<String> {
        let mut stores = status.stores.iter();
        let found: Option<&StoreStatus> = stores.find(|known| known.name == store.name());
        found.map(|known| known.version.clone())
    };
    let status = platform.status.clone().expect("a status");
    assert_eq!(known(&status, Store::Redis).as_deref(), Some("7.2"));
    assert_eq!(known(&status, Store::Postgres).as_deref(), Some("15"));
    // What no tag tells is known of PostgreSQL only, which starts on its own data only.
    for store in [Store::Redis, Store::Postgres] {
        let image = format!("ours/{}{BY_DIGEST}", store.name());
        set_image(&mut platform, store, &image);
    }
    world.converge(&platform);
    let status = look(&world, &platform);
    assert_eq!(known(&status, Store::Redis), None);
    assert_eq!(known(&status, Store::Postgres).as_deref(), Some("15"));
}
