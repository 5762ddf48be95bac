//! Where the bearer token of a call comes from.

use std::fmt::Debug;

use shared_config::Service;
use shared_models::CreatorId;

/// Signs the token of a call. Implemented by `shared-auth`, which depends on this crate.
pub trait TokenSource: Debug + Send + Sync {
    /// A token for `target`, on behalf of a tenant or of none.
    fn token(&self, target: Service, tenant: Option<CreatorId>) -> Result<String, NoToken>;
}

/// The token could not be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot sign a service token: {0}")]
pub struct NoToken(pub String);
