//! The audit log: who did what, in a chain that shows every change.

use shared_auth::Principal;
use shared_db::TenantTx;
use shared_web::{ClientIp, access_log};
use uuid::Uuid;

use crate::store::audit_log;

/// What is written down. The words are part of the API.
macro_rules! actions {
    ($($name:ident = $word:literal, $doc:literal;)*) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Action {
            $(#[doc = $doc] $name,)*
        }

        impl Action {
            /// The word in the log.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The action of that word.
            pub(crate) fn from_name(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)* _ => None }
            }
        }
    };
}

actions! {
    Registered = "account.registered", "An account came into being.";
    SignedIn = "session.opened", "Somebody signed in.";
    SignInFailed = "session.refused", "A wrong password, or a locked account.";
    AccountLocked = "user.locked", "Too many wrong passwords in a row.";
    SignedOut = "session.ended", "A session was ended by its user.";
    TokenReused = "session.token_reused", "A used refresh token came again; its session ended.";
    ApiKeyMade = "api_key.made", "An API key was made.";
    ApiKeyRevoked = "api_key.revoked", "An API key was revoked.";
    RoleChanged = "member.role_changed", "A member has another role.";
    MemberRemoved = "member.removed", "A member was removed.";
    MemberJoined = "member.joined", "An invite was accepted.";
    InviteMade = "invite.made", "Somebody was invited.";
    InviteRevoked = "invite.revoked", "An invite was taken back.";
    PasswordChanged = "password.changed", "A user set another password.";
    PasswordReset = "password.reset", "A letter's code set another password.";
    SessionRevoked = "session.revoked", "A user ended a session of theirs elsewhere.";
    SessionsRevoked = "session.all_revoked", "A user ended all of their sessions.";
    OwnerAccepted = "owner_invitation.accepted", "The owner whom a resource named came in.";
    RegistrationInvited = "registration.invited", "Somebody was invited to open an account.";
    RegistrationInvitationRevoked = "registration.invitation_revoked",
        "An invitation to open an account was taken back.";
    EmailVerified = "email.verified", "A letter's code proved the address.";
    SecondFactorOn = "second_factor.on", "Sign-in asks for an authenticator app.";
    SecondFactorOff = "second_factor.off", "Sign-in asks for the password only.";
    RecoveryCodesMade = "second_factor.codes_made", "New recovery codes; the old work no more.";
    KeysRotated = "signing_keys.rotated", "An administrator changed the key that signs tokens.";
    KeysReplaced = "signing_keys.replaced", "An administrator ended keys that others may have.";
    ExportAsked = "privacy.export_asked", "A copy of everything was asked for.";
    ErasureAsked = "privacy.erasure_asked", "The account is to be erased.";
    ErasureCancelled = "privacy.erasure_cancelled", "The account stays after all.";
    ConsentGiven = "consent.given", "A user agreed to something.";
    ConsentWithdrawn = "consent.withdrawn", "A user took an agreement back.";
    Provisioned = "tenant.provisioned", "A resource made the account.";
    Adjusted = "tenant.adjusted", "A resource changed plan, quotas, origins or name.";
    Suspended = "tenant.suspended", "A resource shut the account.";
    Resumed = "tenant.resumed", "A resource opened the account again.";
}

/// Who acts, as the log names it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Actor {
    /// A signed-in user.
    User(Uuid),
    /// A program.
    ApiKey(Uuid),
    /// Another service of the platform.
    Service,
    /// Somebody who did not prove who it is.
    Nobody,
}

impl From<&Principal> for Actor {
    fn from(caller: &Principal) -> Self {
        match caller {
            Principal::User { id, .. } => Self::User(id.as_uuid()),
            Principal::ApiKey { id, .. } => Self::ApiKey(id.as_uuid()),
            Principal::Service(_) => Self::Service,
        }
    }
}

/// One entry to be written.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) actor: Actor,
    pub(crate) action: Action,
    /// The id of what it was done to; never a secret, never an address.
    pub(crate) target: Option<String>,
    pub(crate) ip: Option<ClientIp>,
    pub(crate) request_id: String,
}

impl Event {
    /// An entry about something with an id.
    pub(crate) fn new(actor: Actor, action: Action, ip: ClientIp) -> Self {
        Self {
            actor,
            action,
            target: None,
            ip: Some(ip),
            request_id: access_log::current_request_id(),
        }
    }

    /// An entry about what the platform itself does.
    pub(crate) fn of_the_platform(action: Action) -> Self {
        Self {
            actor: Actor::Service,
            action,
            target: None,
            ip: None,
            request_id: access_log::current_request_id(),
        }
    }

    /// Names what it was done to.
    #[must_use]
    pub(crate) fn on(mut self, target: impl std::fmt::Display) -> Self {
        self.target = Some(target.to_string());
        self
    }
}

/// Writes an entry with the deed: both last or neither does. What is refused commits its entry
/// before it answers.
pub(crate) async fn append(tx: &mut TenantTx, event: Event) -> sqlx::Result<()> {
    audit_log::append(tx, &event).await
}
