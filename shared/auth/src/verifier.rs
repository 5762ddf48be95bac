//! Verifies credentials: access and service tokens locally, API keys by asking auth.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::Method;
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use shared_cache::Cache;
use shared_config::{Reader, Service, keys};
use shared_db::Db;

use crate::api_key::{self, KeyIdentity, ResolveKey};
use crate::claims::{AccessClaims, CALLER_KID_PREFIX, INTERNAL_KID, ServiceClaims};
use crate::credential::{CLOCK_LEEWAY, Credential};
use crate::credential_cache::CredentialCache;
use crate::ending::CredentialLifetime;
use crate::error::AuthError;
use crate::identity::Identity;
use crate::key_set::KeySet;
use crate::revocation::{Revocations, Subject};
use crate::service_keys::ServiceKeys;
use crate::signer::ServiceTokenSigner;

/// How a service verifies its callers.
#[derive(Debug, Clone)]
pub struct VerifierSettings {
    /// `iss` of access tokens.
    pub issuer: String,
    /// `aud` of access tokens.
    pub audience: String,
    /// Base URL of auth, which publishes the key set.
    pub auth_url: String,
    /// Keys of the calls between services.
    pub service_keys: ServiceKeys,
}

impl VerifierSettings {
    /// Reads the settings of a service.
    pub fn from_reader(reader: &mut Reader, service: Service) -> Self {
        Self {
            issuer: reader.required(keys::TOKEN_ISSUER),
            audience: reader.required(keys::TOKEN_AUDIENCE),
            auth_url: reader.url(keys::AUTH_URL),
            service_keys: ServiceKeys::from_reader(reader, service),
        }
    }
}

/// Verifies credentials. Clones share the key set and the cache.
#[derive(Debug, Clone)]
pub struct TokenVerifier {
    inner: Arc<Inner>,
    revocations: Option<Revocations>,
    resolver: Option<Arc<dyn ResolveKey>>,
}

#[derive(Debug)]
struct Inner {
    service: Service,
    settings: VerifierSettings,
    signer: ServiceTokenSigner,
    keys: KeySet,
    credentials: CredentialCache,
    http: reqwest::Client,
}

impl TokenVerifier {
    /// A verifier of that service's callers; it does not check revocations yet.
    pub fn new(service: Service, settings: VerifierSettings, http: reqwest::Client) -> Self {
        // Auth itself publishes the keys: one that it does not know does not exist.
        let source = (service != Service::Auth).then(|| settings.auth_url.clone());
        let inner = Inner {
            service,
            signer: ServiceTokenSigner::new(service, settings.service_keys.clone()),
            keys: KeySet::new(source, http.clone()),
            settings,
            credentials: CredentialCache::default(),
            http,
        };
        Self {
            inner: Arc::new(inner),
            revocations: None,
            resolver: None,
        }
    }

    /// Checks revocations, and caches what was verified. Needs a tokio runtime.
    #[must_use]
    pub fn with_revocations(mut self, cache: Cache, db: &Db) -> Self {
        // Requests that hold every connection wait for this check.
        self.revocations = Some(Revocations::listen(cache, db.reserve()));
        self
    }

    /// Resolves API keys in this process, as auth does, instead of asking auth.
    #[must_use]
    pub fn with_api_key_resolver(mut self, resolver: Arc<dyn ResolveKey>) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// The revocations that this verifier checks.
    pub const fn revocations(&self) -> Option<&Revocations> {
        self.revocations.as_ref()
    }

    /// Signs this service's calls to other services.
    pub fn signer(&self) -> &ServiceTokenSigner {
        &self.inner.signer
    }

    /// When a verified credential ends, for what goes on after the response has begun.
    pub fn ending(&self, identity: &Identity) -> CredentialLifetime {
        CredentialLifetime::new(identity.validity.clone(), self.revocations.clone())
    }

    /// Replaces the key set, as auth does with its own.
    pub fn replace_keys(&self, set: &JwkSet) {
        self.inner.keys.replace_keys(set);
    }

    /// Verifies a credential, and that it is not revoked.
    pub async fn verify(&self, token: &str) -> Result<Identity, AuthError> {
        self.verify_for(token, &Method::POST).await
    }

