//! Verifies credentials: access and service tokens locally, API keys by asking auth.

use std::sync::Arc;

use http::Method;
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use shared_cache::Cache;
use shared_config::{Reader, Secret, Service, keys};
use shared_db::Db;
use uuid::Uuid;

use crate::api_key::{self, KeyIdentity, ResolveKey};
use crate::claims::{AccessClaims, INTERNAL_KID, InternalClaims};
use crate::credential_cache::{Credential, CredentialCache};
use crate::error::AuthError;
use crate::identity::{Identity, Principal};
use crate::key_set::KeySet;
use crate::revocation::{Revocations, Subject};
use crate::signer::ServiceTokenSigner;

/// Tolerated clock difference between machines, seconds.
const CLOCK_LEEWAY: u64 = 5;
/// How long a resolved API key is trusted, seconds.
const API_KEY_TTL: i64 = 60;

/// How a service verifies its callers.
#[derive(Debug, Clone)]
pub struct VerifierSettings {
    /// `iss` of access tokens.
    pub issuer: String,
    /// `aud` of access tokens.
    pub audience: String,
    /// Base URL of auth, which publishes the key set.
    pub auth_url: String,
    /// Key of the tokens between services.
    pub internal_key: Secret<String>,
}

impl VerifierSettings {
    /// Reads the settings.
    pub fn from_reader(reader: &mut Reader) -> Self {
        Self {
            issuer: reader.required(keys::TOKEN_ISSUER),
            audience: reader.required(keys::TOKEN_AUDIENCE),
            auth_url: reader.url(keys::AUTH_URL),
            internal_key: reader.secret(keys::INTERNAL_TOKEN_KEY),
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
            signer: ServiceTokenSigner::new(service, settings.internal_key.clone()),
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
        let claims = self.decode_service_token(token)?;
        Service::from_name(&claims.sub).ok_or(AuthError::InvalidToken)
    }

    async fn check(&self, token: &str, hash: [u8; 32], now: i64) -> Result<Credential, AuthError> {
        if token.starts_with(api_key::PREFIX) {
            return self.check_key(token, hash, now).await;
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::InvalidToken)?;
        match (header.alg, header.kid) {
            (Algorithm::HS256, Some(kid)) if kid == INTERNAL_KID => {
                service_credential(&self.decode_service_token(token)?)
            }
            (Algorithm::EdDSA, Some(kid)) => {
                let key = self.inner.keys.find(&kid).await?;
                let key = key.ok_or(AuthError::InvalidToken)?;
                let claims = self.decode_access_token(token, &key)?;
                Ok(user_credential(claims, Subject::signing_key(&kid)))
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
        Ok(key_credential(identity, asked_at, now))
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
        match credential.ended_by(&found.revoked) {
            None => found
                .cacheable
                .or_else(|cause| unchecked(method, cause.dependency(), cause)),
            Some(Subject::Tenant(_)) => Err(AuthError::TenantSuspended),
            Some(Subject::Session(_)) => Err(AuthError::SessionEnded),
            Some(_) => Err(AuthError::RevokedToken),
        }
    }

    fn decode_service_token(&self, token: &str) -> Result<InternalClaims, AuthError> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.leeway = CLOCK_LEEWAY;
        rules.set_audience(&[self.inner.service.name()]);
        rules.set_required_spec_claims(&["exp", "aud", "sub"]);
        let secret = self.inner.settings.internal_key.expose().as_bytes();
        let key = DecodingKey::from_secret(secret);
        jsonwebtoken::decode::<InternalClaims>(token, &key, &rules)
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

fn service_credential(claims: &InternalClaims) -> Result<Credential, AuthError> {
    let service = Service::from_name(&claims.sub).ok_or(AuthError::InvalidToken)?;
    let tenant = claims.creator_id.ok_or(AuthError::InvalidToken)?;
    let principal = Principal::Service(service);
    Ok(Credential {
        identity: Identity { tenant, principal },
        subjects: Vec::new(),
        issued_at: claims.iat * 1000,
        expires_at: claims.exp,
    })
}

fn user_credential(claims: AccessClaims, signed_with: Subject) -> Credential {
    let subjects = vec![
        signed_with,
        Subject::Session(claims.sid),
        Subject::User(claims.sub),
        Subject::Tenant(claims.creator_id),
    ];
    let principal = Principal::User {
        id: claims.sub,
        role: claims.role,
        session: claims.sid,
        scopes: claims.scopes,
    };
    Credential {
        identity: Identity {
            tenant: claims.creator_id,
            principal,
        },
        subjects,
        issued_at: issued_at(claims.jti, claims.iat),
        expires_at: claims.exp,
    }
}

fn key_credential(key: KeyIdentity, asked_at: i64, now: i64) -> Credential {
    let mut subjects = vec![Subject::ApiKey(key.id), Subject::Tenant(key.creator_id)];
    subjects.extend(key.created_by.map(Subject::User));
    let trusted_until = now.saturating_add(API_KEY_TTL);
    let principal = Principal::ApiKey {
        id: key.id,
        scopes: key.scopes,
    };
    Credential {
        identity: Identity {
            tenant: key.creator_id,
            principal,
        },
        subjects,
        // By the clock of the database, as the revocations that it is compared with.
        issued_at: key.read_at.unwrap_or(asked_at),
        expires_at: key
            .expires_at
            .map_or(trusted_until, |end| end.min(trusted_until)),
    }
}

/// When a token was signed, milliseconds since the epoch. `iat` has whole seconds only; the time
/// in the UUIDv7 of `jti` is finer, and a role may change twice a second.
fn issued_at(jti: Uuid, iat: i64) -> i64 {
    let precise = jti.get_timestamp().map(|at| {
        let (seconds, nanoseconds) = at.to_unix();
        seconds.cast_signed() * 1000 + i64::from(nanoseconds / 1_000_000)
    });
    precise.unwrap_or(iat * 1000)
}

fn token_error(error: &jsonwebtoken::errors::Error) -> AuthError {
    match error.kind() {
        jsonwebtoken::errors::ErrorKind::ExpiredSignature => AuthError::ExpiredToken,
        _ => AuthError::InvalidToken,
    }
}
