//! Sign-in with a password and, where enabled, a second factor.

use shared_db::TenantTx;
use shared_models::UserId;
use shared_web::ClientIp;

use super::challenge::Challenge;
use super::session::{self, SignedInUser, issue_tokens, new_session};
use crate::app::account::email_verification;
use crate::app::security::password_hasher::PasswordCheck;
use crate::app::security::totp::{self, Proof};
use crate::app::{audit, limits};
use crate::domain::audit::{Action, Actor};
use crate::domain::credentials::PasswordText;
use crate::domain::device::Device;
use crate::domain::login_address::LoginAddress;
use crate::domain::refresh_token::RefreshToken;
use crate::error::{Denied, Error};
use crate::state::AppState;
use crate::store::login_lookup::{self, Login};
use crate::store::sign_in::{self, SignIn, SignInOutcome, SignInRow};
use crate::store::users;

/// The outcome of the first step.
#[derive(Debug)]
pub(crate) enum LoginOutcome {
    SignedIn(Box<SignedInUser>),
    SecondFactorRequired { challenge: String },
}

/// The second step as a client sends it.
#[derive(Debug)]
pub(crate) struct SecondStep {
    pub(crate) challenge: String,
    pub(crate) code: Option<String>,
    pub(crate) recovery_code: Option<String>,
}

/// What a user who wants to sign in has proved.
#[derive(Debug)]
struct VerifiedCredentials<'a> {
    user: UserId,
    /// The password hashed with the current parameters, when the stored hash has others.
    new_hash: Option<&'a str>,
    second_factor: bool,
}

/// The outcome of [`open_session`].
#[derive(Debug)]
enum SessionAttempt {
    Opened(Box<SignedInUser>),
    /// Nothing has changed in this transaction.
    SecondFactorRequired(TenantTx),
}

/// The first step: email address and password.
pub(crate) async fn login(
    app: &AppState,
    address: &LoginAddress,
    password: PasswordText,
    device: &Device,
) -> Result<LoginOutcome, Error> {
    let limit_subject = limits::by_ip_and_account(device.ip, address.as_str());
    let network = limits::by_ip(device.ip);
    limits::enforce(&app.cache, limits::LOGIN, &limit_subject).await?;
    limits::enforce(&app.cache, limits::FAILED_LOGINS, &network).await?;
    let outcome = verify_password(app, address, password, device).await;
    if !matches!(outcome, Err(Error::InvalidCredentials)) {
        limits::give_back(&app.cache, limits::FAILED_LOGINS, &network);
    }
    if outcome.is_ok() {
        limits::reset(&app.cache, limits::LOGIN, &limit_subject);
    }
    outcome
}

async fn verify_password(
    app: &AppState,
    address: &LoginAddress,
    password: PasswordText,
    device: &Device,
) -> Result<LoginOutcome, Error> {
    // An unknown address returns the nil user, and runs the same statements as a known one.
    let (login, stored_hash) = login_lookup::find_credentials(&app.db, address).await?;
    let check = app
        .password_hasher
        .verify(device.ip, password, stored_hash.clone())
        .await?;
    let PasswordCheck::Match { rehashed } = check else {
        return Err(reject(app, login, device.ip).await?);
    };
    let (stored_hash, rehashed) = (stored_hash.as_deref(), rehashed.as_deref());
    continue_login(app, login, stored_hash, rehashed, device).await
}

/// After the right password: opens a session, or issues the challenge for the second step.
async fn continue_login(
    app: &AppState,
    login: Login,
    stored_hash: Option<&str>,
    new_hash: Option<&str>,
    device: &Device,
) -> Result<LoginOutcome, Error> {
    let credentials = VerifiedCredentials {
        user: login.user,
        new_hash,
        second_factor: false,
    };
    let tx = app.db.tenant(login.creator).await?;
    let mut tx = match open_session(app, tx, &credentials, device).await? {
        SessionAttempt::Opened(signed_in) => return Ok(LoginOutcome::SignedIn(signed_in)),
        SessionAttempt::SecondFactorRequired(tx) => tx,
    };
    // The failure count is reset after both steps only: a known password must not buy new guesses
    // of the second factor.
    if let Some(hash) = new_hash {
        users::set_password(&mut tx, login.user, hash).await?;
    }
    tx.commit().await?;
    let current_hash = new_hash.or(stored_hash).unwrap_or_default();
    let challenge = Challenge::new(login.creator, login.user, current_hash);
    Ok(LoginOutcome::SecondFactorRequired {
        challenge: challenge.encrypt(&app.encryptor)?,
    })
}

