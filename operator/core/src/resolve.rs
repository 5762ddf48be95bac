//! From a spec to a platform that can be planned: rules, cross-checks, defaults, addresses.

use std::collections::BTreeMap;
use std::fmt;

use kube_cel::CompiledSchema;
use serde::Serialize;
use serde_json::Value;
use shared_config::{Service, Store};
use shared_egress::AllowedNetworks;

use crate::api::backup::DataPolicy;
use crate::api::ollama::ModelUse;
use crate::api::{ConditionStatus, CreatorPlatform, CreatorPlatformSpec, Tenant};
use crate::component::Component;
use crate::observed::Observed;
use crate::store_version::StoreVersion;

mod addresses;
mod backups;
mod checks;
mod pod_template;
mod pods;
mod schema;
mod shape;

/// Annotation whose change runs failed migrations and models again.
pub const RETRY_ANNOTATION: &str = "creatorplatform.io/retry";
/// Annotation whose change asks for a backup.
pub const BACKUP_ANNOTATION: &str = "creatorplatform.io/backup";
/// Annotation with the name of a platform whose data is to be deleted with it.
pub const CONFIRM_DELETION_ANNOTATION: &str = "creatorplatform.io/confirm-deletion";
/// The annotations by which a person asks for something: a change of one is looked at at once.
pub const REQUEST_ANNOTATIONS: [&str; 3] = [
    RETRY_ANNOTATION,
    BACKUP_ANNOTATION,
    CONFIRM_DELETION_ANNOTATION,
];
/// Major and minor version of the platforms that this operator manages: the others are left alone.
pub const SUPPORTED: (u64, u64) = (0, 1);

/// A platform whose spec passed every rule, with defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its identity, for owner references; empty for a plan from a file.
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
    /// The spec with defaults.
    pub spec: CreatorPlatformSpec,
    /// Where browsers reach the gateway.
    pub public_url: String,
    /// `iss` of access tokens.
    pub token_issuer: String,
    /// Networks outside of the public internet that sites of creators may be in.
    pub allowed_networks: AllowedNetworks,
    /// Value of the retry annotation.
    pub retry: Option<String>,
    /// Value of the annotation that asks for a backup.
    pub backup_request: Option<String>,
    /// Whether the platform has begun with the backup that its spec names.
    pub restored: bool,
    /// Whether volumes and Secrets go with the platform.
    pub deletes_data: bool,
    /// Versions that the data of the stores belongs to, as far as they are known.
    pub data_versions: BTreeMap<Store, StoreVersion>,
}

/// What is wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Invalid {
    /// Every problem that was found.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Path of the field.
    pub path: String,
    /// What is wrong with it.
    pub wrong: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("; "))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.wrong)?;
        if !self.remedy.is_empty() {
            write!(f, " ({})", self.remedy)?;
        }
        Ok(())
    }
}

impl Resolved {
    /// The name of an object of this platform.
    pub fn object_name(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.name)
    }

    /// The image of a service.
    pub fn service_image(&self, service: Service) -> String {
        let images = &self.spec.images;
        let own = match service {
            Service::Auth => &images.auth,
            Service::CreatorHub => &images.creator_hub,
            Service::AiEngine => &images.ai_engine,
            Service::Channel => &images.channel,
        };
        own.clone()
            .unwrap_or_else(|| self.own_image(service.name()))
    }

    /// The image of the migrations.
    pub fn migrate_image(&self) -> String {
        self.spec
            .images
            .migrate
            .clone()
            .unwrap_or_else(|| self.own_image("migrate"))
    }

    /// The image of the program that makes and restores backups.
    pub fn backup_image(&self) -> String {
        let own = self.spec.images.backup.clone();
        own.unwrap_or_else(|| self.own_image("backup"))
    }

    /// The model of a purpose.
    pub fn model(&self, purpose: ModelUse) -> &str {
        self.spec.ollama.model(purpose)
    }

    fn own_image(&self, name: &str) -> String {
        format!("{}/{name}:{}", self.spec.images.registry, self.spec.version)
    }
}

/// Checks a platform's spec and fills it in.
///
/// # Errors
/// Every problem of the spec at once; nothing but a change of the spec mends it.
pub fn resolve(platform: &CreatorPlatform, _observed: &Observed) -> Result<Resolved, Invalid> {
    let mut problems = schema_problems("CreatorPlatform", platform);
    problems.extend(checks::problems(platform));
    problems.sort();
    problems.dedup();
    if !problems.is_empty() {
        return Err(Invalid { problems });
    }
    let metadata = &platform.metadata;
    let name = metadata.name.clone().unwrap_or_default();
    let namespace = metadata
        .namespace
        .clone()
        .unwrap_or_else(|| "default".to_owned());
    let public_url = public_url(&platform.spec, &name, &namespace);
    Ok(Resolved {
        token_issuer: token_issuer(platform, &public_url),
        public_url,
        name,
        namespace,
        uid: metadata.uid.clone().unwrap_or_default(),
        generation: metadata.generation.unwrap_or_default(),
        allowed_networks: checks::allowed_networks(platform).unwrap_or_default(),
        spec: platform.spec.clone(),
        retry: annotation(platform, RETRY_ANNOTATION),
        backup_request: annotation(platform, BACKUP_ANNOTATION),
        restored: is_restored(platform),
        deletes_data: deletes_data(platform),
        data_versions: data_versions(platform),
    })
}

