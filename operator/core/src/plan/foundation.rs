//! What the rest stands on: accounts of the pods and the keys that every part shares.

use serde_json::json;
use shared_config::{CALLS, Service, keys};

use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::Generate;
use crate::plan::draft::Sketch;
use crate::resolve::Resolved;

/// The account of all pods that are not one of the four services.
pub(crate) fn service_account(resolved: &Resolved) -> String {
    resolved.object_name("platform")
}

/// Secret with the keys of the calls between services.
pub(crate) fn internal_secret(resolved: &Resolved) -> String {
    resolved.object_name("internal")
}

/// Secret with the token of auth's tenants API: of its own, since the operator reads it.
pub fn provisioning_secret(platform: &str) -> String {
    format!("{platform}-provisioning")
}

/// Secret with the password of the migrator's role.
pub(crate) fn migrator_secret(resolved: &Resolved) -> String {
    resolved.object_name("migrator")
}

/// The objects that belong to no component alone.
pub(crate) fn draft(sketch: &mut Sketch<'_>) {
    let resolved = sketch.resolved;
    let operator = resolved.object_name("operator");
    let internal = internal_secret(resolved);
    let platform = Component::Platform;
    sketch.secret(
        platform,
        &operator,
        json!({}),
        &[("hash-key", Generate::Key32)],
    );
    let mut internal_keys = vec![(keys::INTERNAL_TOKEN_KEY, Generate::Key32)];
    internal_keys.extend(CALLS.map(|call| (call.key, Generate::Key32)));
    sketch.secret(platform, &internal, json!({}), &internal_keys);
    let token = [(keys::PROVISIONING_TOKEN, Generate::Key32)];
    let provisioning = provisioning_secret(&resolved.name);
    sketch.secret(platform, &provisioning, json!({}), &token);
    let migrator = migrator_secret(resolved);
    let password = [("password", Generate::Password)];
    sketch.secret(Component::Migration, &migrator, json!({}), &password);
    account(sketch, platform, &service_account(resolved));
    for service in Service::ALL {
        account(
            sketch,
            Component::Service(service),
            &resolved.object_name(service.name()),
        );
        service_secret(sketch, service);
    }
}

fn account(sketch: &mut Sketch<'_>, component: Component, name: &str) {
    let key = ObjectKey::new(Kind::ServiceAccount, name);
    let rest = json!({"automountServiceAccountToken": false});
    sketch.apply(component, key, rest);
}

fn service_secret(sketch: &mut Sketch<'_>, service: Service) {
    let mut generate = vec![
        (keys::DATABASE_PASSWORD, Generate::Password),
        (keys::REDIS_PASSWORD, Generate::Password),
    ];
    match service {
        Service::Auth => generate.extend([
            (keys::SIGNING_SEED, Generate::Seed32),
            (keys::DATA_KEY, Generate::DataKey32),
        ]),
        Service::Channel => generate.push((keys::WIDGET_TOKEN_KEY, Generate::Key32)),
        Service::CreatorHub | Service::AiEngine => {}
    }
    let name = sketch.resolved.object_name(service.name());
    sketch.secret(Component::Service(service), &name, json!({}), &generate);
}
