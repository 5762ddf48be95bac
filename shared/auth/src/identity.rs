//! What a verified credential proves: the tenant, and who acts for it.

use shared_config::Service;
use shared_models::{ApiKeyId, CreatorId, Permission, Role, SessionId, UserId};

use crate::error::AuthError;

/// The proven tenant of a request, and who acts for it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The tenant.
    pub tenant: CreatorId,
    /// Who acts.
    pub principal: Principal,
}

/// Who acts for a tenant.
#[derive(Debug, Clone)]
pub enum Principal {
    /// A signed-in user.
    User {
        /// The user.
        id: UserId,
        /// The user's role in the account.
        role: Role,
        /// The session of the sign-in.
        session: SessionId,
        /// What the token is limited to; empty when it has everything that the role permits.
        scopes: Vec<String>,
    },
    /// A machine client with an API key.
    ApiKey {
        /// The key.
        id: ApiKeyId,
        /// The only permissions that the key has.
        scopes: Vec<Permission>,
    },
    /// Another service of the platform.
    Service(Service),
}

impl Identity {
    /// The signed-in user; services and API keys are refused.
    pub const fn user(&self) -> Result<(UserId, Role, SessionId), AuthError> {
        match &self.principal {
            Principal::User {
                id, role, session, ..
            } => Ok((*id, *role, *session)),
            Principal::ApiKey { .. } | Principal::Service(_) => Err(AuthError::UsersOnly),
        }
    }

    /// Whether the caller has a permission: by role and token, or by the key's scopes. A service
    /// acts for a caller whom it has checked itself.
    pub fn has(&self, permission: Permission) -> bool {
        match &self.principal {
            Principal::User { role, scopes, .. } => {
                let in_scope =
                    scopes.is_empty() || scopes.iter().any(|scope| scope == permission.as_str());
                in_scope && role.permits(permission)
            }
            Principal::ApiKey { scopes, .. } => scopes.contains(&permission),
            Principal::Service(_) => true,
        }
    }

    /// Refuses a caller without that permission.
    pub fn require(&self, permission: Permission) -> Result<(), AuthError> {
        if self.has(permission) {
            Ok(())
        } else {
            Err(AuthError::PermissionMissing(permission))
        }
    }

    /// The calling service; users and API keys are refused.
    pub const fn service(&self) -> Result<Service, AuthError> {
        match self.principal {
            Principal::Service(service) => Ok(service),
            Principal::User { .. } | Principal::ApiKey { .. } => Err(AuthError::ServicesOnly),
        }
    }
}
