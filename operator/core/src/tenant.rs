//! `Tenant`, decided purely: what an account shall be, what has to be done, what is told of it.

pub mod facts;
mod goodbye;
pub mod plan;
mod quotas;
pub mod status;
pub mod wire;
pub mod wish;

pub use facts::{Facts, OwnerSecret, PlatformFact};
pub use plan::{Step, TenantPlan, plan};
pub use status::{Outcome, status};
pub use wire::{Account, Wish};

/// Keeps a Tenant until its account is as its deletion policy says.
pub const FINALIZER: &str = "creatorplatform.io/tenant";
/// Annotation whose value `true` lets a Tenant go without its account: the escape when the
/// platform is gone for good. The account's data stays wherever it is.
pub const ABANDON_ANNOTATION: &str = "creatorplatform.io/abandon";
/// Label of the owner's Secret: the name of the Tenant.
pub const OWNER_OF: &str = "creatorplatform.io/owner-of";

/// The Secret with the owner's invitation.
pub fn owner_secret(tenant: &str) -> String {
    // Names of Tenants have at most 63 characters, those of Secrets up to 253.
    format!("{tenant}-owner")
}
