//! Extractors that verify the credential of a request; each yields the proven tenant.

use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use shared_auth::{AuthError, Identity, TokenVerifier};
use shared_config::Service;
use shared_models::{CreatorId, Permission, Role, SessionId, UserId};

use crate::error::ApiError;
use crate::lifetime;

/// The proven tenant of a request, and who acts for it.
#[derive(Debug, Clone)]
pub struct Caller(Identity);

impl Deref for Caller {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.0
    }
}

impl From<Identity> for Caller {
    fn from(identity: Identity) -> Self {
        Self(identity)
    }
}

impl Caller {
    /// The signed-in user; services and API keys are refused.
    pub fn user(&self) -> Result<(UserId, Role, SessionId), ApiError> {
        Ok(self.0.user()?)
    }

    /// Refuses a caller without that permission. Handlers ask for a [`super::Permit`] instead.
    pub fn require(&self, permission: Permission) -> Result<(), ApiError> {
        Ok(self.0.require(permission)?)
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    TokenVerifier: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let verifier = TokenVerifier::from_ref(state);
        // The rate limiter has verified it already where there is one.
        let caller = if let Some(known) = parts.extensions.get::<Self>() {
            known.clone()
        } else {
            let token = bearer(parts).ok_or_else(|| {
                ApiError::unauthorized("missing_token").detail("send Authorization: Bearer TOKEN")
            })?;
            Self(verifier.verify_for(token, &parts.method).await?)
        };
        lifetime::bind(parts, &verifier, &caller);
        Ok(caller)
    }
}

/// Names the service that may call an internal endpoint.
pub trait CallingService {
    /// The service.
    const SERVICE: Service;
}

/// Markers for [`ServiceCall`]: the service that may call.
pub mod called_by {
    use shared_config::Service;

    use super::CallingService;

    macro_rules! markers {
        ($($name:ident)*) => {$(
            #[doc = concat!("[`Service::", stringify!($name), "`]")]
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl CallingService for $name {
                const SERVICE: Service = Service::$name;
            }
        )*};
    }

    markers! { Auth CreatorHub AiEngine Channel }
}

/// A call by one service on behalf of a tenant: everybody else is refused.
#[derive(Debug, Clone, Copy)]
pub struct ServiceCall<C> {
    /// The tenant.
    pub tenant: CreatorId,
    caller: PhantomData<C>,
}

impl<S, C> FromRequestParts<S> for ServiceCall<C>
where
    S: Send + Sync,
    TokenVerifier: FromRef<S>,
    C: CallingService,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if caller.service()? != C::SERVICE {
            return Err(AuthError::ServicesOnly.into());
        }
        Ok(Self {
            tenant: caller.tenant,
            caller: PhantomData,
        })
    }
}

/// A service of the platform, on behalf of a tenant or of none.
#[derive(Debug, Clone, Copy)]
pub struct AnyServiceCall(pub Service);

impl<S> FromRequestParts<S> for AnyServiceCall
where
    S: Send + Sync,
    TokenVerifier: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let token = bearer(parts).ok_or_else(|| ApiError::unauthorized("missing_token"))?;
        Ok(Self(TokenVerifier::from_ref(state).verify_service(token)?))
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
