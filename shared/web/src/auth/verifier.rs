//! Verifies credentials: locally where a signature says it all, by asking auth where not.

mod key_set;

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use sha2::Sha256;
use shared_cache::Cache;
use shared_config::{Reader, Secret, Service, keys};
use shared_models::CreatorId;
use uuid::Uuid;

use self::key_set::KeySet;
use super::api_key::{self, KeyIdentity, ResolveKey};
use super::cache::{Credential, Remembered};
use super::creator::{Caller, Creator};
use super::revocation::{Revocations, Subject};
use crate::error::ApiError;
use crate::token::{AccessClaims, INTERNAL_KID, InternalClaims};

/// Clocks of machines differ by so much, seconds.
const LEEWAY: u64 = 5;
/// Life of a token between services.
const INTERNAL_LIFE: Duration = Duration::from_mins(1);

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

/// Verifies credentials. Clones share what was learned.
#[derive(Debug, Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
    revocations: Option<Revocations>,
    resolver: Option<Arc<dyn ResolveKey>>,
}

#[derive(Debug)]
struct Inner {
    service: Service,
    settings: VerifierSettings,
    keys: KeySet,
    remembered: Remembered,
    http: reqwest::Client,
}

impl Verifier {
    /// A verifier of that service's callers, which hears of no revocation yet.
    pub fn new(service: Service, settings: VerifierSettings, http: reqwest::Client) -> Self {
        // Auth is who publishes the keys: one that it does not know is nobody's.
        let source = (service != Service::Auth).then(|| settings.auth_url.clone());
        let inner = Inner {
            service,
            keys: KeySet::new(source, http.clone()),
            settings,
            remembered: Remembered::default(),
            http,
        };
        Self {
            inner: Arc::new(inner),
            revocations: None,
            resolver: None,
        }
    }

    /// Heeds revocations, and remembers what was verified. Needs a tokio runtime.
    #[must_use]
    pub fn heeding(mut self, cache: Cache) -> Self {
        self.revocations = Some(Revocations::listen(cache));
        self
    }

    /// Resolves API keys in this process, as auth does, instead of asking auth.
    #[must_use]
    pub fn resolving(mut self, resolver: Arc<dyn ResolveKey>) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// The revocations that this verifier heeds.
    pub const fn revocations(&self) -> Option<&Revocations> {
        self.revocations.as_ref()
    }

    /// Takes over a key set, as auth does with its own.
    pub fn learn(&self, set: &JwkSet) {
        self.inner.keys.learn(set);
    }

    /// Signs a token that calls `target` for a tenant.
    pub fn internal_token(&self, target: Service, creator: CreatorId) -> Result<String, ApiError> {
        self.sign_internal(target, Some(creator))
    }

    /// Signs a token that calls `target` for no tenant.
    pub fn service_token(&self, target: Service) -> Result<String, ApiError> {
        self.sign_internal(target, None)
    }

    /// A key for another purpose, the same in every replica of every service.
    pub(crate) fn derived(&self, purpose: &str) -> Result<Hmac<Sha256>, ApiError> {
        let secret = self.inner.settings.internal_key.expose().as_bytes();
        let keyed = |key: &[u8]| Hmac::new_from_slice(key).map_err(ApiError::internal);
        let mut derive: Hmac<Sha256> = keyed(secret)?;
        derive.update(purpose.as_bytes());
        keyed(&derive.finalize().into_bytes())
    }

    fn sign_internal(
        &self,
        target: Service,
        creator: Option<CreatorId>,
    ) -> Result<String, ApiError> {
        let now = jsonwebtoken::get_current_timestamp().cast_signed();
        let claims = InternalClaims {
            sub: self.inner.service.name().to_owned(),
            creator_id: creator,
            aud: target.name().to_owned(),
            iat: now,
            exp: now + INTERNAL_LIFE.as_secs().cast_signed(),
        };
        let mut head = Header::new(Algorithm::HS256);
        head.kid = Some(INTERNAL_KID.to_owned());
        let secret = self.inner.settings.internal_key.expose().as_bytes();
        let key = EncodingKey::from_secret(secret);
        jsonwebtoken::encode(&head, &claims, &key).map_err(ApiError::internal)
    }

    /// Verifies a credential, and that nothing has revoked it.
    pub async fn verify(&self, token: &str) -> Result<Creator, ApiError> {
        self.verify_for(token, &Method::POST).await
    }

    /// Verifies a credential for a request of that method: while Redis does not answer, what
    /// reads is let through on the signature alone, and what changes something is not.
    pub async fn verify_for(&self, token: &str, method: &Method) -> Result<Creator, ApiError> {
        let now = jsonwebtoken::get_current_timestamp().cast_signed();
        let key = Remembered::key(token);
        if let Some(revocations) = &self.revocations
            && let Some(known) = self.inner.remembered.find(&key, revocations, now)
        {
            return Ok(known);
        }
        // Taken before the question, so that a break in between counts.
        let epoch = self.revocations.as_ref().and_then(Revocations::epoch);
        let credential = self.check(token, key, now).await?;
        let asked = self.unrevoked(&credential, method).await?;
        let creator = credential.creator.clone();
        if let Some(epoch) = epoch.filter(|_| asked) {
            self.inner.remembered.insert(key, epoch, credential);
        }
        Ok(creator)
    }

    /// The service behind a token between services, whether it acts for a tenant or for none.
    pub fn verify_service(&self, token: &str) -> Result<Service, ApiError> {
        let claims = self.internal(token)?;
        Service::from_name(&claims.sub).ok_or_else(invalid)
    }