fn annotation(platform: &CreatorPlatform, name: &str) -> Option<String> {
    let all = platform.metadata.annotations.as_ref()?;
    all.get(name).cloned()
}

/// Once a backup was restored, it is not restored again, whatever becomes of its Job.
fn is_restored(platform: &CreatorPlatform) -> bool {
    let conditions = platform.status.iter().flat_map(|status| &status.conditions);
    let mut restored = conditions.filter(|one| one.kind == Component::Restore.condition());
    platform.spec.restore_from.is_some() && restored.any(|one| one.status == ConditionStatus::True)
}

/// Whether the deletion of data is asked for and confirmed by name.
fn deletes_data(platform: &CreatorPlatform) -> bool {
    platform.spec.deletion_policy == DataPolicy::Delete
        && annotation(platform, CONFIRM_DELETION_ANNOTATION) == platform.metadata.name
}

fn data_versions(platform: &CreatorPlatform) -> BTreeMap<Store, StoreVersion> {
    let stores = platform.status.iter().flat_map(|status| &status.stores);
    let known = stores.filter_map(|known| {
        let store = Store::ALL
            .into_iter()
            .find(|store| store.name() == known.name)?;
        Some((store, StoreVersion::parse(&known.version)?))
    });
    known.collect()
}

/// Checks a Tenant's spec by the rules of its schema: an older schema may have let it in.
///
/// # Errors
/// Every problem of the spec at once; nothing but a change of the spec mends it.
pub fn resolve_tenant(tenant: &Tenant) -> Result<(), Invalid> {
    let problems = schema_problems("Tenant", tenant);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Invalid { problems })
    }
}

/// What the schema says about a stored resource: an earlier version of it may have let it in.
fn schema_problems(kind: &str, resource: &impl Serialize) -> Vec<Problem> {
    let known = schema::of(kind).zip(serde_json::to_value(resource).ok());
    let Some((known, value)) = known else {
        return Vec::new();
    };
    // Nothing that was once reported may stand in the way of a spec.
    let mut wanted = value.clone();
    if let Some(fields) = wanted.as_object_mut() {
        fields.remove("status");
    }
    let shape = shape::problems(&known.schema, &wanted, "");
    if shape.is_empty() {
        broken_rules(&known.rules, &value, None)
    } else {
        shape
    }
}

/// Checks a resource that never was at the API server: its shape, then its rules. `old` is its
/// former state, for rules about changes.
pub fn admission(kind: &str, value: &Value, old: Option<&Value>) -> Vec<Problem> {
    let Some(known) = schema::of(kind) else {
        return Vec::new();
    };
    let shape = shape::problems(&known.schema, value, "");
    // Rules are written for values of the right shape: the server does not run them on others.
    if shape.is_empty() {
        broken_rules(&known.rules, value, old)
    } else {
        shape
    }
}

fn broken_rules(rules: &CompiledSchema, value: &Value, old: Option<&Value>) -> Vec<Problem> {
    let verdict = kube_cel::validate_compiled(rules, value, old);
    let errors = verdict
        .err()
        .map(kube_cel::ValidationErrors::into_vec)
        .unwrap_or_default();
    let problem = |error: kube_cel::ValidationError| Problem {
        path: error.field_path,
        wrong: error.message,
        remedy: String::new(),
    };
    errors.into_iter().map(problem).collect()
}

/// Where browsers reach the gateway of a stored platform.
pub fn public_url_of(platform: &CreatorPlatform) -> String {
    let metadata = &platform.metadata;
    let name = metadata.name.as_deref().unwrap_or_default();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    public_url(&platform.spec, name, namespace)
}

/// The issuer stays what it was when the hostname or the public URL changes: it is a name, and
/// every service refuses the tokens of another one.
fn token_issuer(platform: &CreatorPlatform, public_url: &str) -> String {
    let chosen = platform.spec.auth.issuer.as_ref();
    let status = platform.status.as_ref();
    let known = || status.and_then(|status| status.token_issuer.as_ref());
    let issuer = chosen.or_else(known).map(String::as_str);
    issuer.unwrap_or(public_url).to_owned()
}

fn public_url(spec: &CreatorPlatformSpec, name: &str, namespace: &str) -> String {
    let gateway = &spec.gateway;
    if let Some(url) = &gateway.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let secure = gateway
        .ingress
        .as_ref()
        .is_some_and(|ingress| ingress.tls.is_some());
    let scheme = if secure || gateway.http_route.is_some() {
        "https"
    } else {
        "http"
    };
    gateway.hostname.as_ref().map_or_else(
        || format!("http://{name}-gateway.{namespace}.svc"),
        |host| format!("{scheme}://{host}"),
    )
}