/// The second step: a code of the authenticator app, or a recovery code.
pub(crate) async fn complete(
    app: &AppState,
    step: SecondStep,
    device: &Device,
) -> Result<SignedInUser, Error> {
    let challenge =
        Challenge::decrypt(&app.encryptor, &step.challenge).ok_or(Denied::InvalidChallenge)?;
    let proof = Proof::from_codes(step.code, step.recovery_code)?;
    let user = challenge.user;
    let limit_subject = limits::by_ip_and_user(device.ip, user);
    limits::enforce(&app.cache, limits::SECOND_STEP, &limit_subject).await?;
    let mut tx = app.db.tenant(challenge.creator).await?;
    let stored_hash = users::password_hash(&mut tx, user).await?;
    if !stored_hash.is_some_and(|hash| challenge.matches(&hash)) {
        return Err(Denied::InvalidChallenge.into());
    }
    // While the user is locked here, a right code is answered like a wrong one.
    if users::is_locked(&mut tx, user, device.ip).await? {
        return Err(Denied::InvalidSecondFactor.into());
    }
    if !totp::consume(app, &mut tx, user, &proof).await? {
        users::count_failure(&mut tx, user, device.ip).await?;
        tx.commit().await?;
        return Err(Denied::InvalidSecondFactor.into());
    }
    let credentials = VerifiedCredentials {
        user,
        new_hash: None,
        second_factor: true,
    };
    let attempt = open_session(app, tx, &credentials, device).await?;
    let SessionAttempt::Opened(signed_in) = attempt else {
        return Err(Error::Inconsistent);
    };
    limits::reset(&app.cache, limits::SECOND_STEP, &limit_subject);
    Ok(*signed_in)
}

async fn open_session(
    app: &AppState,
    mut tx: TenantTx,
    credentials: &VerifiedCredentials<'_>,
    device: &Device,
) -> Result<SessionAttempt, Error> {
    let token = RefreshToken::random()?;
    let user = credentials.user;
    let audit_event = audit::event(Actor::User(user.as_uuid()), Action::SignedIn, device.ip);
    let request = SignIn {
        session: new_session(app, user, device, &token, audit_event),
        new_hash: credentials.new_hash,
        second_factor_verified: credentials.second_factor,
        verified_email_required: app.accounts.verified_email_required,
    };
    let row = sign_in::open_session(&mut tx, &request).await?;
    let SignInRow { me, outcome } = row.ok_or(Error::InvalidCredentials)?;
    let (label, error) = match outcome {
        SignInOutcome::SecondFactorRequired => return Ok(SessionAttempt::SecondFactorRequired(tx)),
        SignInOutcome::Opened => {
            let subject = session::subject(&tx, &me.user, request.session.id);
            let tokens = issue_tokens(app, subject, token).await?;
            tx.commit().await?;
            count("success");
            let signed_in = SignedInUser { me, tokens };
            return Ok(SessionAttempt::Opened(Box::new(signed_in)));
        }
        SignInOutcome::EmailUnverified => {
            email_verification::send(app, &mut tx, &me.user).await?;
            tx.commit().await?;
            ("unverified", Denied::EmailUnverified.into())
        }
        SignInOutcome::Locked => ("locked", Error::InvalidCredentials),
        SignInOutcome::Suspended => ("suspended", Error::TenantSuspended),
    };
    count(label);
    Err(error)
}

/// Counts a wrong password. The failure is committed before it is answered, so that no rollback
/// loses it.
async fn reject(app: &AppState, login: Login, ip: ClientIp) -> Result<Error, Error> {
    let mut tx = app.db.tenant(login.creator).await?;
    let locked = users::count_failure(&mut tx, login.user, ip).await?;
    let action = if locked {
        Action::AccountLocked
    } else {
        Action::SignInFailed
    };
    let audit_event = audit::event(Actor::Anonymous, action, ip).on(login.user);
    if login.is_unknown() {
        audit::append_nowhere(&mut tx, audit_event).await?;
    } else {
        audit::append(&mut tx, audit_event).await?;
    }
    tx.commit().await?;
    if locked {
        tracing::warn!(user = %login.user, "user locked on unknown networks after wrong passwords");
    }
    count(if locked { "locked" } else { "wrong" });
    Ok(Error::InvalidCredentials)
}

fn count(outcome: &'static str) {
    metrics::counter!("auth_logins_total", "outcome" => outcome).increment(1);
}
