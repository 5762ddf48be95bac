//! Every environment variable of the platform: read by services, written by the operator.

/// Address of the public listener, `HOST:PORT`; default every address and the service's port.
pub const LISTEN_ADDR: &str = "LISTEN_ADDR";
/// Address of the metrics listener, `HOST:PORT`.
pub const METRICS_ADDR: &str = "METRICS_ADDR";
/// Ranges of peers, besides those with private addresses, that `X-Forwarded-For` is taken from,
/// separated by commas.
pub const TRUSTED_PROXIES: &str = "TRUSTED_PROXIES";
/// `error`, `warn`, `info`, `debug` or `trace`, or a filter per module.
pub const LOG_LEVEL: &str = "LOG_LEVEL";
/// Origins whose pages may call the APIs from a browser, separated by commas.
pub const CORS_ORIGINS: &str = "CORS_ORIGINS";

/// Host of PostgreSQL.
pub const DATABASE_HOST: &str = "DATABASE_HOST";
/// Port of PostgreSQL.
pub const DATABASE_PORT: &str = "DATABASE_PORT";
/// Database name.
pub const DATABASE_NAME: &str = "DATABASE_NAME";
/// Login role.
pub const DATABASE_USER: &str = "DATABASE_USER";
/// Password of the login role. Secret.
pub const DATABASE_PASSWORD: &str = "DATABASE_PASSWORD";
/// `disable`, `prefer`, `require`, `verify-ca` or `verify-full`.
pub const DATABASE_SSL_MODE: &str = "DATABASE_SSL_MODE";
/// Certificates of the authority that PostgreSQL's certificate is verified with, PEM.
pub const DATABASE_CA: &str = "DATABASE_CA";
/// Connections of this process's pool.
pub const DATABASE_MAX_CONNECTIONS: &str = "DATABASE_MAX_CONNECTIONS";

/// Host of Redis.
pub const REDIS_HOST: &str = "REDIS_HOST";
/// Port of Redis.
pub const REDIS_PORT: &str = "REDIS_PORT";
/// ACL user; empty for the default user.
pub const REDIS_USERNAME: &str = "REDIS_USERNAME";
/// Password of the ACL user. Secret.
pub const REDIS_PASSWORD: &str = "REDIS_PASSWORD";
/// `true`: the connection is encrypted, and Redis's certificate is verified.
pub const REDIS_TLS: &str = "REDIS_TLS";
/// Certificates of the authority that Redis's certificate is verified with, PEM; by default those
/// of the web.
pub const REDIS_CA: &str = "REDIS_CA";

/// Days that jobs which succeeded are kept.
pub const RETENTION_FINISHED_JOBS_DAYS: &str = "RETENTION_FINISHED_JOBS_DAYS";
/// Days that jobs which failed are kept.
pub const RETENTION_FAILED_JOBS_DAYS: &str = "RETENTION_FAILED_JOBS_DAYS";
/// Days that sessions, API keys and invitations are kept after their end.
pub const RETENTION_ENDED_ACCESS_DAYS: &str = "RETENTION_ENDED_ACCESS_DAYS";
/// Days that emails are kept that were sent or given up.
pub const RETENTION_EMAILS_DAYS: &str = "RETENTION_EMAILS_DAYS";
/// Days that records of usage are kept.
pub const RETENTION_USAGE_DAYS: &str = "RETENTION_USAGE_DAYS";
/// Days that conversations are kept after their last message; without it, always.
pub const RETENTION_CONVERSATIONS_DAYS: &str = "RETENTION_CONVERSATIONS_DAYS";

/// Base URL of auth, without prefix.
pub const AUTH_URL: &str = "AUTH_URL";
/// Base URL of creator-hub, without prefix.
pub const CREATOR_HUB_URL: &str = "CREATOR_HUB_URL";
/// Base URL of ai-engine, without prefix.
pub const AI_ENGINE_URL: &str = "AI_ENGINE_URL";
/// Base URL of channel, without prefix.
pub const CHANNEL_URL: &str = "CHANNEL_URL";
/// Base URL of Ollama.
pub const OLLAMA_URL: &str = "OLLAMA_URL";
/// Base URL of Chroma.
pub const CHROMA_URL: &str = "CHROMA_URL";
/// Where browsers reach the gateway, for links and the embed snippet.
pub const PUBLIC_URL: &str = "PUBLIC_URL";

