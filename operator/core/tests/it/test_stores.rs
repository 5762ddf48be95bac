//! Stores: how long they may take to start, what restarts them, and how external ones are verified.

use operator_core::object::{Kind, ObjectKey};
use serde_json::Value;
use shared_config::Service;

use crate::fixtures::sample;
use crate::world::{World, at_rest};

fn body<'a>(world: &'a World, kind: Kind, name: &str) -> &'a Value {
    let found = world.bodies.get(&ObjectKey::new(kind, name));
    found.unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn a_store_has_an_hour_to_recover() {
    let world = at_rest(&sample("minimal"));
    for (kind, store) in [
        (Kind::StatefulSet, "postgres"),
        (Kind::StatefulSet, "redis"),
        (Kind::StatefulSet, "chroma"),
        (Kind::Deployment, "ollama"),
    ] {
        let spec = &body(&world, kind, &format!("demo-{store}"))["spec"]["template"]["spec"];
        let probe = &spec["containers"][0]["startupProbe"];
        let number = |field: &str| probe[field].as_i64().expect(field);
        let seconds = number("periodSeconds") * number("failureThreshold");
        assert!(seconds >= 3600, "{store}: {seconds} s");
    }
}

#[test]
fn an_edited_password_of_the_administrator_restarts_postgresql() {
    let platform = sample("minimal");
    let mut world = at_rest(&platform);
    let hash = |world: &World| {
        let template = &body(world, Kind::StatefulSet, "demo-postgres")["spec"]["template"];
        template["metadata"]["annotations"].clone()
    };
    let before = hash(&world);
    let secret = world.observed.secrets.get_mut("demo-postgres");
    let keys = &mut secret.expect("the Secret").keys;
    keys.insert("password".to_owned(), "hash-of-another".to_owned());
    world.converge(&platform);
    assert_ne!(hash(&world), before);
}

/// The variables of a workload whose value comes from a Secret, as `NAME=secret/key`.
fn from_secrets(template: &Value) -> Vec<String> {
    let variables = template["spec"]["containers"][0]["env"].as_array();
    let named = variables.into_iter().flatten().filter_map(|variable| {
        let from = &variable["valueFrom"]["secretKeyRef"];
        let (secret, key) = (from["name"].as_str()?, from["key"].as_str()?);
        Some(format!("{}={secret}/{key}", variable["name"].as_str()?))
    });
    named.collect()
}

#[test]
fn external_stores_are_verified_with_the_authorities_of_the_spec() {
    let world = at_rest(&sample("external"));
    let database = "DATABASE_CA=database-ca/ca.crt".to_owned();
    let redis = "REDIS_CA=cache-ca/ca.crt".to_owned();
    for service in Service::ALL {
        let name = format!("external-{}", service.name());
        let template = &body(&world, Kind::Deployment, &name)["spec"]["template"];
        let found = from_secrets(template);
        assert!(found.contains(&database), "{name}: {found:?}");
        assert!(found.contains(&redis), "{name}: {found:?}");
        let env = template["spec"]["containers"][0]["env"].to_string();
        assert!(
            env.contains(r#"{"name":"REDIS_TLS","value":"true"}"#),
            "{env}"
        );
    }
    let mut jobs = world.bodies.iter();
    let (_, migration) = jobs
        .find(|(key, _)| key.kind == Kind::Job && key.name.contains("migrate"))
        .expect("the migration");
    let found = from_secrets(&migration["spec"]["template"]);
    assert!(found.contains(&database), "{found:?}");
    assert!(!found.contains(&redis), "{found:?}");
}
