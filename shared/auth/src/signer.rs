//! Signs the tokens by which one service calls another.

use hmac::Hmac;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sha2::Sha256;
use shared_config::Service;
use shared_models::CreatorId;
use shared_rpc::{NoToken, TokenSource};

use crate::claims::{CALLER_KID_PREFIX, INTERNAL_KID, ServiceClaims};
use crate::error::AuthError;
use crate::service_keys::ServiceKeys;

/// Lifetime of a service token, seconds.
const SERVICE_TOKEN_TTL: i64 = 60;

/// Signs service tokens, each with the key of its caller and its target.
#[derive(Debug, Clone)]
pub struct ServiceTokenSigner {
    service: Service,
    keys: ServiceKeys,
}

impl ServiceTokenSigner {
    /// Signs as that service.
    pub const fn new(service: Service, keys: ServiceKeys) -> Self {
        Self { service, keys }
    }

    /// A token that calls `target` on behalf of a tenant.
    pub fn tenant_token(&self, target: Service, tenant: CreatorId) -> Result<String, NoToken> {
        self.token(target, Some(tenant))
    }

    /// A token that calls `target` on behalf of no tenant.
    pub fn service_token(&self, target: Service) -> Result<String, NoToken> {
        self.token(target, None)
    }

    /// A MAC key for another purpose, equal in all replicas of this service.
    pub fn derive_key(&self, purpose: &str) -> Result<Hmac<Sha256>, AuthError> {
        self.keys.derive(self.service, purpose)
    }
}

impl TokenSource for ServiceTokenSigner {
    fn token(&self, target: Service, tenant: Option<CreatorId>) -> Result<String, NoToken> {
        let key = self.keys.of_pair(self.service, target).ok_or_else(|| {
            NoToken(format!(
                "{} does not call {}",
                self.service.name(),
                target.name()
            ))
        })?;
        let now = jsonwebtoken::get_current_timestamp().cast_signed();
        let mut claims = ServiceClaims {
            sub: self.service.name().to_owned(),
            creator_id: tenant,
            aud: target.name().to_owned(),
            iat: now,
            exp: now + SERVICE_TOKEN_TTL,
            pair: None,
        };
        let kid = format!("{CALLER_KID_PREFIX}{}", self.service.name());
        let token = sign(&claims, kid, key)?;
        let Some(former) = self.keys.former() else {
            return Ok(token);
        };
        claims.pair = Some(token);
        sign(&claims, INTERNAL_KID.to_owned(), former)
    }
}

fn sign(claims: &ServiceClaims, kid: String, key: &[u8]) -> Result<String, NoToken> {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(kid);
    let key = EncodingKey::from_secret(key);
    jsonwebtoken::encode(&header, claims, &key).map_err(|error| NoToken(error.to_string()))
}
