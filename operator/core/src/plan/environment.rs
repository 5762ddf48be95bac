//! The environment of each service, by the names that its config reader knows.

use serde_json::{Value, json};
use shared_config::{Call, Retention, Service, Store, keys, limits};

use crate::api::ollama::ModelUse;
use crate::api::services::{Embedding, Generation};
use crate::api::stores::ExternalRedis;
use crate::api::workload::Variable;
use crate::plan::{chroma, foundation, model_servers, ollama, pod, postgres};
use crate::resolve::Resolved;
use crate::tenant::wish;

/// Audience of access tokens.
const AUDIENCE: &str = "creator-platform";

/// Every variable of a service, the operator's and the spec's.
pub(crate) fn of(resolved: &Resolved, service: Service) -> Vec<Value> {
    let mut env = shared(resolved, service);
    env.extend(match service {
        Service::Auth => auth(resolved),
        Service::CreatorHub => creator_hub(resolved),
        Service::AiEngine => ai_engine(resolved),
        Service::Channel => channel(resolved),
    });
    for given in &resolved.spec.services.workload(service).env {
        env.retain(|variable| variable["name"] != json!(given.name));
        env.push(own(given));
    }
    env
}

fn own(given: &Variable) -> Value {
    given.secret_key_ref.as_ref().map_or_else(
        || pod::variable(&given.name, given.value.clone().unwrap_or_default()),
        |from| pod::secret_variable(&given.name, &from.name, &from.key),
    )
}

fn shared(resolved: &Resolved, service: Service) -> Vec<Value> {
    let database = postgres::address(resolved);
    let secret = resolved.object_name(service.name());
    let internal = foundation::internal_secret(resolved);
    let mut env = vec![pod::variable(keys::LOG_LEVEL, "info")];
    env.extend(database.environment());
    env.extend([
        pod::variable(keys::DATABASE_USER, service.database_role()),
        pod::secret_variable(keys::DATABASE_PASSWORD, &secret, keys::DATABASE_PASSWORD),
    ]);
    env.extend(redis(resolved, service));
    let origins = &resolved.spec.gateway.cors_origins;
    if !origins.is_empty() {
        env.push(pod::variable(keys::CORS_ORIGINS, origins.join(",")));
    }
    // A gateway's pods may have public addresses, as in most networks of IPv6.
    let proxies = &resolved.spec.gateway.trusted_proxies;
    if !proxies.is_empty() {
        env.push(pod::variable(keys::TRUSTED_PROXIES, proxies.join(",")));
    }
    env.extend([
        pod::variable(keys::AUTH_URL, url(resolved, Service::Auth)),
        pod::variable(keys::PUBLIC_URL, &resolved.public_url),
        pod::variable(keys::TOKEN_ISSUER, &resolved.token_issuer),
        pod::variable(keys::TOKEN_AUDIENCE, AUDIENCE),
        pod::secret_variable(
            keys::INTERNAL_TOKEN_KEY,
            &internal,
            keys::INTERNAL_TOKEN_KEY,
        ),
    ]);
    let calls = Call::of(service);
    env.extend(calls.map(|call| pod::secret_variable(call.key, &internal, call.key)));
    env.extend(retention(resolved, service));
    if service != Service::AiEngine {
        env.push(default_quotas(resolved));
    }
    env
}

/// What accounts may use that have registered themselves.
fn default_quotas(resolved: &Resolved) -> Value {
    let quotas = wish::default_quotas(&resolved.spec.tenants);
    pod::variable(keys::DEFAULT_QUOTAS, json!(quotas).to_string())
}

fn retention(resolved: &Resolved, service: Service) -> impl Iterator<Item = Value> {
    let concerned = Retention::ALL
        .into_iter()
        .filter(move |r| r.concerns(service));
    concerned.filter_map(|setting| {
        let days = resolved.spec.retention.days(setting)?;
        Some(pod::variable(setting.key(), days.to_string()))
    })
}

fn redis(resolved: &Resolved, service: Service) -> Vec<Value> {
    if let Some(external) = &resolved.spec.redis.external {
        return external_redis(external);
    }
    let secret = resolved.object_name(service.name());
    vec![
        pod::variable(keys::REDIS_HOST, resolved.object_name(Store::Redis.name())),
        pod::variable(keys::REDIS_PORT, Store::Redis.port().to_string()),
        pod::variable(keys::REDIS_USERNAME, service.name()),
        pod::secret_variable(keys::REDIS_PASSWORD, &secret, keys::REDIS_PASSWORD),
    ]
}

fn external_redis(external: &ExternalRedis) -> Vec<Value> {
    let from = &external.password_secret_ref;
    let mut env = vec![
        pod::variable(keys::REDIS_HOST, &external.host),
        pod::variable(keys::REDIS_PORT, external.port.to_string()),
        pod::variable(keys::REDIS_USERNAME, &external.username),
        pod::secret_variable(keys::REDIS_PASSWORD, &from.name, &from.key),
    ];
    if external.tls {
        env.push(pod::variable(keys::REDIS_TLS, "true"));
    }
    if let Some(ca) = &external.ca_secret_ref {
        env.push(pod::secret_variable(keys::REDIS_CA, &ca.name, &ca.key));
    }
    env
}

