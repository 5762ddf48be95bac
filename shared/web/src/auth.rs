//! Who calls: the tenant comes out of a verified credential and from nowhere else.

pub mod api_key;
mod cache;
mod creator;
pub mod permit;
pub mod revocation;
mod verifier;

pub use creator::{Caller, Creator, ServiceCaller, bearer};
pub use permit::Permit;
pub use revocation::{Revocations, Subject};
pub use verifier::{Verifier, VerifierSettings};
