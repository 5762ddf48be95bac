//! Registration of new accounts.

use shared_models::text::SingleLine;
use shared_models::{CreatorId, Email, Role, UserId};

use super::session::{self, SignedInUser};
use crate::app::account::email_verification;
use crate::app::security::password;
use crate::app::team::members;
use crate::app::{audit, limits};
use crate::domain::audit::{Action, Actor};
use crate::domain::credentials::NewPassword;
use crate::domain::device::Device;
use crate::domain::email_token::EmailToken;
use crate::domain::full_name::FullName;
use crate::domain::registration::Registration;
use crate::error::{Error, RegistrationRefused};
use crate::state::AppState;
use crate::store::{creators, login_lookup, me, signup_invitations, users};

/// A requested account.
#[derive(Debug)]
pub(crate) struct NewAccount {
    pub(crate) email: Email,
    pub(crate) password: NewPassword,
    pub(crate) full_name: FullName,
    pub(crate) company_name: Option<SingleLine<200>>,
    /// The token of an invitation.
    pub(crate) invitation: Option<SingleLine<200>>,
}

impl NewAccount {
    fn company(&self) -> Option<&str> {
        self.company_name.as_ref().map(SingleLine::as_str)
    }

    /// The company, or the person where there is none.
    fn display_name(&self) -> &str {
        self.company().unwrap_or_else(|| self.full_name.as_str())
    }

    /// What the password must not contain.
    fn personal(&self) -> [&str; 3] {
        let company = self.company().unwrap_or("");
        [self.email.as_str(), self.full_name.as_str(), company]
    }
}

/// Creates an account with its owner and a first session.
pub(crate) async fn register(
    app: &AppState,
    account: &NewAccount,
    device: &Device,
) -> Result<SignedInUser, Error> {
    let invitation = check_admission(app, account).await?;
    password::enforce_policy(app, &account.password, &account.personal()).await?;
    limits::enforce(&app.cache, limits::REGISTER, &limits::by_ip(device.ip)).await?;
    let password = account.password.clone().into_secret();
    let hash = app.password_hasher.hash(device.ip, password).await?;
    let signed_in = create(app, account, invitation, &hash, device).await?;
    metrics::counter!("auth_registrations_total").increment(1);
    Ok(signed_in)
}

/// Checks that this person may register, and returns the hash of the invitation that is used.
/// Where registration is open, an invitation is neither required nor used.
async fn check_admission(app: &AppState, account: &NewAccount) -> Result<Option<[u8; 32]>, Error> {
    match (app.accounts.registration, &account.invitation) {
        (Registration::Open, _) => Ok(None),
        (Registration::Closed, _) => Err(RegistrationRefused::Closed.into()),
        (Registration::InviteOnly, None) => Err(RegistrationRefused::InvitationRequired.into()),
        (Registration::InviteOnly, Some(token)) => {
            let hash = EmailToken::received(token.as_str().to_owned()).hash();
            signup_invitations::is_valid(&app.db, &hash, &account.email)
                .await?
                .then_some(Some(hash))
                .ok_or(Error::InvalidInvitation)
        }
    }
}

/// Creates everything in one transaction.
async fn create(
    app: &AppState,
    account: &NewAccount,
    invitation: Option<[u8; 32]>,
    hash: &str,
    device: &Device,
) -> Result<SignedInUser, Error> {
    let mut tx = app.db.tenant(CreatorId::new()).await?;
    if let Some(token) = invitation
        && !signup_invitations::accept(&mut tx, &token, &account.email).await?
    {
        return Err(Error::InvalidInvitation);
    }
    let user = UserId::new();
    creators::insert(&mut tx, account.display_name(), account.company()).await?;
    users::insert(&mut tx, user, &account.email, &account.full_name, hash).await?;
    if !login_lookup::claim_login(&mut tx, &account.email, user).await? {
        return Err(Error::EmailTaken);
    }
    members::add(app, &mut tx, user, Role::Owner).await?;
    let me = me::find(&mut tx, user).await?.ok_or(Error::Inconsistent)?;
    email_verification::send(app, &mut tx, &me.user).await?;
    let actor = Actor::User(user.as_uuid());
    let audit_event = audit::event(actor, Action::Registered, device.ip);
    let signed_in = session::open(app, &mut tx, me, device, audit_event).await?;
    tx.commit().await?;
    Ok(signed_in)
}
