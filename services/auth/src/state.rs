//! The state that all handlers and jobs share.

use std::sync::Arc;

use axum::extract::FromRef;
use shared_auth::{RevocationPublisher, TokenVerifier};
use shared_cache::Cache;
use shared_config::Service;
use shared_crypto::Encryptor;
use shared_db::Db;
use shared_events::EventBus;
use shared_jobs::JobQueue;
use shared_jobs::retention::RetentionSettings;
use shared_quota::QuotaGuard;
use shared_rpc::{TokenSource, http_client};
use shared_web::serve::StartError;
use tokio::sync::OnceCell;

use crate::app::mailer::Mailer;
use crate::app::privacy::setup::Privacy;
use crate::app::security::api_key_resolver::ApiKeyResolver;
use crate::app::security::key_ring::KeyRing;
use crate::app::security::password_hasher::PasswordHasher;
use crate::clients::breached_passwords::BreachedPasswords;
use crate::clients::tenant_data::TenantDataClients;
use crate::config::Config;
use crate::domain::access_token::Signer;
use crate::domain::owner_invitation::InvitationKey;
use crate::domain::password::PasswordRules;
use crate::domain::refresh_token::{SessionLifetimes, SuccessorKey};
use crate::domain::registration::Registration;

/// The parts of a running service; clones share them.
#[derive(Debug, Clone, FromRef)]
pub struct AppState {
    pub(crate) db: Db,
    pub(crate) retention: RetentionSettings,
    pub(crate) cache: Cache,
    pub(crate) jobs: JobQueue,
    pub(crate) events: EventBus,
    pub(crate) verifier: TokenVerifier,
    pub(crate) revocations: RevocationPublisher,
    pub(crate) signer: Signer,
    pub(crate) key_ring: KeyRing,
    pub(crate) password_hasher: PasswordHasher,
    pub(crate) accounts: AccountSettings,
    pub(crate) tenants: TenantSettings,
    pub(crate) api_key_resolver: ApiKeyResolver,
    pub(crate) encryptor: Encryptor,
    pub(crate) mailer: Mailer,
    pub(crate) breached_passwords: BreachedPasswords,
    pub(crate) privacy: Privacy,
    pub(crate) quotas: QuotaGuard,
}

/// What accounts of Tenant resources are created with.
#[derive(Debug, Clone)]
pub(crate) struct TenantSettings {
    pub(crate) invitation_key: InvitationKey,
    pub(crate) dummy_hash: Arc<OnceCell<String>>,
}

/// The rules for accounts.
#[derive(Debug, Clone)]
pub(crate) struct AccountSettings {
    pub(crate) registration: Registration,
    pub(crate) verified_email_required: bool,
    pub(crate) password_rules: PasswordRules,
    pub(crate) successors: SuccessorKey,
    pub(crate) lifetimes: SessionLifetimes,
}

impl AccountSettings {
    fn new(config: &Config) -> Self {
        let seed = config.tokens.seed.expose();
        Self {
            registration: config.registration,
            verified_email_required: config.verified_email_required,
            password_rules: PasswordRules::new(config.password_min_length),
            successors: SuccessorKey::derive(seed),
            lifetimes: SessionLifetimes {
                renewal_seconds: config.tokens.refresh_ttl.as_secs_f64(),
                total_seconds: config.tokens.session_ttl.as_secs_f64(),
            },
        }
    }
}

impl AppState {
    /// Builds the state without connecting to anything.
    pub fn new(config: &Config) -> Result<Self, StartError> {
        let tokens = &config.tokens;
        let seed = tokens.seed.expose();
        let rules = &config.verifier;
        let signer = Signer::new(seed, &rules.issuer, &rules.audience, tokens.access_ttl)
            .map_err(|error| StartError::setup("SIGNING_SEED", error))?;
        let encryptor = Encryptor::new(&config.data_keys);
        let http = http_client::new()?;
        let cache = Cache::new(&config.cache)?;
        let breached_passwords = BreachedPasswords::new(config.breached.clone(), http.clone());
        let db = Db::new(&config.database);
        let jobs = JobQueue::new(Service::Auth, cache.clone());
        let api_key_resolver = ApiKeyResolver::new(db.clone());
        let verifier = TokenVerifier::new(Service::Auth, rules.clone(), http.clone())
            .with_revocations(cache.clone(), &db)
            .with_api_key_resolver(Arc::new(api_key_resolver.clone()));
        verifier.replace_keys(&signer.key_set());
        let revocations = RevocationPublisher::new(cache.clone(), &db, signer.access_ttl());
        let token_source: Arc<dyn TokenSource> = Arc::new(verifier.signer().clone());
        let services = TenantDataClients::new(&config.privacy, &http, &token_source);
        let privacy = Privacy::new(config.privacy.clone(), services);
        let key_ring = KeyRing {
            signer: signer.clone(),
            bootstrap: tokens.seed.clone(),
            period: tokens.key_period,
            db: db.clone(),
            cache: cache.clone(),
            encryptor: encryptor.clone(),
            verifier: verifier.clone(),
            revocations: revocations.clone(),
            loaded: Arc::default(),
            reload_lock: Arc::default(),
        };
        Ok(Self {
            db,
            retention: config.retention.clone(),
            events: EventBus::new(cache.clone()),
            cache,
            verifier,
            revocations,
            signer,
            key_ring,
            password_hasher: PasswordHasher::new(config.hashing)
                .map_err(|error| StartError::setup("ARGON2_*", error.to_string()))?,
            tenants: TenantSettings {
                invitation_key: InvitationKey::derive(seed),
                dummy_hash: Arc::default(),
            },
            accounts: AccountSettings::new(config),
            api_key_resolver,
            mailer: Mailer::new(&config.mail, encryptor.clone(), jobs.clone())
                .map_err(|error| StartError::setup("SMTP_*", error))?,
            jobs,
            breached_passwords,
            privacy,
            quotas: config.quotas.clone(),
            encryptor,
        })
    }
}
