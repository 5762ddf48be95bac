//! What a spec that was drawn from the schema needs of the world around it.

use operator_core::api::CreatorPlatform;
use operator_core::observed::SecretFacts;
use serde_json::Value;

use crate::world::World;

/// Makes the Secrets that a spec refers to.
pub(crate) fn provide_secrets(platform: &CreatorPlatform, world: &mut World) {
    let spec = serde_json::to_value(&platform.spec).expect("JSON");
    provide(&spec, world);
}

fn provide(value: &Value, world: &mut World) {
    match value {
        Value::Object(fields) => {
            for (field, below) in fields {
                let field = field.to_ascii_lowercase();
                let is_reference = field.ends_with("secretref") || field.ends_with("secretkeyref");
                if let (true, Some(name)) = (is_reference, below["name"].as_str()) {
                    let own = below["key"].as_str();
                    let usual = ["username", "password", "ca.crt", "SMTP_HOST", "SMTP_FROM"];
                    let keys = usual.into_iter().chain(own);
                    let facts: &mut SecretFacts =
                        world.observed.secrets.entry(name.to_owned()).or_default();
                    for key in keys {
                        let hash = facts.keys.entry(key.to_owned());
                        hash.or_insert_with(|| format!("hash-of-{key}"));
                    }
                }
                provide(below, world);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| provide(item, world)),
        _ => {}
    }
}
