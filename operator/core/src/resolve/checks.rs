//! Checks that span sections or look into free-form parts, beyond what the schema can say.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use semver::Version;
use serde_json::{Value, json};
use shared_config::{Service, keys};
use shared_egress::{AllowedNetworks, BadNetworks};

use super::{Problem, SUPPORTED, pod_template};
use crate::api::CreatorPlatform;
use crate::api::model_servers::ServedUse;
use crate::api::ollama::ModelUse;
use crate::api::workload::Workload;

/// Variables that the operator writes itself.
const RESERVED: [&str; 58] = [
    keys::LISTEN_ADDR,
    keys::METRICS_ADDR,
    keys::TRUSTED_PROXIES,
    keys::DATABASE_HOST,
    keys::DATABASE_PORT,
    keys::DATABASE_NAME,
    keys::DATABASE_USER,
    keys::DATABASE_PASSWORD,
    keys::DATABASE_SSL_MODE,
    keys::DATABASE_CA,
    keys::REDIS_HOST,
    keys::REDIS_PORT,
    keys::REDIS_USERNAME,
    keys::REDIS_PASSWORD,
    keys::REDIS_TLS,
    keys::REDIS_CA,
    keys::AUTH_URL,
    keys::CREATOR_HUB_URL,
    keys::AI_ENGINE_URL,
    keys::CHANNEL_URL,
    keys::CORS_ORIGINS,
    keys::OLLAMA_URL,
    keys::CHROMA_URL,
    keys::PUBLIC_URL,
    keys::TOKEN_ISSUER,
    keys::TOKEN_AUDIENCE,
    keys::INTERNAL_TOKEN_KEY,
    keys::SIGNING_SEED,
    keys::DATA_KEY,
    keys::ACCESS_TOKEN_SECONDS,
    keys::REFRESH_TOKEN_SECONDS,
    keys::SESSION_SECONDS,
    keys::SELF_REGISTRATION,
    keys::PASSWORD_MIN_LENGTH,
    keys::UPLOAD_DIR,
    keys::UPLOAD_MAX_BYTES,
    keys::ALLOWED_NETWORKS,
    keys::DEFAULT_QUOTAS,
    keys::CHAT_MODEL,
    keys::EMBEDDING_MODEL,
    keys::ANSWER_MODE,
    keys::GENERATION_SLOTS,
    keys::GENERATION_QUEUE,
    keys::GENERATION_QUEUE_PER_TENANT,
    keys::GENERATION_QUEUE_SECONDS,
    keys::QUOTE_AFTER_SECONDS,
    keys::EMBEDDING_SLOTS,
    keys::EMBEDDING_QUEUE,
    keys::EMBEDDING_QUEUE_PER_TENANT,
    keys::INDEXED_DOCUMENTS,
    keys::MODELS,
    keys::MODEL_SERVERS,
    keys::WIDGET_TOKEN_KEY,
    keys::DEMO_PAGE,
    keys::SOCKETS_PER_PROCESS,
    keys::SOCKETS_PER_ADDRESS,
    keys::ADMIN_PASSWORD,
    keys::MIGRATOR_PASSWORD,
];

/// Every problem that only code can see.
pub(super) fn problems(platform: &CreatorPlatform) -> Vec<Problem> {
    let mut found = Vec::new();
    version(&platform.spec.version, &mut found);
    networks(platform, &mut found);
    embeddings(platform, &mut found);
    for service in Service::ALL {
        let path = format!("spec.services.{}", section(service));
        workload(&path, platform.spec.services.workload(service), &mut found);
    }
    found
}

/// Compared as versions, not as texts: `0.1.0-rc.1` is one of ours, `0.2.0-rc.1` and `0.10.0` are
/// not, and `latest` is none at all.
fn version(version: &str, found: &mut Vec<Problem>) {
    let (major, minor) = SUPPORTED;
    let wrong = match Version::parse(version) {
        Ok(given) if (given.major, given.minor) == SUPPORTED => return,
        Ok(_) => format!("this operator manages versions {major}.{minor}.x, not {version}"),
        Err(error) => format!(
            "{version} is not a version such as {major}.{minor}.0 ({error}), and this operator \
             manages versions {major}.{minor}.x"
        ),
    };
    found.push(Problem {
        path: "spec.version".to_owned(),
        wrong,
        remedy: "set a version that it manages, or install an operator of that version; \
                 spec.images takes images of any tag"
            .to_owned(),
    });
}

/// The networks that the spec lists.
pub(super) fn allowed_networks(platform: &CreatorPlatform) -> Result<AllowedNetworks, BadNetworks> {
    let egress = platform.spec.egress.iter();
    let listed = egress.flat_map(|egress| &egress.allowed_networks);
    AllowedNetworks::parse(listed.map(String::as_str))
}

/// The schema admits what looks like a range; whether it is one that may be listed is decided here.
fn networks(platform: &CreatorPlatform, found: &mut Vec<Problem>) {
    if let Err(error) = allowed_networks(platform) {
        found.push(Problem {
            path: "spec.egress.allowedNetworks".to_owned(),
            wrong: error.to_string(),
            remedy: "list only the networks that the sites of creators are in".to_owned(),
        });
    }
}

/// Vectors of different models cannot be compared. As a rule of the schema this would cost more
/// than the API server allows: it compares each model with each.
fn embeddings(platform: &CreatorPlatform, found: &mut Vec<Problem>) {
    let own = platform.spec.ollama.model(ModelUse::Embedding);
    for server in &platform.spec.model_servers {
        let model = server.model(ServedUse::Embeddings);
        if let Some(model) = model.filter(|model| *model != own) {
            found.push(Problem {
                path: format!("spec.modelServers[{}].models", server.name),
                wrong: format!(
                    "{model} cannot make embeddings beside {own} of spec.ollama.models: vectors of \
                     different models cannot be compared"
                ),
                remedy: "list the same model, under the same name, or leave embeddings to Ollama"
                    .to_owned(),
            });
        }
    }
}

fn workload(path: &str, workload: &Workload, found: &mut Vec<Problem>) {
    for variable in &workload.env {
        let name = variable.name.as_str();
        if RESERVED.contains(&name) || keys::is_of_model_server(name) {
            found.push(Problem {
                path: format!("{path}.env[{}]", variable.name),
                wrong: "the operator sets this variable itself".to_owned(),
                remedy: "remove it and use the section of the spec that configures it".to_owned(),
            });
        }
    }
    let Some(template) = &workload.pod_template else {
        return;
    };
    let mut probe = Value::Object(template.clone());
    if let Some(spec) = probe.get_mut("spec").and_then(Value::as_object_mut) {
        spec.entry("containers").or_insert_with(|| json!([]));
    }
    if let Err(error) = serde_json::from_value::<PodTemplateSpec>(probe) {
        found.push(Problem {
            path: format!("{path}.podTemplate"),
            wrong: format!("is not a valid pod template: {error}"),
            remedy: "see `kubectl explain pod.spec`".to_owned(),
        });
    }
    for field in pod_template::forbidden(template) {
        found.push(Problem {
            path: format!("{path}.podTemplate{field}"),
            wrong: "an override may not set this field, or not to this value".to_owned(),
            remedy: "remove it; SECURITY.md says what an override may change".to_owned(),
        });
    }
}

const fn section(service: Service) -> &'static str {
    match service {
        Service::Auth => "auth",
        Service::CreatorHub => "creatorHub",
        Service::AiEngine => "aiEngine",
        Service::Channel => "channel",
    }
}