fn auth(resolved: &Resolved) -> Vec<Value> {
    let rules = &resolved.spec.auth;
    let secret = resolved.object_name(Service::Auth.name());
    let access = rules.access_token_lifetime.seconds().to_string();
    let refresh = rules.refresh_token_lifetime.seconds().to_string();
    let session = rules.session_lifetime.seconds().to_string();
    let provisioning = foundation::provisioning_secret(&resolved.name);
    let mut env = vec![
        pod::secret_variable(
            keys::PROVISIONING_TOKEN,
            &provisioning,
            keys::PROVISIONING_TOKEN,
        ),
        pod::secret_variable(keys::SIGNING_SEED, &secret, keys::SIGNING_SEED),
        pod::secret_variable(keys::DATA_KEY, &secret, keys::DATA_KEY),
        pod::variable(keys::ACCESS_TOKEN_SECONDS, access),
        pod::variable(keys::REFRESH_TOKEN_SECONDS, refresh),
        pod::variable(keys::SESSION_SECONDS, session),
        pod::variable(keys::CREATOR_HUB_URL, url(resolved, Service::CreatorHub)),
        pod::variable(keys::AI_ENGINE_URL, url(resolved, Service::AiEngine)),
        pod::variable(keys::CHANNEL_URL, url(resolved, Service::Channel)),
        pod::variable(keys::SELF_REGISTRATION, rules.self_registration.name()),
        pod::variable(
            keys::PASSWORD_MIN_LENGTH,
            rules.password.min_length.to_string(),
        ),
    ];
    if let Some(server) = &rules.smtp_secret_ref {
        env.extend(smtp(&server.name));
    }
    env
}

/// The mail server, as its Secret names it; what is not in there has a default.
fn smtp(secret: &str) -> impl Iterator<Item = Value> {
    let needed = [keys::SMTP_HOST, keys::SMTP_FROM].map(|key| (key, false));
    let optional = [
        keys::SMTP_PORT,
        keys::SMTP_TLS,
        keys::SMTP_USERNAME,
        keys::SMTP_PASSWORD,
        keys::MAIL_LINK_BASE,
    ];
    let all = needed.into_iter().chain(optional.map(|key| (key, true)));
    all.map(move |(key, optional)| {
        let mut variable = pod::secret_variable(key, secret, key);
        if optional {
            variable["valueFrom"]["secretKeyRef"]["optional"] = json!(true);
        }
        variable
    })
}

fn creator_hub(resolved: &Resolved) -> Vec<Value> {
    let largest = resolved.spec.gateway.limits.upload_size.units();
    let mut env = vec![
        pod::variable(keys::AI_ENGINE_URL, url(resolved, Service::AiEngine)),
        pod::variable(keys::UPLOAD_DIR, "/data/uploads"),
        pod::variable(keys::UPLOAD_MAX_BYTES, largest.to_string()),
    ];
    if !resolved.allowed_networks.is_empty() {
        let networks = resolved.allowed_networks.to_string();
        env.push(pod::variable(keys::ALLOWED_NETWORKS, networks));
    }
    env
}

fn ai_engine(resolved: &Resolved) -> Vec<Value> {
    let service = &resolved.spec.services.ai_engine;
    let mode = service.answer_mode;
    let mut env = vec![
        pod::variable(keys::CREATOR_HUB_URL, url(resolved, Service::CreatorHub)),
        pod::variable(keys::OLLAMA_URL, ollama::url(resolved)),
        pod::variable(keys::CHROMA_URL, chroma::url(resolved)),
        pod::variable(keys::CHAT_MODEL, resolved.model(ModelUse::Chat)),
        pod::variable(keys::EMBEDDING_MODEL, resolved.model(ModelUse::Embedding)),
        pod::variable(keys::ANSWER_MODE, mode.name()),
    ];
    env.extend(queues(&service.generation, &service.embedding));
    env.extend(model_servers::environment(resolved));
    env
}

/// How many calls of models run and wait.
fn queues(generation: &Generation, embedding: &Embedding) -> impl Iterator<Item = Value> {
    let numbers = [
        (keys::GENERATION_SLOTS, generation.slots),
        (keys::GENERATION_QUEUE, generation.queue),
        (
            keys::GENERATION_QUEUE_PER_TENANT,
            generation.queue_per_tenant,
        ),
        (keys::GENERATION_QUEUE_SECONDS, generation.queue_seconds),
        (keys::QUOTE_AFTER_SECONDS, generation.quote_after_seconds),
        (keys::EMBEDDING_SLOTS, embedding.slots),
        (keys::EMBEDDING_QUEUE, embedding.queue),
        (keys::EMBEDDING_QUEUE_PER_TENANT, embedding.queue_per_tenant),
        (keys::INDEXED_DOCUMENTS, embedding.documents),
    ];
    let variable = |(key, number): (&str, i32)| pod::variable(key, number.to_string());
    numbers.into_iter().map(variable)
}

fn channel(resolved: &Resolved) -> Vec<Value> {
    let secret = resolved.object_name(Service::Channel.name());
    let demo = resolved.spec.services.channel.demo_page.to_string();
    let bounds = &resolved.spec.gateway.limits;
    let sockets = limits::sockets_per_process(bounds.sockets);
    vec![
        pod::variable(keys::AI_ENGINE_URL, url(resolved, Service::AiEngine)),
        pod::variable(keys::CREATOR_HUB_URL, url(resolved, Service::CreatorHub)),
        pod::secret_variable(keys::WIDGET_TOKEN_KEY, &secret, keys::WIDGET_TOKEN_KEY),
        pod::variable(keys::DEMO_PAGE, demo),
        pod::variable(keys::SOCKETS_PER_PROCESS, sockets.to_string()),
        pod::variable(
            keys::SOCKETS_PER_ADDRESS,
            bounds.sockets_per_address.to_string(),
        ),
    ]
}

fn url(resolved: &Resolved, service: Service) -> String {
    format!(
        "http://{}:{}",
        resolved.object_name(service.name()),
        service.port()
    )
}
