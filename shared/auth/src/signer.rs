//! Signs the tokens by which one service calls another.

use std::fmt;

use hmac::{Hmac, Mac as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sha2::Sha256;
use shared_config::{Secret, Service};
use shared_models::CreatorId;
use shared_rpc::{NoToken, TokenSource};

use crate::claims::{INTERNAL_KID, InternalClaims};
use crate::error::AuthError;

/// Lifetime of a service token, seconds.
const SERVICE_TOKEN_TTL: i64 = 60;

/// Signs service tokens with the internal key that all services share.
#[derive(Clone)]
pub struct ServiceTokenSigner {
    service: Service,
    key: Secret<String>,
}

impl fmt::Debug for ServiceTokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceTokenSigner")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

impl ServiceTokenSigner {
    /// Signs as that service.
    pub const fn new(service: Service, key: Secret<String>) -> Self {
        Self { service, key }
    }

    /// A token that calls `target` on behalf of a tenant.
    pub fn tenant_token(&self, target: Service, tenant: CreatorId) -> Result<String, NoToken> {
        self.token(target, Some(tenant))
    }

    /// A token that calls `target` on behalf of no tenant.
    pub fn service_token(&self, target: Service) -> Result<String, NoToken> {
        self.token(target, None)
    }

    /// A MAC key for another purpose, equal in all replicas of all services.
    pub fn derive_key(&self, purpose: &str) -> Result<Hmac<Sha256>, AuthError> {
        let secret = self.key.expose().as_bytes();
        let keyed = |key: &[u8]| Hmac::new_from_slice(key).map_err(AuthError::internal);
        let mut derivation: Hmac<Sha256> = keyed(secret)?;
        derivation.update(purpose.as_bytes());
        keyed(&derivation.finalize().into_bytes())
    }
}

impl TokenSource for ServiceTokenSigner {
    fn token(&self, target: Service, tenant: Option<CreatorId>) -> Result<String, NoToken> {
        let now = jsonwebtoken::get_current_timestamp().cast_signed();
        let claims = InternalClaims {
            sub: self.service.name().to_owned(),
            creator_id: tenant,
            aud: target.name().to_owned(),
            iat: now,
            exp: now + SERVICE_TOKEN_TTL,
        };
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(INTERNAL_KID.to_owned());
        let key = EncodingKey::from_secret(self.key.expose().as_bytes());
        jsonwebtoken::encode(&header, &claims, &key).map_err(|error| NoToken(error.to_string()))
    }
}
