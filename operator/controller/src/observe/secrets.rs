//! Keyed hashes of the values of Secrets. The values are dropped as soon as they are hashed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use hmac::{Hmac, Mac};
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use operator_core::Observed;
use operator_core::api::CreatorPlatform;
use operator_core::object::Kind;
use operator_core::observed::SecretFacts;
use serde_json::Value;
use sha2::Sha256;

use super::Subject;
use crate::context::Context;
use crate::error::Error;
use crate::memory::{Memory, SecretRead};
use crate::seen::Version;

/// Whose key the hashes are made with: Secret `<platform>-operator`.
const HASH_KEY_SECRET: &str = "operator";
const HASH_KEY: &str = "hash-key";

/// Hashes every Secret that the spec names or that is ours, as far as it is not known already.
///
/// A plain hash of a weak password, in an annotation that many may read, could be guessed; so the
/// hashes are keyed, and the key is a Secret of the platform itself.
pub(super) async fn hash(
    context: &Context,
    subject: &Subject,
    platform: &CreatorPlatform,
    memory: &Memory,
    observed: &mut Observed,
) -> Result<(), Error> {
    let secrets = Api::namespaced(context.client.clone(), &subject.name.namespace);
    let versions = versions(&secrets, &named(platform), observed).await?;
    let key_name = format!("{}-{HASH_KEY_SECRET}", subject.name.name);
    let key_version = versions.get(&key_name);
    let known = |name: &String, version: &Version| {
        let known = memory.secrets.get(name)?;
        (known.version == *version && Some(&known.key_version) == key_version).then_some(known)
    };
    let all_known = versions
        .iter()
        .all(|(name, version)| known(name, version).is_some());
    let key = match key_version {
        Some(_) if !all_known => get(&secrets, &key_name).await?,
        _ => None,
    };
    let key = key.as_ref().and_then(|secret| value(secret, HASH_KEY));
    observed.hash_key_present = key_version.is_some() && (all_known || key.is_some());
    let mut read = BTreeMap::new();
    for (name, version) in &versions {
        if let Some(known) = known(name, version) {
            observed.secrets.insert(name.clone(), known.facts.clone());
            read.insert(name.clone(), known.clone());
        } else if let Some(secret) = get(&secrets, name).await? {
            let facts = hashed(key, &secret);
            observed.secrets.insert(name.clone(), facts.clone());
            if let (Some(key_version), Some(_)) = (key_version, key) {
                let version = Version::of(&secret).unwrap_or_else(|| version.clone());
                let key_version = key_version.clone();
                read.insert(
                    name.clone(),
                    SecretRead {
                        version,
                        key_version,
                        facts,
                    },
                );
            }
        }
    }
    context
        .memories
        .change(&subject.uid, |memory| memory.secrets = read);
    Ok(())
}

/// The Secrets that a spec refers to: whatever field does so ends in `SecretRef` or
/// `SecretKeyRef`, also inside the overrides of a pod template.
fn named(platform: &CreatorPlatform) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if let Ok(spec) = serde_json::to_value(&platform.spec) {
        collect(&spec, &mut names);
    }
    names
}

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let field = field.to_ascii_lowercase();
                if field.ends_with("secretref") || field.ends_with("secretkeyref") {
                    names.extend(value["name"].as_str().map(str::to_owned));
                }
                collect(value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        _ => {}
    }
}

/// Who exists in which version: ours by what was seen, those of others by asking.
async fn versions(
    secrets: &Api<Secret>,
    named: &BTreeSet<String>,
    observed: &Observed,
) -> Result<BTreeMap<String, Version>, Error> {
    let ours = observed
        .objects
        .iter()
        .filter(|(key, live)| key.kind == Kind::Secret && live.owned);
    let mut versions: BTreeMap<_, _> = ours
        .map(|(key, live)| {
            let version = Version {
                uid: live.uid.as_str().into(),
                resource_version: live.resource_version.as_str().into(),
            };
            (key.name.clone(), version)
        })
        .collect();
    for name in named {
        if versions.contains_key(name) {
            continue;
        }
        let failed = |source| Error::Read {
            what: format!("Secret {name}"),
            source,
        };
        let found = secrets.get_metadata_opt(name).await.map_err(failed)?;
        if let Some(version) = found.as_ref().and_then(Version::of) {
            versions.insert(name.clone(), version);
        }
    }
    Ok(versions)
}

async fn get(secrets: &Api<Secret>, name: &str) -> Result<Option<Secret>, Error> {
    let failed = |source| Error::Read {
        what: format!("Secret {name}"),
        source,
    };
    secrets.get_opt(name).await.map_err(failed)
}

fn value<'a>(secret: &'a Secret, key: &str) -> Option<&'a [u8]> {
    secret
        .data
        .as_ref()?
        .get(key)
        .map(|value| value.0.as_slice())
}

/// Without the key only the names of the keys are told: enough to never make a value twice.
fn hashed(key: Option<&[u8]>, secret: &Secret) -> SecretFacts {
    let hash = |value: &[u8]| {
        key.and_then(|key| keyed_hash(key, value))
            .unwrap_or_default()
    };
    let values = secret.data.iter().flatten();
    SecretFacts {
        keys: values
            .map(|(name, value)| (name.clone(), hash(&value.0)))
            .collect(),
    }
}

/// HMAC takes a key of any length; half of it is enough to tell two values apart.
fn keyed_hash(key: &[u8], value: &[u8]) -> Option<String> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    hmac.update(value);
    let mut text = String::with_capacity(32);
    for byte in hmac.finalize().into_bytes().iter().take(16) {
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}