/// `iss` of access tokens.
pub const TOKEN_ISSUER: &str = "TOKEN_ISSUER";
/// `aud` of access tokens.
pub const TOKEN_AUDIENCE: &str = "TOKEN_AUDIENCE";
/// Key of the calls between services in versions that had one for all of them. Secret; signs what
/// those versions read, and is left out when none of them runs any more.
pub const INTERNAL_TOKEN_KEY: &str = "INTERNAL_TOKEN_KEY";
/// `true` while services of a version that had one key for all are replaced: their calls are
/// accepted.
pub const ACCEPT_INTERNAL_TOKEN_KEY: &str = "ACCEPT_INTERNAL_TOKEN_KEY";
/// Key of the calls of auth to creator-hub. Secret, 32 bytes or more.
pub const AUTH_TO_CREATOR_HUB_KEY: &str = "AUTH_TO_CREATOR_HUB_KEY";
/// Key of the calls of auth to ai-engine. Secret, 32 bytes or more.
pub const AUTH_TO_AI_ENGINE_KEY: &str = "AUTH_TO_AI_ENGINE_KEY";
/// Key of the calls of auth to channel. Secret, 32 bytes or more.
pub const AUTH_TO_CHANNEL_KEY: &str = "AUTH_TO_CHANNEL_KEY";
/// Key of the calls of creator-hub to auth. Secret, 32 bytes or more.
pub const CREATOR_HUB_TO_AUTH_KEY: &str = "CREATOR_HUB_TO_AUTH_KEY";
/// Key of the calls of creator-hub to ai-engine. Secret, 32 bytes or more.
pub const CREATOR_HUB_TO_AI_ENGINE_KEY: &str = "CREATOR_HUB_TO_AI_ENGINE_KEY";
/// Key of the calls of ai-engine to auth. Secret, 32 bytes or more.
pub const AI_ENGINE_TO_AUTH_KEY: &str = "AI_ENGINE_TO_AUTH_KEY";
/// Key of the calls of ai-engine to creator-hub. Secret, 32 bytes or more.
pub const AI_ENGINE_TO_CREATOR_HUB_KEY: &str = "AI_ENGINE_TO_CREATOR_HUB_KEY";
/// Key of the calls of channel to auth. Secret, 32 bytes or more.
pub const CHANNEL_TO_AUTH_KEY: &str = "CHANNEL_TO_AUTH_KEY";
/// Key of the calls of channel to creator-hub. Secret, 32 bytes or more.
pub const CHANNEL_TO_CREATOR_HUB_KEY: &str = "CHANNEL_TO_CREATOR_HUB_KEY";
/// Key of the calls of channel to ai-engine. Secret, 32 bytes or more.
pub const CHANNEL_TO_AI_ENGINE_KEY: &str = "CHANNEL_TO_AI_ENGINE_KEY";

/// Bearer token of the operator for auth's tenants API. Secret; without it the API is not served.
pub const PROVISIONING_TOKEN: &str = "PROVISIONING_TOKEN";
/// Address of auth's tenants API, `HOST:PORT`; default port 9001 of every address.
pub const INTERNAL_LISTEN_ADDR: &str = "INTERNAL_LISTEN_ADDR";

/// Ed25519 seed that signs access tokens: 32 bytes, base64. Secret, auth only.
pub const SIGNING_SEED: &str = "SIGNING_SEED";
/// Days that a key signs before the next one takes over.
pub const SIGNING_KEY_DAYS: &str = "SIGNING_KEY_DAYS";
/// Key that encrypts secrets at rest: 32 bytes, base64. Secret, auth only.
pub const DATA_KEY: &str = "DATA_KEY";
/// The previous `DATA_KEY` during a rotation: it decrypts, and the current key re-encrypts.
pub const DATA_KEY_PREVIOUS: &str = "DATA_KEY_PREVIOUS";
/// `true`: only users with a verified email address may sign in.
pub const VERIFIED_EMAIL_REQUIRED: &str = "VERIFIED_EMAIL_REQUIRED";
/// Lifetime of an access token, seconds.
pub const ACCESS_TOKEN_SECONDS: &str = "ACCESS_TOKEN_SECONDS";
/// Lifetime of a refresh token, seconds.
pub const REFRESH_TOKEN_SECONDS: &str = "REFRESH_TOKEN_SECONDS";
/// Longest lifetime of a session, however often it is renewed, seconds.
pub const SESSION_SECONDS: &str = "SESSION_SECONDS";
/// `open`, `inviteOnly` or `closed`.
pub const SELF_REGISTRATION: &str = "SELF_REGISTRATION";
/// Fewest characters of a password, 8 to 128.
pub const PASSWORD_MIN_LENGTH: &str = "PASSWORD_MIN_LENGTH";
/// Grace period in which an owner may cancel an erasure, seconds; 0 erases at once.
pub const ERASURE_GRACE_SECONDS: &str = "ERASURE_GRACE_SECONDS";
/// Argon2id memory, KiB.
pub const ARGON2_MEMORY_KIB: &str = "ARGON2_MEMORY_KIB";
/// Argon2id passes.
pub const ARGON2_ITERATIONS: &str = "ARGON2_ITERATIONS";
/// Password hashes computed at once.
pub const ARGON2_CONCURRENCY: &str = "ARGON2_CONCURRENCY";

