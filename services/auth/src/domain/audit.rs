//! What the audit log records: who did what to which object.

use std::fmt::Display;
use std::net::IpAddr;

use shared_auth::Principal;
use shared_models::CreatorId;
use uuid::Uuid;

/// Declares the actions. Their names are part of the API. Entries are hashed and never rewritten,
/// so an action that was renamed also lists its former name, which older entries still carry.
macro_rules! actions {
    ($($variant:ident = $name:literal $(, formerly $former:literal)?;)*) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Action {
            $($variant,)*
        }

        impl Action {
            /// The name that new entries carry.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Every name that entries of this action carry: the current one and a former one.
            pub(crate) const fn names(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$name $(, $former)?],)* }
            }

            /// Parses a current or former name.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name { $($name $(| $former)? => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

actions! {
    Registered = "account.registered";
    SignedIn = "session.opened";
    SignInFailed = "session.refused";
    AccountLocked = "user.locked";
    SignedOut = "session.ended";
    TokenReused = "session.token_reused";
    ApiKeyCreated = "api_key.created", formerly "api_key.made";
    ApiKeyRevoked = "api_key.revoked";
    RoleChanged = "member.role_changed";
    MemberRemoved = "member.removed";
    MemberJoined = "member.joined";
    InviteCreated = "invite.created", formerly "invite.made";
    InviteRevoked = "invite.revoked";
    PasswordChanged = "password.changed";
    PasswordReset = "password.reset";
    SessionRevoked = "session.revoked";
    SessionsRevoked = "session.all_revoked";
    OwnerAccepted = "owner_invitation.accepted";
    SignupInvited = "registration.invited";
    SignupInvitationRevoked = "registration.invitation_revoked";
    EmailVerified = "email.verified";
    EmailChangeRequested = "email.change_requested";
    EmailChanged = "email.changed";
    TotpEnabled = "second_factor.enabled", formerly "second_factor.on";
    TotpDisabled = "second_factor.disabled", formerly "second_factor.off";
    RecoveryCodesRegenerated = "second_factor.codes_regenerated",
        formerly "second_factor.codes_made";
    KeysRotated = "signing_keys.rotated";
    KeysReplaced = "signing_keys.replaced";
    ExportRequested = "privacy.export_requested", formerly "privacy.export_asked";
    ExportDownloaded = "privacy.export_downloaded";
    ErasureRequested = "privacy.erasure_requested", formerly "privacy.erasure_asked";
    ErasureCancelled = "privacy.erasure_cancelled";
    ConsentGiven = "consent.given";
    ConsentWithdrawn = "consent.withdrawn";
    Provisioned = "tenant.provisioned";
    Adjusted = "tenant.adjusted";
    Suspended = "tenant.suspended";
    Resumed = "tenant.resumed";
    QuotaNear = "quota.near";
    QuotaReached = "quota.reached";
}

/// Who acts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Actor {
    User(Uuid),
    ApiKey(Uuid),
    /// Another service of the platform, or the operator.
    Service,
    /// A caller without a verified identity: a failed sign-in, a used email code.
    Anonymous,
}

impl Actor {
    /// The kind of actor in the database and the API.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::ApiKey(_) => "api_key",
            Self::Service => "service",
            Self::Anonymous => "nobody",
        }
    }

    /// The id of a user or API key.
    pub(crate) const fn id(self) -> Option<Uuid> {
        match self {
            Self::User(id) | Self::ApiKey(id) => Some(id),
            Self::Service | Self::Anonymous => None,
        }
    }
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        match principal {
            Principal::User { id, .. } => Self::User(id.as_uuid()),
            Principal::ApiKey { id, .. } => Self::ApiKey(id.as_uuid()),
            Principal::Service(_) => Self::Service,
        }
    }
}

/// An entry to be appended.
#[derive(Debug, Clone)]
pub(crate) struct AuditEvent {
    pub(crate) actor: Actor,
    pub(crate) action: Action,
    /// The id of the affected object; never a secret, never an email address.
    pub(crate) target: Option<String>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) request_id: String,
}

impl AuditEvent {
    /// Names the affected object.
    #[must_use]
    pub(crate) fn on(mut self, target: impl Display) -> Self {
        self.target = Some(target.to_string());
        self
    }
}

/// What the seal of an entry's hash is bound to: it opens for no other entry.
pub(crate) fn seal_context(tenant: CreatorId, seq: i64) -> String {
    format!("audit {tenant} {seq}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_action_is_found_by_its_current_and_its_former_name() {
        for name in ["api_key.created", "api_key.made"] {
            let action = Action::from_name(name).unwrap();
            assert_eq!(action, Action::ApiKeyCreated);
            assert_eq!(action.as_str(), "api_key.created");
            assert_eq!(action.names(), ["api_key.created", "api_key.made"]);
        }
        assert_eq!(Action::SignedIn.names(), ["session.opened"]);
        assert_eq!(Action::from_name("api_key.renamed"), None);
    }
}
