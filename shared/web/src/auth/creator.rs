//! The proven tenant of a request, who acts for it, and what that one may do.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use shared_config::Service;
use shared_models::{ApiKeyId, CreatorId, Permission, Role, SessionId, UserId};

use super::verifier::Verifier;
use crate::error::ApiError;

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
    /// A program with an API key.
    ApiKey {
        /// The key.
        id: ApiKeyId,
        /// What the key may be used for, and no more.
        scopes: Vec<Permission>,
    },
    /// Another service of the platform.
    Service(Service),
}

impl Creator {
    /// The signed-in user, where neither a service nor a key is enough.
    pub fn user(&self) -> Result<(UserId, Role, SessionId), ApiError> {
        match &self.caller {
            Caller::User {
                id, role, session, ..
            } => Ok((*id, *role, *session)),
            Caller::ApiKey { .. } | Caller::Service(_) => Err(ApiError::forbidden("users_only")
                .detail("only a signed-in person may do this, not an API key")),
        }
    }

    /// Whether the caller has that permission: the role's and the token's, or the key's own.
    /// Services act for whoever asked them, and that one was checked.
    pub fn has(&self, permission: Permission) -> bool {
        match &self.caller {
            Caller::User { role, scopes, .. } => {
                let scoped =
                    scopes.is_empty() || scopes.iter().any(|word| word == permission.as_str());
                scoped && role.permits(permission)
            }
            Caller::ApiKey { scopes, .. } => scopes.contains(&permission),
            Caller::Service(_) => true,
        }
    }

    /// Refuses whoever lacks a permission. Handlers ask by [`super::Permit`].
    pub fn require(&self, permission: Permission) -> Result<(), ApiError> {
        if self.has(permission) {
            return Ok(());
        }
        let text = format!("this needs the permission {permission}");
        Err(ApiError::forbidden("permission_missing").detail(text))
    }

    /// Refuses whoever is not a service of the platform.
    pub fn service(&self) -> Result<Service, ApiError> {
        match self.caller {
            Caller::Service(service) => Ok(service),
            Caller::User { .. } | Caller::ApiKey { .. } => {
                Err(ApiError::forbidden("services_only"))
            }
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
        // The limiter has asked already where there is one.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let token = bearer(parts).ok_or_else(|| {
            ApiError::unauthorized("missing_token").detail("send Authorization: Bearer TOKEN")
        })?;
        let verifier = Verifier::from_ref(state);
        verifier.verify_for(token, &parts.method).await
    }
}

/// A service of the platform that calls for no tenant, or for whichever.
#[derive(Debug, Clone, Copy)]
pub struct ServiceCaller(pub Service);

impl<S> FromRequestParts<S> for ServiceCaller
where
    S: Send + Sync,
    Verifier: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let token = bearer(parts).ok_or_else(|| ApiError::unauthorized("missing_token"))?;
        Verifier::from_ref(state).verify_service(token).map(Self)
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
