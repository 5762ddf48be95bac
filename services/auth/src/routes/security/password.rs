//! A new password: by who knows the old one, or by a letter.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared_auth::Subject;
use shared_models::Email;
use shared_web::{Body, Caller, ClientIp, Problem};
use utoipa::ToSchema;

use super::refusals::{BodyRefused, Limited, TokenRefused, Unavailable};
use crate::audit::{self, Action, Actor, Event};
use crate::domain::email_token::{EmailToken, Purpose};
use crate::domain::password_text::PasswordText;
use crate::error::{Denied, Error};
use crate::mail::letters;
use crate::state::AppState;
use crate::store::session_list;
use crate::store::sessions::Revocation;
use crate::store::{directory, email_tokens, me, reset_requests, users};
use crate::{ending, limits, passwords, reauthentication};

/// The old password and the new one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    current_password: PasswordText,
    new_password: PasswordText,
}

/// Whose password was forgotten.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetRequest {
    email: Email,
}

/// The code of a letter, and the new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reset {
    token: String,
    new_password: PasswordText,
}

/// Change the password.
///
/// Ends every other session. A letter tells the owner of the address.
#[utoipa::path(post, path = "/password/change", tag = "password",
    request_body = PasswordChange, security(("bearer" = [])),
    responses(
        (status = 204, description = "The password is changed"),
        (status = 403, description = "wrong_password, or users_only", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, BodyRefused, Limited, Unavailable))]
pub(crate) async fn change_password(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Body(change): Body<PasswordChange>,
) -> Result<StatusCode, Error> {
    let (user, _, session) = caller.user()?;
    let mut reading = app.db.tenant_read(caller.tenant).await?;
    let known = me::find_signed_in(&mut reading, user, session).await?;
    let known = known.ok_or(Error::SessionEnded)?.user;
    drop(reading);
    let PasswordChange {
        current_password,
        new_password,
    } = change;
    let unchanged = current_password.as_str() == new_password.as_str();
    reauthentication::check(&app, caller.tenant, user, current_password).await?;
    if unchanged {
        return Err(Denied::SamePassword.into());
    }
    passwords::accept(&app, &new_password, &[&known.email, &known.full_name]).await?;
    let hash = app.hashing.hash(new_password.into_secret()).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    users::set_password(&mut tx, user, &hash).await?;
    email_tokens::void(&mut tx, user, Purpose::PasswordReset).await?;
    let reason = Revocation::PasswordChanged;
    let ended = session_list::revoke_all(&mut tx, user, Some(session), reason).await?;
    let changed = Event::new((&caller.principal).into(), Action::PasswordChanged, ip).on(user);
    audit::append(&mut tx, changed).await?;
    let letter = letters::password_changed(&known.email, &known.full_name);
    app.post.put(&mut tx, &letter).await?;
    tx.commit().await?;
    app.post.wake();
    let ended: Vec<_> = ended.into_iter().map(Subject::Session).collect();
    ending::tell_surely(&app, &ended).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for a new password.
///
/// The answer is the same, and takes as long, whether the address has an account or not.
#[utoipa::path(post, path = "/password/reset", tag = "password", request_body = ResetRequest,
    responses(
        (status = 202, description = "If the address has an account, a letter is on its way"),
        BodyRefused, Limited, Unavailable))]
pub(crate) async fn request_password_reset(
    State(app): State<AppState>,
    ip: ClientIp,
    Body(ResetRequest { email }): Body<ResetRequest>,
) -> Result<StatusCode, Error> {
    let (from, to) = (limits::address(ip), limits::account(&email));
    limits::take(&app.cache, limits::RESET_FROM, &from).await?;
    limits::take(&app.cache, limits::RESET_FOR, &to).await?;
    let mut tx = app.db.system().await?;
    reset_requests::ask(&mut tx, &email).await?;
    tx.commit().await?;
    app.post.wake();
    Ok(StatusCode::ACCEPTED)
}

/// Set a new password by the code of a letter.
///
/// The code works once and for an hour, and only the newest one does. Every session ends; so does
/// a lock of the account. A second factor stays.
#[utoipa::path(post, path = "/password/reset/confirm", tag = "password", request_body = Reset,
    responses(
        (status = 204, description = "The password is set; sign in with it"),
        BodyRefused, Limited, Unavailable))]
pub(crate) async fn confirm_password_reset(
    State(app): State<AppState>,
    ip: ClientIp,
    Body(reset): Body<Reset>,
) -> Result<StatusCode, Error> {
    limits::take(&app.cache, limits::CONFIRM, &limits::address(ip)).await?;
    let (purpose, token) = (Purpose::PasswordReset, EmailToken::received(reset.token));
    let owner = email_tokens::find(&app.db, purpose, &token.hash()).await?;
    let directory::Login { creator, user } = owner.ok_or(Denied::InvalidCode)?;
    let mut reading = app.db.tenant_read(creator).await?;
    let known = users::find(&mut reading, user)
        .await?
        .ok_or(Denied::InvalidCode)?;
    drop(reading);
    let password = reset.new_password;
    passwords::accept(&app, &password, &[&known.email, &known.full_name]).await?;
    let hash = app.hashing.hash(password.into_secret()).await?;
    let mut tx = app.db.tenant(creator).await?;
    if !email_tokens::consume(&mut tx, purpose, &token.hash()).await? {
        return Err(Denied::InvalidCode.into());
    }
    users::set_password(&mut tx, user, &hash).await?;
    users::unlock(&mut tx, user).await?;
    // The letter arrived: that proves the address as well as the other letter would.
    users::verify_email(&mut tx, user).await?;
    session_list::revoke_all(&mut tx, user, None, Revocation::PasswordReset).await?;
    let set = Event::new(Actor::Nobody, Action::PasswordReset, ip).on(user);
    audit::append(&mut tx, set).await?;
    let letter = letters::password_changed(&known.email, &known.full_name);
    app.post.put(&mut tx, &letter).await?;
    tx.commit().await?;
    app.post.wake();
    ending::tell_surely(&app, &[Subject::User(user)]).await;
    Ok(StatusCode::NO_CONTENT)
}