    async fn check(&self, token: &str, hash: [u8; 32], now: i64) -> Result<Credential, ApiError> {
        if token.starts_with(api_key::PREFIX) {
            let asked = Timestamp::now().as_millisecond();
            let identity = self.resolve(hash).await?.ok_or_else(invalid)?;
            return Ok(of_key(identity, asked, now));
        }
        let head = jsonwebtoken::decode_header(token).map_err(|_| invalid())?;
        match (head.alg, head.kid) {
            (Algorithm::HS256, Some(kid)) if kid == INTERNAL_KID => {
                let claims = self.internal(token)?;
                let service = Service::from_name(&claims.sub).ok_or_else(invalid)?;
                let id = claims.creator_id.ok_or_else(invalid)?;
                let caller = Caller::Service(service);
                Ok(Credential {
                    creator: Creator { id, caller },
                    subjects: Vec::new(),
                    issued: claims.iat * 1000,
                    ends: claims.exp,
                })
            }
            (Algorithm::EdDSA, Some(kid)) => {
                let key = self.inner.keys.find(&kid).await?.ok_or_else(invalid)?;
                let claims = self.access(token, &key)?;
                Ok(of_claims(claims, Subject::signing_key(&kid)))
            }
            _ => Err(invalid()),
        }
    }

    async fn resolve(&self, hash: [u8; 32]) -> Result<Option<KeyIdentity>, ApiError> {
        if let Some(resolver) = &self.resolver {
            return resolver.resolve(hash).await;
        }
        let token = self.service_token(Service::Auth)?;
        let auth_url = &self.inner.settings.auth_url;
        api_key::ask_auth(&self.inner.http, auth_url, &token, hash).await
    }

    /// Whether Redis was asked and knows nothing against the credential.
    async fn unrevoked(&self, credential: &Credential, method: &Method) -> Result<bool, ApiError> {
        let Some(revocations) = &self.revocations else {
            return Ok(false);
        };
        let subjects = credential.in_question();
        if subjects.is_empty() {
            return Ok(true);
        }
        let revoked = match revocations.ask(&subjects).await {
            Ok(revoked) => revoked,
            Err(cause) if method.is_safe() => {
                metrics::counter!("auth_unchecked_total").increment(1);
                tracing::warn!(%cause, "revocations cannot be asked: a read is let through");
                return Ok(false);
            }
            Err(cause) => return Err(ApiError::unavailable("redis", cause)),
        };
        match credential.ended_by(&revoked) {
            None => Ok(true),
            Some(Subject::Tenant(_)) => Err(ApiError::forbidden("tenant_suspended")
                .detail("this account is suspended; its owner knows why")),
            Some(Subject::Session(_)) => {
                Err(ApiError::unauthorized("session_ended")
                    .detail("this session has ended; sign in"))
            }
            Some(_) => Err(ApiError::unauthorized("revoked_token")
                .detail("the credential was revoked; refresh it or sign in again")),
        }
    }

    fn internal(&self, token: &str) -> Result<InternalClaims, ApiError> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.leeway = LEEWAY;
        rules.set_audience(&[self.inner.service.name()]);
        rules.set_required_spec_claims(&["exp", "aud", "sub"]);
        let secret = self.inner.settings.internal_key.expose().as_bytes();
        let key = DecodingKey::from_secret(secret);
        jsonwebtoken::decode::<InternalClaims>(token, &key, &rules)
            .map(|data| data.claims)
            .map_err(|error| refused(&error))
    }

    fn access(&self, token: &str, key: &DecodingKey) -> Result<AccessClaims, ApiError> {
        let settings = &self.inner.settings;
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.leeway = LEEWAY;
        rules.set_audience(&[&settings.audience]);
        rules.set_issuer(&[&settings.issuer]);
        rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        jsonwebtoken::decode::<AccessClaims>(token, key, &rules)
            .map(|data| data.claims)
            .map_err(|error| refused(&error))
    }
}

fn of_claims(claims: AccessClaims, signed_with: Subject) -> Credential {
    let subjects = vec![
        signed_with,
        Subject::Session(claims.sid),
        Subject::User(claims.sub),
        Subject::Tenant(claims.creator_id),
    ];
    let caller = Caller::User {
        id: claims.sub,
        role: claims.role,
        session: claims.sid,
        scopes: claims.scopes,
    };
    Credential {
        creator: Creator {
            id: claims.creator_id,
            caller,
        },
        subjects,
        issued: issued(claims.jti, claims.iat),
        ends: claims.exp,
    }
}

fn of_key(identity: KeyIdentity, asked: i64, now: i64) -> Credential {
    let mut subjects = vec![
        Subject::ApiKey(identity.id),
        Subject::Tenant(identity.creator_id),
    ];
    subjects.extend(identity.created_by.map(Subject::User));
    let caller = Caller::ApiKey {
        id: identity.id,
        scopes: identity.scopes,
    };
    Credential {
        creator: Creator {
            id: identity.creator_id,
            caller,
        },
        subjects,
        issued: asked,
        ends: now.saturating_add(60),
    }
}

/// When a token was signed, milliseconds of the epoch: `iat` has whole seconds only, the time in
/// a UUIDv7 has more, and a role may change twice a second.
fn issued(jti: Uuid, iat: i64) -> i64 {
    let precise = jti.get_timestamp().map(|at| {
        let (seconds, nanoseconds) = at.to_unix();
        seconds.cast_signed() * 1000 + i64::from(nanoseconds / 1_000_000)
    });
    precise.unwrap_or(iat * 1000)
}

fn invalid() -> ApiError {
    ApiError::unauthorized("invalid_token").detail("the token is not one of this platform")
}

fn refused(error: &jsonwebtoken::errors::Error) -> ApiError {
    match error.kind() {
        jsonwebtoken::errors::ErrorKind::ExpiredSignature => {
            ApiError::unauthorized("expired_token").detail("the token has expired; refresh it")
        }
        _ => invalid(),
    }
}
