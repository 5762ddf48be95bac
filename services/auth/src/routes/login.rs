//! Signing in with a password.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared_db::TenantTx;
use shared_models::{CreatorId, Email, UserId};
use shared_web::{Body, ClientIp, Problem};
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::{Confidential, SignedIn, sign_in};
use super::email_verification;
use super::login_totp::SecondStepRequired;
use super::refusals::{BodyRefused, Limited, Unavailable};
use crate::audit::{self, Action, Actor, Event};
use crate::domain::password_text::PasswordText;
use crate::error::{Denied, Error};
use crate::hashing::Verdict;
use crate::limits;
use crate::second_factor::{self, Challenge};
use crate::state::AppState;
use crate::store::directory::{self, Login};
use crate::store::sessions::Device;
use crate::store::{creators, tenants, users};

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
    limits::clear(&app.cache, limits::LOGIN, &subject).await;
    Ok(Confidential(StatusCode::OK, answer))
}

/// Finds account and hash of an address. For an unknown one the account is nobody's, and every
/// statement that would follow for a known one follows for it too.
async fn find(app: &AppState, email: &Email) -> Result<(Login, Option<String>), Error> {
    let mut before = app.db.system().await?;
    let known = directory::find_login(&mut before, email).await?;
    drop(before);
    let login = known.unwrap_or_else(|| Login {
        creator: CreatorId::from(Uuid::nil()),
        user: UserId::from(Uuid::nil()),
    });
    let mut tx = app.db.tenant_read(login.creator).await?;
    let stored = users::password_hash(&mut tx, login.user).await?;
    Ok((login, stored))
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
    if !second_factor::is_on(&mut tx, login.user).await? {
        let signed_in = open_session(app, tx, login, rehashed, device).await?;
        return Ok(LoginAnswer::SignedIn(Box::new(signed_in)));
    }
    // Failures are forgotten only after both steps: a known password must not buy new guesses.
    if users::is_locked(&mut tx, login.user).await? {
        count("locked");
        return Err(Error::InvalidCredentials);
    }
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
    login: Login,
    rehashed: Option<&str>,
    device: &Device,
) -> Result<SignedIn, Error> {
    if !users::count_success(&mut tx, login.user, rehashed).await? {
        count("locked");
        return Err(Error::InvalidCredentials);
    }
    if tenants::is_suspended(&mut tx).await? {
        count("suspended");
        return Err(Error::TenantSuspended);
    }
    // `sign_in` reads the user anyway: where nobody asks for a proved address, once is enough.
    if app.accounts.verified_email_required {
        let user = users::find(&mut tx, login.user).await?;
        let user = user.ok_or(Error::Inconsistent)?;
        if user.email_verified_at.is_none() {
            email_verification::send(app, &mut tx, &user).await?;
            tx.commit().await?;
            app.post.wake();
            return Err(Denied::EmailUnverified.into());
        }
    }
    let creator = creators::read(&mut tx).await?;
    let signed_in = sign_in(app, &mut tx, creator, login.user, device).await?;
    let actor = Actor::User(login.user.as_uuid());
    audit::append(&mut tx, Event::new(actor, Action::SignedIn, device.ip)).await?;
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