    /// Verifies a credential for a request of that method. While neither Redis nor PostgreSQL can
    /// say what is revoked, safe methods pass on the signature alone unless the credential is known
    /// to be revoked, and all others are refused.
    pub async fn verify_for(&self, token: &str, method: &Method) -> Result<Identity, AuthError> {
        let now = jsonwebtoken::get_current_timestamp().cast_signed();
        let key = CredentialCache::key(token);
        if let Some(revocations) = &self.revocations
            && let Some(identity) = self.inner.credentials.find(&key, revocations, now)
        {
            return Ok(identity);
        }
        // Read before the lookup, so that an interruption in between is noticed.
        let generation = self.revocations.as_ref().and_then(Revocations::generation);
        let credential = self.check(token, key, now).await?;
        let cacheable = self.check_revocations(&credential, method).await?;
        let identity = credential.identity.clone();
        if let Some(generation) = generation.filter(|_| cacheable) {
            self.inner.credentials.insert(key, generation, credential);
        }
        Ok(identity)
    }

    /// Whether verifying this credential asks auth: it has the form of an API key that was neither
    /// verified nor refused moments ago, or is signed with an unknown key. Anyone can invent such
    /// texts, so they are counted before they are verified.
    pub fn needs_look_up(&self, token: &str) -> bool {
        if token.starts_with(api_key::PREFIX) {
            let key = CredentialCache::key(token);
            return api_key::is_well_formed(token) && !self.inner.credentials.contains(&key);
        }
        jsonwebtoken::decode_header(token).is_ok_and(|header| {
            let kid = header.kid.filter(|_| header.alg == Algorithm::EdDSA);
            kid.is_some_and(|kid| self.inner.keys.would_fetch(&kid))
        })
    }

    /// The service behind a service token, whether it acts for a tenant or for none.
    pub fn verify_service(&self, token: &str) -> Result<Service, AuthError> {
        self.check_service_token(token).map(|(service, _)| service)
    }

    async fn check(&self, token: &str, hash: [u8; 32], now: i64) -> Result<Credential, AuthError> {
        if token.starts_with(api_key::PREFIX) {
            return self.check_key(token, hash, now).await;
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::InvalidToken)?;
        match (header.alg, header.kid) {
            (Algorithm::HS256, Some(_)) => {
                let (service, claims) = self.check_service_token(token)?;
                Credential::of_service(service, &claims)
            }
            (Algorithm::EdDSA, Some(kid)) => {
                let key = self.inner.keys.find(&kid).await?;
                let key = key.ok_or(AuthError::InvalidToken)?;
                let claims = self.decode_access_token(token, &key)?;
                Ok(Credential::of_user(claims, Subject::signing_key(&kid)))
            }
            _ => Err(AuthError::InvalidToken),
        }
    }

    async fn check_key(
        &self,
        token: &str,
        hash: [u8; 32],
        now: i64,
    ) -> Result<Credential, AuthError> {
        let credentials = &self.inner.credentials;
        if !api_key::is_well_formed(token) || credentials.is_refused(&hash) {
            return Err(AuthError::InvalidToken);
        }
        let asked_at = Timestamp::now().as_millisecond();
        let Some(identity) = self.resolve(hash).await? else {
            credentials.insert_refused(hash);
            return Err(AuthError::InvalidToken);
        };
        Ok(Credential::of_key(identity, asked_at, now))
    }

    async fn resolve(&self, hash: [u8; 32]) -> Result<Option<KeyIdentity>, AuthError> {
        if let Some(resolver) = &self.resolver {
            return resolver.resolve(hash).await;
        }
        let Inner {
            http,
            settings,
            signer,
            ..
        } = &*self.inner;
        api_key::introspect(http, &settings.auth_url, signer, hash).await
    }

