//! A caller who has a permission: the extractor that every guarded handler asks for.

use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use shared_models::Permission;

use super::creator::Creator;
use super::verifier::Verifier;
use crate::error::ApiError;

/// Names a permission in a handler's signature.
pub trait Needed {
    /// The permission.
    const PERMISSION: Permission;
}

/// The proven tenant, and the proof that its caller has the permission `P`.
#[derive(Debug, Clone)]
pub struct Permit<P>(Creator, PhantomData<P>);

impl<P> Deref for Permit<P> {
    type Target = Creator;

    fn deref(&self) -> &Creator {
        &self.0
    }
}

impl<S, P> FromRequestParts<S> for Permit<P>
where
    S: Send + Sync,
    Verifier: FromRef<S>,
    P: Needed,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let creator = Creator::from_request_parts(parts, state).await?;
        creator.require(P::PERMISSION)?;
        Ok(Self(creator, PhantomData))
    }
}

/// Declares a type for each permission, under the permission's name.
macro_rules! needed {
    ($($name:ident)*) => {$(
        #[doc = concat!("[`Permission::", stringify!($name), "`]")]
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Needed for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )*};
}

needed! {
    AccountRead AccountManage AnswersCreate ApiKeysManage AuditRead ChannelsRead ChannelsWrite
    ConversationsRead ConversationsWrite DocumentsRead DocumentsWrite GenerationsRead
    InvitesManage KnowledgeSearch MembersRead MembersManage ModelsRead PrivacyManage ProfileRead
    ProfileWrite UsageRead
}