/// Source of breached passwords: the path of a sorted file of SHA-1 hashes, or the URL of a range
/// service; off by default.
pub const BREACHED_PASSWORDS: &str = "BREACHED_PASSWORDS";
/// SMTP server; without one, emails wait in the outbox.
pub const SMTP_HOST: &str = "SMTP_HOST";
/// Port of the SMTP server; default 587, 465 or 25 depending on `SMTP_TLS`.
pub const SMTP_PORT: &str = "SMTP_PORT";
/// `starttls` (default), `implicit` or `none`.
pub const SMTP_TLS: &str = "SMTP_TLS";
/// Sender address of emails.
pub const SMTP_FROM: &str = "SMTP_FROM";
/// User name at the SMTP server; empty for no authentication.
pub const SMTP_USERNAME: &str = "SMTP_USERNAME";
/// Password at the SMTP server. Secret.
pub const SMTP_PASSWORD: &str = "SMTP_PASSWORD";
/// Base URL of the pages that links in emails point to; without one, emails carry codes.
pub const MAIL_LINK_BASE: &str = "MAIL_LINK_BASE";

/// Folder of uploaded files.
pub const UPLOAD_DIR: &str = "UPLOAD_DIR";
/// Largest upload, bytes.
pub const UPLOAD_MAX_BYTES: &str = "UPLOAD_MAX_BYTES";

/// JSON object of the quotas of accounts for which no Tenant resource sets any.
pub const DEFAULT_QUOTAS: &str = "DEFAULT_QUOTAS";

/// Networks outside of the public internet that sites of creators may be in, separated by commas.
pub const ALLOWED_NETWORKS: &str = "ALLOWED_NETWORKS";

/// Chat model, an Ollama name.
pub const CHAT_MODEL: &str = "CHAT_MODEL";
/// Embedding model, an Ollama name.
pub const EMBEDDING_MODEL: &str = "EMBEDDING_MODEL";
/// `generative`, `extractive` or `auto`: the default mode of answers.
pub const ANSWER_MODE: &str = "ANSWER_MODE";
/// Answers of the chat model that one process has written at the same time.
pub const GENERATION_SLOTS: &str = "GENERATION_SLOTS";
/// Questions that wait for one of them.
pub const GENERATION_QUEUE: &str = "GENERATION_QUEUE";
/// Those of one account.
pub const GENERATION_QUEUE_PER_TENANT: &str = "GENERATION_QUEUE_PER_TENANT";
/// The longest wait of a question that only the chat model may answer.
pub const GENERATION_QUEUE_SECONDS: &str = "GENERATION_QUEUE_SECONDS";
/// A question in the mode `auto` that would wait longer is answered with quotations.
pub const QUOTE_AFTER_SECONDS: &str = "QUOTE_AFTER_SECONDS";
/// Questions that one process has embedded at the same time.
pub const EMBEDDING_SLOTS: &str = "EMBEDDING_SLOTS";
/// Questions that wait for that.
pub const EMBEDDING_QUEUE: &str = "EMBEDDING_QUEUE";
/// Those of one account.
pub const EMBEDDING_QUEUE_PER_TENANT: &str = "EMBEDDING_QUEUE_PER_TENANT";
/// Documents that one process indexes at the same time.
pub const INDEXED_DOCUMENTS: &str = "INDEXED_DOCUMENTS";
/// JSON list of the models that the models Job makes available.
pub const MODELS: &str = "MODELS";

