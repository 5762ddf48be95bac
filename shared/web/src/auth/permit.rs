//! A caller with a permission: the extractor of every guarded handler.

use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use shared_auth::TokenVerifier;
use shared_models::Permission;

use super::caller::Caller;
use crate::error::ApiError;

/// Names a permission in a handler's signature.
pub trait RequiredPermission {
    /// The permission.
    const PERMISSION: Permission;
}

/// The verified caller, who has the permission `P`.
#[derive(Debug, Clone)]
pub struct Permit<P>(Caller, PhantomData<P>);

impl<P> Deref for Permit<P> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<S, P> FromRequestParts<S> for Permit<P>
where
    S: Send + Sync,
    TokenVerifier: FromRef<S>,
    P: RequiredPermission,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.require(P::PERMISSION)?;
        Ok(Self(caller, PhantomData))
    }
}

/// Declares a marker type for each permission.
macro_rules! permission_types {
    ($($name:ident)*) => {$(
        #[doc = concat!("[`Permission::", stringify!($name), "`]")]
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl RequiredPermission for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )*};
}

permission_types! {
    AccountRead AccountManage AnswersCreate ApiKeysManage AssistantRead AssistantWrite AuditRead
    ChannelsRead ChannelsWrite
    ConversationsRead ConversationsWrite DocumentsRead DocumentsWrite GenerationsRead
    InvitesManage KnowledgeSearch MembersRead MembersManage ModelsRead PrivacyManage ProfileRead
    ProfileWrite UsageRead
}
