//! Checks that span sections or look into free-form parts, beyond what the schema can say.

use semver::Version;
use shared_config::{Retention, Service, keys};
use shared_egress::{AllowedNetworks, BadNetworks};

use super::{Problem, SUPPORTED, addresses, backups, pods};
use crate::api::CreatorPlatform;
use crate::api::model_servers::ServedUse;
use crate::api::ollama::ModelUse;
use crate::api::workload::Workload;

/// Variables that the operator writes itself.
const RESERVED: [&str; 69] = [
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
    keys::AUTH_TO_CREATOR_HUB_KEY,
    keys::AUTH_TO_AI_ENGINE_KEY,
    keys::AUTH_TO_CHANNEL_KEY,
    keys::CREATOR_HUB_TO_AUTH_KEY,
    keys::CREATOR_HUB_TO_AI_ENGINE_KEY,
    keys::AI_ENGINE_TO_AUTH_KEY,
    keys::AI_ENGINE_TO_CREATOR_HUB_KEY,
    keys::CHANNEL_TO_AUTH_KEY,
    keys::CHANNEL_TO_CREATOR_HUB_KEY,
    keys::CHANNEL_TO_AI_ENGINE_KEY,
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
    keys::PROVISIONING_TOKEN,
];
/// Variables that come from the Secret of the mail server, where the spec names one.
const MAIL: [&str; 7] = [
    keys::SMTP_HOST,
    keys::SMTP_FROM,
    keys::SMTP_PORT,
    keys::SMTP_TLS,
    keys::SMTP_USERNAME,
    keys::SMTP_PASSWORD,
    keys::MAIL_LINK_BASE,
];

/// Every problem that only code can see.
pub(super) fn problems(platform: &CreatorPlatform) -> Vec<Problem> {
    let mut found = Vec::new();
    version(&platform.spec.version, &mut found);
    networks(platform, &mut found);
    embeddings(platform, &mut found);
    pods::problems(platform, &mut found);
    addresses::problems(platform, &mut found);
    backups::problems(platform, &mut found);
    for service in Service::ALL {
        let path = format!("spec.services.{}", section(service));
        let mail = platform.spec.auth.smtp_secret_ref.is_some();
        workload(
            &path,
            platform.spec.services.workload(service),
            mail,
            &mut found,
        );
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

fn workload(path: &str, workload: &Workload, mail: bool, found: &mut Vec<Problem>) {
    for variable in &workload.env {
        if is_reserved(&variable.name, mail) {
            found.push(Problem {
                path: format!("{path}.env[{}]", variable.name),
                wrong: "the operator sets this variable itself".to_owned(),
                remedy: "remove it and use the section of the spec that configures it".to_owned(),
            });
        }
    }
}

fn is_reserved(name: &str, mail: bool) -> bool {
    RESERVED.contains(&name)
        || (mail && MAIL.contains(&name))
        || Retention::ALL.iter().any(|setting| setting.key() == name)
        || keys::is_of_model_server(name)
}

/// The name of the section of a service.
pub(super) const fn section(service: Service) -> &'static str {
    match service {
        Service::Auth => "auth",
        Service::CreatorHub => "creatorHub",
        Service::AiEngine => "aiEngine",
        Service::Channel => "channel",
    }
}