/// JSON list of the model servers that are asked before Ollama, in order of preference.
pub const MODEL_SERVERS: &str = "MODEL_SERVERS";
/// Before the name of a model server: its API key. Secret.
pub const MODEL_SERVER_KEY_PREFIX: &str = "MODEL_SERVER_KEY_";
/// Before the name of a model server: the certificates of its authority, PEM.
pub const MODEL_SERVER_CA_PREFIX: &str = "MODEL_SERVER_CA_";

/// Key that signs visitor tokens of the widget. Secret, 32 bytes or more.
pub const WIDGET_TOKEN_KEY: &str = "WIDGET_TOKEN_KEY";
/// `true` serves the demo page of the widget.
pub const DEMO_PAGE: &str = "DEMO_PAGE";
/// Live sockets that one process of channel accepts.
pub const SOCKETS_PER_PROCESS: &str = "SOCKETS_PER_PROCESS";
/// Live sockets that one process of channel accepts from one address (IPv6: one /64).
pub const SOCKETS_PER_ADDRESS: &str = "SOCKETS_PER_ADDRESS";

/// Administrator as which `migrate` creates roles.
pub const ADMIN_USER: &str = "ADMIN_USER";
/// Password of that administrator. Secret.
pub const ADMIN_PASSWORD: &str = "ADMIN_PASSWORD";
/// Password that `migrate` sets for `platform_migrator`. Secret.
pub const MIGRATOR_PASSWORD: &str = "MIGRATOR_PASSWORD";
/// Password that `migrate` sets for auth's role. Secret.
pub const AUTH_DATABASE_PASSWORD: &str = "AUTH_DATABASE_PASSWORD";
/// Password that `migrate` sets for creator-hub's role. Secret.
pub const CREATOR_HUB_DATABASE_PASSWORD: &str = "CREATOR_HUB_DATABASE_PASSWORD";
/// Password that `migrate` sets for ai-engine's role. Secret.
pub const AI_ENGINE_DATABASE_PASSWORD: &str = "AI_ENGINE_DATABASE_PASSWORD";
/// Password that `migrate` sets for channel's role. Secret.
pub const CHANNEL_DATABASE_PASSWORD: &str = "CHANNEL_DATABASE_PASSWORD";
/// Longest wait of a migration for a lock, seconds.
pub const LOCK_TIMEOUT_SECONDS: &str = "LOCK_TIMEOUT_SECONDS";
/// Longest statement of a migration, seconds; 0 is no limit.
pub const STATEMENT_TIMEOUT_SECONDS: &str = "STATEMENT_TIMEOUT_SECONDS";
/// File for the termination message of a Job; Kubernetes copies it into the pod's status.
pub const TERMINATION_LOG: &str = "TERMINATION_LOG";

/// The variable that carries the password of a service's database role to `migrate`.
pub const fn database_password_of(service: crate::Service) -> &'static str {
    match service {
        crate::Service::Auth => AUTH_DATABASE_PASSWORD,
        crate::Service::CreatorHub => CREATOR_HUB_DATABASE_PASSWORD,
        crate::Service::AiEngine => AI_ENGINE_DATABASE_PASSWORD,
        crate::Service::Channel => CHANNEL_DATABASE_PASSWORD,
    }
}

/// The variable with the API key of the model server of that name.
pub fn model_server_key(server: &str) -> String {
    of_model_server(MODEL_SERVER_KEY_PREFIX, server)
}

/// The variable with the certificates of the authority of the model server of that name.
pub fn model_server_ca(server: &str) -> String {
    of_model_server(MODEL_SERVER_CA_PREFIX, server)
}

/// Whether a variable is one of a model server.
pub fn is_of_model_server(name: &str) -> bool {
    name.starts_with(MODEL_SERVER_KEY_PREFIX) || name.starts_with(MODEL_SERVER_CA_PREFIX)
}

/// Names of servers have lower-case letters, digits and hyphens, so no two give one variable.
fn of_model_server(prefix: &str, server: &str) -> String {
    format!("{prefix}{}", server.to_ascii_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_server_has_variables_of_its_own() {
        assert_eq!(model_server_key("vllm-1"), "MODEL_SERVER_KEY_VLLM_1");
        assert_eq!(model_server_ca("vllm-1"), "MODEL_SERVER_CA_VLLM_1");
        assert!(is_of_model_server(&model_server_key("x")));
        assert!(is_of_model_server(&model_server_ca("x")));
        assert!(!is_of_model_server(MODEL_SERVERS));
    }
}