    /// Refuses a revoked credential. Returns whether that it is not revoked may be cached.
    async fn check_revocations(
        &self,
        credential: &Credential,
        method: &Method,
    ) -> Result<bool, AuthError> {
        let Some(revocations) = &self.revocations else {
            return Ok(false);
        };
        let subjects = credential.subjects_to_look_up();
        if subjects.is_empty() {
            return Ok(true);
        }
        let found = revocations.look_up(&subjects).await;
        match credential.identity.validity.ended_by(&found.revoked) {
            None => found
                .cacheable
                .or_else(|cause| unchecked(method, cause.dependency(), cause)),
            Some(Subject::Tenant(_)) => Err(AuthError::TenantSuspended),
            Some(Subject::Session(_)) => Err(AuthError::SessionEnded),
            Some(_) => Err(AuthError::RevokedToken),
        }
    }

    /// A service token proves its caller by the key of the pair. One of an earlier version, which
    /// any service could have signed, counts only while such calls are accepted.
    fn check_service_token(&self, token: &str) -> Result<(Service, ServiceClaims), AuthError> {
        let kid = key_id(token)?;
        if kid != INTERNAL_KID {
            return self.check_pair_token(&kid, token);
        }
        if let Some(pair) = pair_token(token) {
            return self.check_pair_token(&key_id(&pair)?, &pair);
        }
        let former = self.inner.settings.service_keys.accepted_former();
        let claims = self.decode_service_token(token, former.ok_or(AuthError::InvalidToken)?)?;
        let caller = Service::from_name(&claims.sub).ok_or(AuthError::InvalidToken)?;
        Ok((caller, claims))
    }

    fn check_pair_token(
        &self,
        kid: &str,
        token: &str,
    ) -> Result<(Service, ServiceClaims), AuthError> {
        let caller = kid.strip_prefix(CALLER_KID_PREFIX);
        let caller = caller
            .and_then(Service::from_name)
            .ok_or(AuthError::InvalidToken)?;
        let keys = &self.inner.settings.service_keys;
        let key = keys.of_pair(caller, self.inner.service);
        let claims = self.decode_service_token(token, key.ok_or(AuthError::InvalidToken)?)?;
        if claims.sub != caller.name() {
            return Err(AuthError::InvalidToken);
        }
        Ok((caller, claims))
    }

    fn decode_service_token(&self, token: &str, key: &[u8]) -> Result<ServiceClaims, AuthError> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.leeway = CLOCK_LEEWAY;
        rules.set_audience(&[self.inner.service.name()]);
        rules.set_required_spec_claims(&["exp", "aud", "sub"]);
        jsonwebtoken::decode::<ServiceClaims>(token, &DecodingKey::from_secret(key), &rules)
            .map(|data| data.claims)
            .map_err(|error| token_error(&error))
    }

    fn decode_access_token(
        &self,
        token: &str,
        key: &DecodingKey,
    ) -> Result<AccessClaims, AuthError> {
        let settings = &self.inner.settings;
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.leeway = CLOCK_LEEWAY;
        rules.set_audience(&[&settings.audience]);
        rules.set_issuer(&[&settings.issuer]);
        rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        jsonwebtoken::decode::<AccessClaims>(token, key, &rules)
            .map(|data| data.claims)
            .map_err(|error| token_error(&error))
    }
}

/// What happens to a request whose credential cannot be checked for revocation.
fn unchecked(
    method: &Method,
    dependency: &'static str,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Result<bool, AuthError> {
    let cause = cause.into();
    if !method.is_safe() {
        return Err(AuthError::unavailable(dependency, cause));
    }
    metrics::counter!("auth_unchecked_total").increment(1);
    tracing::warn!(%cause, dependency, "read allowed without revocation check");
    Ok(false)
}

/// The `kid` of a token, which is not verified yet.
fn key_id(token: &str) -> Result<String, AuthError> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::InvalidToken)?;
    header.kid.ok_or(AuthError::InvalidToken)
}

/// The token of a pair within one for services of an earlier version. The outer signature says
/// nothing, since every service has its key; the inner one is verified.
fn pair_token(token: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Carrier {
        pair: Option<String>,
    }
    let claims = token.split('.').nth(1)?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice::<Carrier>(&claims).ok()?.pair
}

fn token_error(error: &jsonwebtoken::errors::Error) -> AuthError {
    match error.kind() {
        jsonwebtoken::errors::ErrorKind::ExpiredSignature => AuthError::ExpiredToken,
        _ => AuthError::InvalidToken,
    }
}
