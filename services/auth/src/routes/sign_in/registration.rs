//! New accounts.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared_models::text::SingleLine;
use shared_models::{CreatorId, Email, Role, UserId};
use shared_web::{Body, Problem};
use utoipa::ToSchema;

use super::answer::{Confidential, SignedIn, sign_in};
use super::email_verification;
use super::refusals::{BodyRefused, Limited, Unavailable};
use crate::audit::{Action, Actor, Event};
use crate::domain::email_token::EmailToken;
use crate::domain::full_name::FullName;
use crate::domain::password_text::PasswordText;
use crate::domain::registration::Registration;
use crate::error::{Error, RegistrationRefused};
use crate::state::AppState;
use crate::store::sessions::Device;
use crate::store::{creators, directory, me, memberships, registration_invitations, users};
use crate::{limits, passwords};

/// Who wants an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    email: Email,
    password: PasswordText,
    full_name: FullName,
    company_name: Option<SingleLine<200>>,
    /// The token of an invitation, where not everybody may register.
    invitation: Option<SingleLine<200>>,
}

impl NewAccount {
    /// The company, or the person where there is none.
    fn display_name(&self) -> &str {
        let company = self.company_name.as_ref().map(SingleLine::as_str);
        company.unwrap_or_else(|| self.full_name.as_str())
    }

    /// What a password must not contain.
    fn personal(&self) -> [&str; 3] {
        let company = self.company_name.as_ref().map_or("", SingleLine::as_str);
        [self.email.as_str(), self.full_name.as_str(), company]
    }
}

/// Register a creator account.
///
/// The caller becomes its owner and is signed in.
#[utoipa::path(post, path = "/register", tag = "sign-in", request_body = NewAccount,
    responses(
        (status = 201, description = "The account, its owner, and a first session",
            body = SignedIn),
        (status = 401, description = "invalid_invitation", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "registration_closed or invitation_required",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "email_taken", body = Problem,
            content_type = "application/problem+json"),
        BodyRefused, Limited, Unavailable))]
pub(crate) async fn register(
    State(app): State<AppState>,
    device: Device,
    Body(account): Body<NewAccount>,
) -> Result<Confidential<SignedIn>, Error> {
    let invitation = admit(&app, &account).await?;
    passwords::accept(&app, &account.password, &account.personal()).await?;
    limits::take(&app.cache, limits::REGISTER, &limits::address(device.ip)).await?;
    let hash = app
        .hashing
        .hash(account.password.clone().into_secret())
        .await?;
    let created = create(&app, &account, invitation, &hash, &device).await?;
    metrics::counter!("auth_registrations_total").increment(1);
    Ok(Confidential(StatusCode::CREATED, created))
}

/// Whether this one may have an account at all. An invitation that was sent to the address is not
/// asked for where registration is open. Gives the hash of the one that is to be used up.
async fn admit(app: &AppState, account: &NewAccount) -> Result<Option<[u8; 32]>, Error> {
    match (app.accounts.registration, &account.invitation) {
        (Registration::Open, _) => Ok(None),
        (Registration::Closed, _) => Err(RegistrationRefused::Closed.into()),
        (Registration::InviteOnly, None) => Err(RegistrationRefused::InvitationRequired.into()),
        (Registration::InviteOnly, Some(token)) => {
            let hash = EmailToken::received(token.as_str().to_owned()).hash();
            registration_invitations::admits(&app.db, &hash, &account.email)
                .await?
                .then_some(Some(hash))
                .ok_or(Error::InvalidInvitation)
        }
    }
}

/// The account comes into being whole or not at all.
async fn create(
    app: &AppState,
    account: &NewAccount,
    invitation: Option<[u8; 32]>,
    hash: &str,
    device: &Device,
) -> Result<SignedIn, Error> {
    let mut tx = app.db.tenant(CreatorId::new()).await?;
    if let Some(token) = invitation
        && !registration_invitations::accept(&mut tx, &token, &account.email).await?
    {
        return Err(Error::InvalidInvitation);
    }
    let (user, company) = (
        UserId::new(),
        account.company_name.as_ref().map(SingleLine::as_str),
    );
    creators::insert(&mut tx, account.display_name(), company).await?;
    users::insert(&mut tx, user, &account.email, &account.full_name, hash).await?;
    if !directory::claim_login(&mut tx, &account.email, user).await? {
        return Err(Error::EmailTaken);
    }
    memberships::insert(&mut tx, user, Role::Owner).await?;
    let me = me::find(&mut tx, user).await?.ok_or(Error::Inconsistent)?;
    email_verification::send(app, &mut tx, &me.user).await?;
    let actor = Actor::User(user.as_uuid());
    let entry = Event::new(actor, Action::Registered, device.ip);
    let signed_in = sign_in(app, &mut tx, me, device, entry).await?;
    tx.commit().await?;
    app.post.wake();
    Ok(signed_in)
}
