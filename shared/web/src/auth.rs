//! Extractors for verified callers: the tenant comes out of a credential and from nowhere else.

mod caller;
pub mod permit;

pub use caller::{AnyServiceCall, Caller, CallingService, ServiceCall, bearer, called_by};
pub use permit::Permit;
pub use shared_auth::{Identity, Principal};
