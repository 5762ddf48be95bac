//! Signing in with a password.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared_db::TenantTx;
use shared_models::{Email, UserId};
use shared_web::{Body, ClientIp, Problem};
use utoipa::ToSchema;

use super::answer::{Confidential, SignedIn, new_session};
use super::email_verification;
use super::login_totp::SecondStepRequired;
use super::refusals::{BodyRefused, Limited, Unavailable};
use crate::audit::{self, Action, Actor, Event};
use crate::domain::password_text::PasswordText;
use crate::domain::refresh_token::RefreshToken;
use crate::error::{Denied, Error};
use crate::hashing::Verdict;
use crate::limits;
use crate::second_factor::Challenge;
use crate::state::AppState;
use crate::store::admission::{self, Admission, Attempt, Outcome};
use crate::store::directory::{self, Login};
use crate::store::sessions::Device;
use crate::store::users;

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
    // For an unknown address the account is nobody's, and every statement that would follow for a
    // known one follows for it too.
    let (login, stored) = directory::find_credentials(&app.db, &email).await?;
    let verdict = app.hashing.verify(password.into_secret(), stored.clone());
    let Verdict::Right { rehashed } = verdict.await? else {
        return Err(reject(&app, login, device.ip).await?);
    };
    let hashes = (stored.as_deref(), rehashed.as_deref());
    let answer = admit(&app, login, hashes, &device).await?;
    limits::clear(&app.cache, limits::LOGIN, &subject);
    Ok(Confidential(StatusCode::OK, answer))
}

/// After the right password: a session, or the question for the second factor.
async fn admit(
    app: &AppState,
    login: Login,
    (stored, rehashed): (Option<&str>, Option<&str>),
    device: &Device,
) -> Result<LoginAnswer, Error> {
    let proved = Proved {
        user: login.user,
        new_hash: rehashed,
        second_factor: false,
    };
    let tx = app.db.tenant(login.creator).await?;
    let mut tx = match open_session(app, tx, &proved, device).await? {
        Opening::Opened(signed_in) => return Ok(LoginAnswer::SignedIn(signed_in)),
        Opening::SecondFactor(tx) => tx,
    };
    // Failures are forgotten only after both steps: a known password must not buy new guesses.
    if let Some(hash) = rehashed {
        users::set_password(&mut tx, login.user, hash).await?;
    }
    tx.commit().await?;
    let hash = rehashed.or(stored).unwrap_or_default();
    let challenge = Challenge::new(login.creator, login.user, hash).seal(&app.encryptor)?;
    let asked = SecondStepRequired::of(challenge);
    Ok(LoginAnswer::SecondStepRequired(asked))
}

/// What somebody has proved who wants a session.
#[derive(Debug)]
pub(super) struct Proved<'a> {
    pub(super) user: UserId,
    /// The password again, hashed with today's parameters.
    pub(super) new_hash: Option<&'a str>,
    pub(super) second_factor: bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Opening {
    Opened(Box<SignedIn>),
    /// Asked for, and not proved; nothing has changed.
    SecondFactor(TenantTx),
}

/// Opens a session for one who has proved everything.
pub(super) async fn open_session(
    app: &AppState,
    mut tx: TenantTx,
    proved: &Proved<'_>,
    device: &Device,
) -> Result<Opening, Error> {
    let token = RefreshToken::random()?;
    let actor = Actor::User(proved.user.as_uuid());
    let entry = Event::new(actor, Action::SignedIn, device.ip);
    let attempt = Attempt {
        session: new_session(app, proved.user, device, &token, entry),
        new_hash: proved.new_hash,
        second_factor_proved: proved.second_factor,
        verified_email_required: app.accounts.verified_email_required,
    };
    let admission = admission::admit(&mut tx, &attempt).await?;
    let Admission { me, outcome } = admission.ok_or(Error::InvalidCredentials)?;
    let (word, error) = match outcome {
        Outcome::SecondFactor => return Ok(Opening::SecondFactor(tx)),
        Outcome::Opened => {
            let signed_in = SignedIn::of(app, &tx, me, attempt.session.id, token).await?;
            tx.commit().await?;
            count("success");
            return Ok(Opening::Opened(Box::new(signed_in)));
        }
        Outcome::Unverified => {
            email_verification::send(app, &mut tx, &me.user).await?;
            tx.commit().await?;
            app.post.wake();
            ("unverified", Denied::EmailUnverified.into())
        }
        Outcome::Locked => ("locked", Error::InvalidCredentials),
        Outcome::Suspended => ("suspended", Error::TenantSuspended),
    };
    count(word);
    Err(error)
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
