//! Verification of a user's email address.

use shared_db::TenantTx;
use shared_web::{Caller, ClientIp};

use crate::app::{audit, limits};
use crate::domain::audit::{Action, Actor};
use crate::domain::email::{self, VERIFICATION_TTL};
use crate::domain::email_token::{EmailToken, Purpose};
use crate::error::{Denied, Error};
use crate::state::AppState;
use crate::store::login_lookup::Login;
use crate::store::users::UserRow;
use crate::store::{email_tokens, me, users};

/// Sends another verification email to the signed-in user.
pub(crate) async fn request(app: &AppState, caller: &Caller) -> Result<(), Error> {
    let (id, _, session) = caller.user()?;
    let limit_subject = id.to_string();
    limits::enforce(&app.cache, limits::VERIFICATION_EMAIL, &limit_subject).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    let found = me::find_signed_in(&mut tx, id, session).await?;
    let user = found.ok_or(Error::SessionEnded)?.user;
    if user.email_verified_at.is_some() {
        return Err(Denied::AlreadyVerified.into());
    }
    send(app, &mut tx, &user).await?;
    tx.commit().await?;
    Ok(())
}

/// Verifies an address with the code of an email.
pub(crate) async fn confirm(app: &AppState, token: String, ip: ClientIp) -> Result<(), Error> {
    limits::enforce(&app.cache, limits::EMAIL_CODE, &limits::by_ip(ip)).await?;
    let purpose = Purpose::EmailVerification;
    let hash = EmailToken::received(token).hash();
    let owner = email_tokens::find(&app.db, purpose, &hash).await?;
    let Login { creator, user } = owner.ok_or(Denied::InvalidCode)?;
    let mut tx = app.db.tenant(creator).await?;
    if !email_tokens::consume(&mut tx, purpose, &hash).await? {
        return Err(Denied::InvalidCode.into());
    }
    users::verify_email(&mut tx, user).await?;
    let actor = Actor::User(user.as_uuid());
    audit::append(&mut tx, audit::event(actor, Action::EmailVerified, ip)).await?;
    tx.commit().await?;
    Ok(())
}

/// Queues the verification email in the transaction of the change that requires it.
pub(crate) async fn send(app: &AppState, tx: &mut TenantTx, user: &UserRow) -> Result<(), Error> {
    let token = EmailToken::random()?;
    let purpose = Purpose::EmailVerification;
    email_tokens::replace(tx, user.id, purpose, &token.hash(), VERIFICATION_TTL).await?;
    let links = &app.mailer.links;
    let message = email::verification(links, &user.email, token.as_str());
    app.mailer.enqueue(tx, &message).await
}
