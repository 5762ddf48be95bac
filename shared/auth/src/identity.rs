//! What a verified credential proves: the tenant, who acts for it, and until when.

use std::sync::Arc;

use shared_config::Service;
use shared_models::{ApiKeyId, CreatorId, Permission, Role, SessionId, UserId};

use crate::error::AuthError;
use crate::revocation::Subject;

/// The proven tenant of a request, and who acts for it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The tenant.
    pub tenant: CreatorId,
    /// Who acts.
    pub principal: Principal,
    /// Until when the credential holds.
    pub(crate) validity: Validity,
}

/// Until when a credential holds, and what may end it before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Validity {
    /// A revocation of any of these may end the credential.
    pub(crate) subjects: Arc<[Subject]>,
    /// When it was signed or resolved, milliseconds since the epoch.
    pub(crate) issued_at: i64,
    /// Its end, seconds since the epoch, if it has one.
    pub(crate) ends_at: Option<i64>,
}

impl Validity {
    /// The subject whose revocation ends this credential, given when each was revoked.
    pub(crate) fn ended_by(&self, revoked: &[(Subject, i64)]) -> Option<Subject> {
        let ends = |(subject, revoked_at): &(Subject, i64)| match subject {
            Subject::User(_) => *revoked_at >= self.issued_at,
            Subject::Session(_)
            | Subject::Tenant(_)
            | Subject::ApiKey(_)
            | Subject::SigningKey(_) => true,
        };
        revoked
            .iter()
            .find(|entry| ends(entry))
            .map(|entry| entry.0)
    }
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

    /// Whether the caller has a permission: by role and token, by the key's scopes, or by what a
    /// service does for callers whom it has checked itself.
    pub fn has(&self, permission: Permission) -> bool {
        match &self.principal {
            Principal::User { role, scopes, .. } => {
                let in_scope =
                    scopes.is_empty() || scopes.iter().any(|scope| scope == permission.as_str());
                in_scope && role.permits(permission)
            }
            Principal::ApiKey { scopes, .. } => scopes.contains(&permission),
            Principal::Service(service) => service_may(*service, permission),
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

/// What a service may do at the public endpoints of the others. Internal endpoints name their
/// caller themselves.
const fn service_may(service: Service, permission: Permission) -> bool {
    matches!(
        (service, permission),
        (Service::Channel, Permission::AnswersCreate)
            | (Service::CreatorHub, Permission::KnowledgeSearch)
    )
}
