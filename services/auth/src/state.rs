//! What every handler has at hand.

use std::sync::Arc;

use axum::extract::FromRef;
use shared_auth::{Subject, TokenVerifier};
use shared_cache::Cache;
use shared_config::Service;
use shared_db::Db;
use shared_rpc::http_client;
use shared_web::serve::ServeError;
use tokio::sync::OnceCell;

use crate::api_keys::ApiKeys;
use crate::breached::Breached;
use crate::config::Config;
use crate::domain::invitation::InvitationKey;
use crate::domain::password::PasswordRules;
use crate::domain::refresh_token::SuccessorKey;
use crate::domain::registration::Registration;
use crate::domain::token::Signer;
use crate::error::Error;
use crate::hashing::Hashing;
use crate::key_ring::KeyRing;
use crate::mail::Post;
use crate::privacy::Privacy;
use shared_crypto::Encryptor;

/// The parts of a running service; clones share them.
#[derive(Debug, Clone, FromRef)]
pub struct AppState {
    pub(crate) db: Db,
    pub(crate) cache: Cache,
    pub(crate) verifier: TokenVerifier,
    pub(crate) signer: Signer,
    pub(crate) key_ring: KeyRing,
    pub(crate) hashing: Hashing,
    pub(crate) accounts: AccountSettings,
    pub(crate) tenants: TenantSettings,
    pub(crate) api_keys: ApiKeys,
    pub(crate) encryptor: Encryptor,
    pub(crate) post: Post,
    pub(crate) breached: Breached,
    pub(crate) privacy: Privacy,
}

/// What accounts that a resource describes are made with.
#[derive(Debug, Clone)]
pub(crate) struct TenantSettings {
    pub(crate) invitations: InvitationKey,
    pub(crate) nobodys_hash: Arc<OnceCell<String>>,
}

/// The rules of accounts.
#[derive(Debug, Clone)]
pub(crate) struct AccountSettings {
    pub(crate) registration: Registration,
    pub(crate) verified_email_required: bool,
    pub(crate) passwords: PasswordRules,
    pub(crate) successors: SuccessorKey,
    pub(crate) refresh_seconds: f64,
}

impl AccountSettings {
    fn new(config: &Config) -> Self {
        let seed = config.tokens.seed.expose();
        Self {
            registration: config.registration,
            verified_email_required: config.verified_email_required,
            passwords: PasswordRules::new(config.password_min_length),
            successors: SuccessorKey::derive(seed),
            refresh_seconds: config.tokens.refresh_life.as_secs_f64(),
        }
    }
}

impl AppState {
    /// Builds the parts; connects to nothing.
    pub fn new(config: &Config) -> Result<Self, ServeError> {
        let (tokens, seed) = (&config.tokens, config.tokens.seed.expose());
        let rules = &config.verifier;
        let signer = Signer::new(seed, &rules.issuer, &rules.audience, tokens.access_life)
            .map_err(|error| ServeError::Start(format!("SIGNING_SEED: {error}")))?;
        let encryptor = Encryptor::new(&config.data_keys);
        let http = http_client::new().map_err(|error| ServeError::Start(error.to_string()))?;
        let cache = Cache::new(&config.cache)
            .map_err(|error| ServeError::Start(format!("REDIS_HOST: {error}")))?;
        let breached = Breached::new(config.breached.clone(), http.clone());
        let privacy = Privacy::new(config.privacy.clone(), http.clone());
        let verifier =
            TokenVerifier::new(Service::Auth, rules.clone(), http).with_revocations(cache.clone());
        let db = Db::new(&config.database);
        let api_keys = ApiKeys::new(db.clone());
        let verifier = verifier.with_api_key_resolver(Arc::new(api_keys.clone()));
        verifier.replace_keys(&signer.key_set());
        let key_ring = KeyRing {
            signer: signer.clone(),
            bootstrap: tokens.seed.clone(),
            period: tokens.key_period,
            db: db.clone(),
            cache: cache.clone(),
            encryptor: encryptor.clone(),
            verifier: verifier.clone(),
            loaded: Arc::default(),
            looking: Arc::default(),
        };
        Ok(Self {
            db,
            cache,
            verifier,
            signer,
            key_ring,
            hashing: Hashing::new(config.hashing)
                .map_err(|error| ServeError::Start(format!("ARGON2_*: {error}")))?,
            tenants: TenantSettings {
                invitations: InvitationKey::derive(seed),
                nobodys_hash: Arc::default(),
            },
            accounts: AccountSettings::new(config),
            api_keys,
            post: Post::new(&config.mail, encryptor.clone())
                .map_err(|error| ServeError::Start(format!("SMTP_*: {error}")))?,
            breached,
            privacy,
            encryptor,
        })
    }

    /// Tells every service what no longer holds, after the commit of what ended it.
    pub(crate) async fn revoke(&self, subject: Subject) -> Result<(), Error> {
        let Some(revocations) = self.verifier.revocations() else {
            return Ok(());
        };
        let told = revocations.revoke(subject, self.signer.life()).await;
        told.map_err(|cause| Error::Revocation(Box::new(cause)))
    }
}
