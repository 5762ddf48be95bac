//! What the edge found in one look at a Tenant: the only input of its plan besides the spec.

use crate::api::tenants::Tenants;

use super::wire::Account;

/// Everything that one look found.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The platform that the Tenant names.
    pub platform: PlatformFact,
    /// Whether the Tenant is in another namespace than that platform. Its authors are not those of
    /// the platform: they grant themselves nothing, and learn nothing about other accounts.
    pub guest: bool,
    /// Whether `platform` is one that accepts the Tenant's namespace no more. It is said of a
    /// Tenant that is being deleted only, whose account is still shut.
    pub withdrawn: bool,
    /// Whether the Tenant's namespace is being deleted, and everything in it.
    pub namespace_ends: bool,
    /// The account, if there is one.
    pub account: Option<Account>,
    /// The Secret with the owner's invitation.
    pub owner_secret: OwnerSecret,
    /// An older Tenant of the platform that names the same owner.
    pub rival: Option<String>,
}

/// The platform that a Tenant names.
#[derive(Debug, Clone, PartialEq)]
pub enum PlatformFact {
    /// Nobody has made it.
    Missing,
    /// It takes no Tenants of that namespace, or there is none of that name elsewhere: who is not
    /// let in does not learn which.
    NotAllowing,
    /// It takes the Tenant and cannot serve it now.
    NotReady,
    /// It takes the Tenant.
    Ready {
        /// Where browsers reach it.
        public_url: String,
        /// What it grants.
        grants: Box<Tenants>,
    },
}

/// The Secret with the owner's invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerSecret {
    /// There is none.
    Absent,
    /// There is ours.
    Ours,
    /// Somebody else's stands where ours would.
    Foreign,
}
