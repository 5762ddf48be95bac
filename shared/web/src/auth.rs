//! Who calls: the tenant comes out of a verified credential and from nowhere else.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use shared_config::{Reader, Secret, Service, keys, wiring};
use shared_models::{CreatorId, Role, SessionId, UserId};
use tokio::sync::Mutex;

use crate::error::ApiError;
use crate::token::{AccessClaims, INTERNAL_KID, InternalClaims};

/// Clocks of machines differ by so much, seconds.
const LEEWAY: u64 = 5;
/// Life of a token between services.
const INTERNAL_LIFE: Duration = Duration::from_mins(1);
/// How often the key set is asked for again when a token names a key that we do not know.
const REFETCH: Duration = Duration::from_secs(2);

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

/// Verifies tokens locally; asks auth only for keys that it does not know yet.
#[derive(Debug, Clone)]
pub struct Verifier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: Service,
    settings: VerifierSettings,
    keys: RwLock<HashMap<String, DecodingKey>>,
    fetched: Mutex<Option<Instant>>,
    http: reqwest::Client,
}

impl Verifier {
    /// A verifier of that service's callers.
    pub fn new(service: Service, settings: VerifierSettings, http: reqwest::Client) -> Self {
        let (keys, fetched) = (RwLock::default(), Mutex::default());
        Self(Arc::new(Inner {
            service,
            settings,
            keys,
            fetched,
            http,
        }))
    }

    /// Takes over a key set, as auth does with its own.
    pub fn learn(&self, set: &JwkSet) {
        let known = set.keys.iter().filter_map(|key| {
            let kid = key.common.key_id.clone()?;
            DecodingKey::from_jwk(key)
                .ok()
                .map(|decoding| (kid, decoding))
        });
        if let Ok(mut keys) = self.0.keys.write() {
            *keys = known.collect();
        }
    }

    /// Signs a token that calls `target` for a tenant.
    pub fn internal_token(&self, target: Service, creator: CreatorId) -> Result<String, ApiError> {
        let now = jsonwebtoken::get_current_timestamp().cast_signed();
        let claims = InternalClaims {
            sub: self.0.service.name().to_owned(),
            creator_id: creator,
            aud: target.name().to_owned(),
            iat: now,
            exp: now + INTERNAL_LIFE.as_secs().cast_signed(),
        };
        let mut head = Header::new(Algorithm::HS256);
        head.kid = Some(INTERNAL_KID.to_owned());
        let key = EncodingKey::from_secret(self.0.settings.internal_key.expose().as_bytes());
        jsonwebtoken::encode(&head, &claims, &key).map_err(ApiError::internal)
    }

    /// Verifies a bearer token.
    pub async fn verify(&self, token: &str) -> Result<Creator, ApiError> {
        let head = jsonwebtoken::decode_header(token).map_err(|_| invalid())?;
        match (head.alg, head.kid) {
            (Algorithm::HS256, Some(kid)) if kid == INTERNAL_KID => self.internal(token),
            (Algorithm::EdDSA, Some(kid)) => self.access(token, &kid).await,
            _ => Err(invalid()),
        }
    }

    fn internal(&self, token: &str) -> Result<Creator, ApiError> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.leeway = LEEWAY;
        rules.set_audience(&[self.0.service.name()]);
        rules.set_required_spec_claims(&["exp", "aud", "sub"]);
        let key = DecodingKey::from_secret(self.0.settings.internal_key.expose().as_bytes());
        let claims = jsonwebtoken::decode::<InternalClaims>(token, &key, &rules)
            .map_err(|error| refused(&error))?
            .claims;
        let service = Service::from_name(&claims.sub).ok_or_else(invalid)?;
        Ok(Creator {
            id: claims.creator_id,
            caller: Caller::Service(service),
        })
    }

    async fn access(&self, token: &str, kid: &str) -> Result<Creator, ApiError> {
        let key = self.key(kid).await?;
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.leeway = LEEWAY;
        rules.set_audience(&[&self.0.settings.audience]);
        rules.set_issuer(&[&self.0.settings.issuer]);
        rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        let claims = jsonwebtoken::decode::<AccessClaims>(token, &key, &rules)
            .map_err(|error| refused(&error))?
            .claims;
        let AccessClaims {
            sub,
            creator_id,
            role,
            scopes,
            sid,
            ..
        } = claims;
        let caller = Caller::User {
            id: sub,
            role,
            session: sid,
            scopes,
        };
        Ok(Creator {
            id: creator_id,
            caller,
        })
    }

    async fn key(&self, kid: &str) -> Result<DecodingKey, ApiError> {
        if let Some(key) = self.known(kid) {
            return Ok(key);
        }
        // Auth is who publishes the keys: one that it does not know is nobody's.
        if self.0.service == Service::Auth {
            return Err(invalid());
        }
        // One fetch at a time; who waited finds what the one before brought.
        let mut fetched = self.0.fetched.lock().await;
        if let Some(key) = self.known(kid) {
            return Ok(key);
        }
        if fetched.is_none_or(|at| at.elapsed() >= REFETCH) {
            let set = self
                .fetch()
                .await
                .map_err(|e| ApiError::unavailable("auth", e))?;
            self.learn(&set);
            *fetched = Some(Instant::now());
        }
        self.known(kid).ok_or_else(invalid)
    }

    fn known(&self, kid: &str) -> Option<DecodingKey> {
        self.0.keys.read().ok()?.get(kid).cloned()
    }

    async fn fetch(&self) -> reqwest::Result<JwkSet> {
        let url = format!("{}{}", self.0.settings.auth_url, wiring::JWKS);
        let asked = self
            .0
            .http
            .get(url)
            .timeout(Duration::from_secs(3))
            .send()
            .await?;
        asked.error_for_status()?.json().await
    }
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

/// The proven tenant of a request, and who acts for it.
#[derive(Debug, Clone)]
pub struct Creator {
    /// The tenant.
    pub id: CreatorId,
    /// Who acts.
    pub caller: Caller,
}

/// Who acts for a tenant.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A signed-in user.
    User {
        /// The user.
        id: UserId,
        /// What the user may do.
        role: Role,
        /// The sign-in.
        session: SessionId,
        /// What the token may be used for; empty is everything that the role may do.
        scopes: Vec<String>,
    },
    /// Another service of the platform.
    Service(Service),
}

impl Creator {
    /// The signed-in user, where a service is not enough.
    pub fn user(&self) -> Result<(UserId, Role, SessionId), ApiError> {
        match &self.caller {
            Caller::User {
                id, role, session, ..
            } => Ok((*id, *role, *session)),
            Caller::Service(_) => Err(ApiError::forbidden("users_only")),
        }
    }

    /// Refuses whoever may only read.
    pub fn may_write(&self) -> Result<(), ApiError> {
        match &self.caller {
            Caller::User { role, .. } if !role.may_write() => {
                Err(ApiError::forbidden("read_only_role").detail("this role may only read"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses whoever is not a service of the platform.
    pub fn service(&self) -> Result<Service, ApiError> {
        match self.caller {
            Caller::Service(service) => Ok(service),
            Caller::User { .. } => Err(ApiError::forbidden("services_only")),
        }
    }
}

impl<S> FromRequestParts<S> for Creator
where
    S: Send + Sync,
    Verifier: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let token = bearer(parts).ok_or_else(|| {
            ApiError::unauthorized("missing_token").detail("send Authorization: Bearer TOKEN")
        })?;
        Verifier::from_ref(state).verify(token).await
    }
}

/// The bearer token of a request (RFC 6750).
pub fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}
