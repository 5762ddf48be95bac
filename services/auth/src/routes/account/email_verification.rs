//! Proof that an e-mail address is the account's own.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared_db::TenantTx;
use shared_web::{Body, Caller, ClientIp, Problem};
use utoipa::ToSchema;

use super::refusals::{BodyRefused, Limited, TokenRefused, Unavailable};
use crate::audit::{self, Action, Actor, Event};
use crate::domain::email_token::{EmailToken, Purpose};
use crate::error::{Denied, Error};
use crate::limits;
use crate::mail::letters;
use crate::state::AppState;
use crate::store::users::UserRow;
use crate::store::{directory, email_tokens, me, users};

/// The code of a letter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailProof {
    token: String,
}

/// Ask for the letter that proves your address, once more.
#[utoipa::path(post, path = "/email/verification", tag = "me", security(("bearer" = [])),
    responses(
        (status = 202, description = "A letter is on its way; an older one works no more"),
        (status = 409, description = "already_verified", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Limited, Unavailable))]
pub(crate) async fn request_verification(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<StatusCode, Error> {
    let (id, _, session) = caller.user()?;
    limits::take(&app.cache, limits::VERIFY, &id.to_string()).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    let user = me::find_signed_in(&mut tx, id, session).await?;
    let user = user.ok_or(Error::SessionEnded)?.user;
    if user.email_verified_at.is_some() {
        return Err(Denied::AlreadyVerified.into());
    }
    send(&app, &mut tx, &user).await?;
    tx.commit().await?;
    app.post.wake();
    Ok(StatusCode::ACCEPTED)
}

/// Prove an address by the code of a letter.
#[utoipa::path(post, path = "/email/verification/confirm", tag = "me",
    request_body = EmailProof,
    responses(
        (status = 204, description = "The address is proved"),
        BodyRefused, Limited, Unavailable))]
pub(crate) async fn confirm_verification(
    State(app): State<AppState>,
    ip: ClientIp,
    Body(EmailProof { token }): Body<EmailProof>,
) -> Result<StatusCode, Error> {
    limits::take(&app.cache, limits::CONFIRM, &limits::address(ip)).await?;
    let (purpose, hash) = (
        Purpose::EmailVerification,
        EmailToken::received(token).hash(),
    );
    let owner = email_tokens::find(&app.db, purpose, &hash).await?;
    let directory::Login { creator, user } = owner.ok_or(Denied::InvalidCode)?;
    let mut tx = app.db.tenant(creator).await?;
    if !email_tokens::consume(&mut tx, purpose, &hash).await? {
        return Err(Denied::InvalidCode.into());
    }
    users::verify_email(&mut tx, user).await?;
    let actor = Actor::User(user.as_uuid());
    audit::append(&mut tx, Event::new(actor, Action::EmailVerified, ip)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes the letter, in the transaction of what it follows from.
pub(crate) async fn send(app: &AppState, tx: &mut TenantTx, user: &UserRow) -> Result<(), Error> {
    let token = EmailToken::random()?;
    let (purpose, life) = (Purpose::EmailVerification, letters::VERIFICATION_LIFE);
    email_tokens::put(tx, user.id, purpose, &token.hash(), life).await?;
    let (to, name) = (&user.email, &user.full_name);
    let letter = letters::verification(&app.post, to, name, token.as_str());
    app.post.put(tx, &letter).await
}
