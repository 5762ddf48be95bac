//! Passwords: policy, confirmation, change and reset.

use shared_auth::Subject;
use shared_jobs::NewJob;
use shared_models::{CreatorId, UserId};
use shared_web::{Caller, ClientIp};
use uuid::Uuid;

use super::credential_change::{self, CredentialChange};
use super::password_hasher::PasswordCheck;
use crate::app::{audit, limits, mailer};
use crate::domain::audit::{Action, Actor};
use crate::domain::credentials::{NewPassword, PasswordText};
use crate::domain::email;
use crate::domain::email_token::{EmailToken, Purpose};
use crate::domain::login_address::LoginAddress;
use crate::domain::password::Assessment;
use crate::error::{Denied, Error};
use crate::state::AppState;
use crate::store::login_lookup::{self, Login};
use crate::store::sessions::{self, RevocationReason};
use crate::store::{email_tokens, known_networks, reset_requests, users};

/// Texts about the owner that a rating accepts.
const MAX_PERSONAL_INFO: usize = 20;

/// Rates a password by the rules for new passwords.
pub(crate) async fn rate(
    app: &AppState,
    ip: ClientIp,
    password: &NewPassword,
    personal: &[&str],
) -> Result<Assessment, Error> {
    limits::enforce(&app.cache, limits::PASSWORD_RATING, &limits::by_ip(ip)).await?;
    if personal.len() > MAX_PERSONAL_INFO {
        return Err(Error::Field("personal_info", "must have at most 20 items"));
    }
    let rules = app.accounts.password_rules;
    Ok(rules.assess(password.as_str(), personal))
}

/// Refuses a new password that breaks the rules or was leaked. `personal` is what is known about
/// its owner.
pub(crate) async fn enforce_policy(
    app: &AppState,
    password: &NewPassword,
    personal: &[&str],
) -> Result<(), Error> {
    let rules = app.accounts.password_rules;
    let mut violations = rules.assess(password.as_str(), personal).violations;
    if violations.is_empty() {
        violations.extend(app.breached_passwords.check(password.as_str()).await);
    }
    if violations.is_empty() {
        return Ok(());
    }
    Err(Error::WeakPassword(violations))
}

/// Checks the password of a signed-in user again, before something for which a stolen access token
/// must not suffice.
pub(crate) async fn reauthenticate(
    app: &AppState,
    tenant: CreatorId,
    user: UserId,
    ip: ClientIp,
    password: PasswordText,
) -> Result<(), Error> {
    let limit_subject = user.to_string();
    limits::enforce(&app.cache, limits::REAUTHENTICATE, &limit_subject).await?;
    let mut tx = app.db.tenant_read(tenant).await?;
    let stored_hash = users::password_hash(&mut tx, user).await?;
    drop(tx);
    let hasher = &app.password_hasher;
    match hasher.verify(ip, password, stored_hash).await? {
        PasswordCheck::Match { .. } => {
            limits::reset(&app.cache, limits::REAUTHENTICATE, &limit_subject);
            Ok(())
        }
        PasswordCheck::Mismatch => Err(Denied::WrongPassword.into()),
    }
}

/// Changes the password of the signed-in user and ends all other sessions.
pub(crate) async fn change(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    current: PasswordText,
    new: NewPassword,
) -> Result<(), Error> {
    let (user, _, _) = caller.user()?;
    let mut reading = app.db.tenant_read(caller.tenant).await?;
    let known = credential_change::read_user(&mut reading, caller).await?;
    drop(reading);
    let is_same = current.prepared().expose() == new.as_str();
    reauthenticate(app, caller.tenant, user, ip, current).await?;
    if is_same {
        return Err(Denied::SamePassword.into());
    }
    enforce_policy(app, &new, &[&known.email, &known.full_name]).await?;
    let hash = app.password_hasher.hash(ip, new.into_secret()).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    users::set_password(&mut tx, user, &hash).await?;
    email_tokens::remove(&mut tx, user, Purpose::PasswordReset).await?;
    let change = CredentialChange {
        reason: RevocationReason::PasswordChanged,
        action: Action::PasswordChanged,
        notice: email::password_changed(&known.email),
    };
    credential_change::finish(app, tx, caller, ip, change).await
}

