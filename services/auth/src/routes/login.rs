//! Signing in with a password.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared_db::TenantTx;
use shared_models::Email;
use shared_web::{Body, ClientIp, Problem};
use utoipa::ToSchema;

use super::answer::{Confidential, SignedIn, sign_in};
use super::email_verification;
use super::login_totp::SecondStepRequired;
use super::refusals::{BodyRefused, Limited, Unavailable};
use crate::audit::{self, Action, Actor, Event};
use crate::domain::password_text::PasswordText;
use crate::error::{Denied, Error};
use crate::hashing::Verdict;
use crate::limits;
use crate::second_factor::Challenge;
use crate::state::AppState;
use crate::store::directory::{self, Login};
use crate::store::me::{Admission, Step};
use crate::store::sessions::Device;
use crate::store::{me, users};

/// An address and its password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    email: Email,
    password: PasswordText,
}

/// A session, or the question for the second factor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum LoginAnswer {
    SignedIn(Box<SignedIn>),
    SecondStepRequired(SecondStepRequired),
}

/// Sign in.
///
/// An unknown address, a wrong password and a locked account give one and the same answer after
/// the same work. Five wrong passwords in a row lock an account for 30 minutes, in which the right
/// one is refused like a wrong one.
#[utoipa::path(post, path = "/login", tag = "sign-in", request_body = Credentials,
    responses(
        (status = 200, description = "The account, the person, and a new session; or, where a
            second factor is on, the challenge for it", body = LoginAnswer),
        (status = 401, description = "invalid_credentials", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "tenant_suspended; email_unverified, where the platform asks
            for that; both after the right password", body = Problem,
            content_type = "application/problem+json"),
        BodyRefused, Limited, Unavailable))]
pub(crate) async fn login(
    State(app): State<AppState>,
    device: Device,
    Body(Credentials { email, password }): Body<Credentials>,
) -> Result<Confidential<LoginAnswer>, Error> {
    let subject = limits::address_and_account(device.ip, &email);
    limits::take(&app.cache, limits::LOGIN, &subject).await?;
    let (login, stored) = find(&app, &email).await?;
    let verdict = app.hashing.verify(password.into_secret(), stored.clone());
    let Verdict::Right { rehashed } = verdict.await? else {
        return Err(reject(&app, login, device.ip).await?);
    };
    let (stored, rehashed) = (stored.as_deref(), rehashed.as_deref());
    let answer = admit(&app, login, stored, rehashed, &device).await?;
    limits::clear(&app.cache, limits::LOGIN, &subject);
    Ok(Confidential(StatusCode::OK, answer))
}

/// Finds account and hash of an address. For an unknown one the account is nobody's, and every
/// statement that would follow for a known one follows for it too.
async fn find(app: &AppState, email: &Email) -> Result<(Login, Option<String>), Error> {
    let mut before = app.db.system().await?;
    Ok(directory::find_credentials(&mut before, email).await?)
}

/// After the right password: a session, or the question for the second factor.
async fn admit(
    app: &AppState,
    login: Login,
    stored: Option<&str>,
    rehashed: Option<&str>,
    device: &Device,
) -> Result<LoginAnswer, Error> {
    let mut tx = app.db.tenant(login.creator).await?;
    let found = me::admit(&mut tx, login.user, rehashed, false).await?;
    let found = found.ok_or(Error::InvalidCredentials)?;
    if found.step != Step::SecondFactor {
        let signed_in = open_session(app, tx, found, device).await?;
        return Ok(LoginAnswer::SignedIn(Box::new(signed_in)));
    }
    // Failures are forgotten only after both steps: a known password must not buy new guesses.
    if let Some(hash) = rehashed {
        users::set_password(&mut tx, login.user, hash).await?;
    }
    tx.commit().await?;
    let hash = rehashed.or(stored).unwrap_or_default();
    let challenge = Challenge::new(login.creator, login.user, hash);
    let challenge = challenge.seal(&app.sealer)?;
    Ok(LoginAnswer::SecondStepRequired(SecondStepRequired::of(
        challenge,
    )))
}

/// Opens a session for one who has proved everything.
pub(super) async fn open_session(
    app: &AppState,
    mut tx: TenantTx,
    found: Admission,
    device: &Device,
) -> Result<SignedIn, Error> {
    if found.step != Step::Counted {
        count("locked");
        return Err(Error::InvalidCredentials);
    }
    if found.suspended {
        count("suspended");
        return Err(Error::TenantSuspended);
    }
    let user = &found.me.user;
    if app.accounts.verified_email_required && user.email_verified_at.is_none() {
        email_verification::send(app, &mut tx, user).await?;
        tx.commit().await?;
        app.post.wake();
        return Err(Denied::EmailUnverified.into());
    }
    let actor = Actor::User(user.id.as_uuid());
    let entry = Event::new(actor, Action::SignedIn, device.ip);
    let signed_in = sign_in(app, &mut tx, found.me, device, entry).await?;
    tx.commit().await?;
    count("success");
    Ok(signed_in)
}

/// The failure is committed before it is answered: no rollback forgets it.
async fn reject(app: &AppState, login: Login, ip: ClientIp) -> Result<Error, Error> {
    let mut tx = app.db.tenant(login.creator).await?;
    let locked = users::count_failure(&mut tx, login.user).await?;
    let action = if locked {
        Action::AccountLocked
    } else {
        Action::SignInFailed
    };
    audit::append(
        &mut tx,
        Event::new(Actor::Nobody, action, ip).on(login.user),
    )
    .await?;
    tx.commit().await?;
    if locked {
        tracing::warn!(user = %login.user, "account locked after wrong passwords");
    }
    count(if locked { "locked" } else { "wrong" });
    Ok(Error::InvalidCredentials)
}

fn count(outcome: &'static str) {
    metrics::counter!("auth_logins_total", "outcome" => outcome).increment(1);
}