/// Records a reset request. A job looks up the account and sends the email, so that the time of the
/// response does not reveal whether the account exists.
pub(crate) async fn request_reset(
    app: &AppState,
    address: &LoginAddress,
    ip: ClientIp,
) -> Result<(), Error> {
    limits::enforce(&app.cache, limits::RESET_BY_IP, &limits::by_ip(ip)).await?;
    let account = limits::by_account(address.as_str());
    let counted = limits::enforce(&app.cache, limits::RESET_BY_ACCOUNT, &account).await;
    if let Err(refusal) = counted {
        if !matches!(refusal, Error::LimitExceeded(_))
            || !is_known_network(app, address, ip).await?
        {
            return Err(refusal);
        }
        let own = limits::by_ip_and_account(ip, address.as_str());
        limits::enforce(&app.cache, limits::RESET_BY_KNOWN_NETWORK, &own).await?;
    }
    // The platform's own work: the request has no tenant before it is known to have an account.
    let mut tx = app.db.tenant(shared_jobs::platform()).await?;
    reset_requests::insert(&mut tx, address).await?;
    let job = NewJob::new(mailer::ANSWER_RESET_REQUEST, Uuid::now_v7());
    app.jobs.enqueue(&mut tx, job).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether the user of an address signs in from this network. An unknown address runs the same
/// statements as a known one.
async fn is_known_network(
    app: &AppState,
    address: &LoginAddress,
    ip: ClientIp,
) -> Result<bool, Error> {
    let login = login_lookup::find_user(&app.db, address).await?;
    let Login { creator, user } = login.unwrap_or_else(Login::unknown);
    let mut tx = app.db.tenant_read(creator).await?;
    Ok(known_networks::contain(&mut tx, user, ip).await?)
}

/// Sets a new password with an emailed code, unlocks the user and ends all sessions.
pub(crate) async fn confirm_reset(
    app: &AppState,
    token: String,
    password: NewPassword,
    ip: ClientIp,
) -> Result<(), Error> {
    limits::enforce(&app.cache, limits::EMAIL_CODE, &limits::by_ip(ip)).await?;
    let purpose = Purpose::PasswordReset;
    let token_hash = EmailToken::received(token).hash();
    let owner = email_tokens::find(&app.db, purpose, &token_hash).await?;
    let Login { creator, user } = owner.ok_or(Denied::InvalidCode)?;
    let mut reading = app.db.tenant_read(creator).await?;
    let found = users::find(&mut reading, user).await?;
    let known = found.ok_or(Denied::InvalidCode)?;
    drop(reading);
    enforce_policy(app, &password, &[&known.email, &known.full_name]).await?;
    let hasher = &app.password_hasher;
    let hash = hasher.hash(ip, password.into_secret()).await?;
    let mut tx = app.db.tenant(creator).await?;
    if !email_tokens::consume(&mut tx, purpose, &token_hash).await? {
        return Err(Denied::InvalidCode.into());
    }
    users::set_password(&mut tx, user, &hash).await?;
    users::unlock(&mut tx, user).await?;
    // The code was sent to the address, so it verifies the address as well.
    users::verify_email(&mut tx, user).await?;
    sessions::revoke_all(&mut tx, user, None, RevocationReason::PasswordReset).await?;
    let audit_event = audit::event(Actor::Anonymous, Action::PasswordReset, ip).on(user);
    audit::append(&mut tx, audit_event).await?;
    let message = email::password_changed(&known.email);
    app.mailer.enqueue(&mut tx, &message).await?;
    let revoked = app.revocations.revoke([Subject::User(user)]);
    tx.apply(revoked).await?;
    tx.commit().await?;
    Ok(())
}
