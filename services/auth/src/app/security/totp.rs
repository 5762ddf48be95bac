//! The second factor of a user: an authenticator app, and recovery codes for its loss.

use jiff::Timestamp;
use shared_db::TenantTx;
use shared_models::{CreatorId, UserId};
use shared_web::{Caller, ClientIp};

use super::{credential_change, password};
use crate::app::{audit, limits};
use crate::domain::audit::Action;
use crate::domain::credentials::PasswordText;
use crate::domain::totp::{self as domain, Enrolment, RECOVERY_CODES, RecoveryCode, SECRET_LENGTH};
use crate::error::{Denied, Error};
use crate::state::AppState;
use crate::store::totp;

/// What a user proves the second factor with.
#[derive(Debug)]
pub(crate) enum Proof {
    Code(String),
    Recovery(RecoveryCode),
}

impl Proof {
    /// Exactly one of the two codes.
    pub(crate) fn from_codes(
        code: Option<String>,
        recovery_code: Option<String>,
    ) -> Result<Self, Error> {
        match (code, recovery_code) {
            (Some(code), None) => Ok(Self::Code(code)),
            (None, Some(code)) => Ok(Self::Recovery(RecoveryCode::received(&code))),
            _ => Err(Error::Field("code", "send either code or recovery_code")),
        }
    }
}

/// Password and code of a signed-in user.
#[derive(Debug)]
pub(crate) struct BothFactors {
    pub(crate) password: PasswordText,
    pub(crate) code: String,
}

/// Whether the second factor is enabled.
#[derive(Debug)]
pub(crate) struct TotpStatus {
    pub(crate) enabled_at: Option<Timestamp>,
    pub(crate) recovery_codes_left: i64,
}

/// Reads the status of the second factor.
pub(crate) async fn read(app: &AppState, caller: &Caller) -> Result<TotpStatus, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let row = totp::find(&mut tx, user).await?;
    Ok(TotpStatus {
        enabled_at: row.as_ref().and_then(|row| row.confirmed_at),
        recovery_codes_left: row.map_or(0, |row| row.codes_left),
    })
}

/// Offers a secret for an authenticator app; it replaces an offer that was not confirmed.
pub(crate) async fn enrol(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    password: PasswordText,
) -> Result<Enrolment, Error> {
    let (user, _, _) = caller.user()?;
    password::reauthenticate(app, caller.tenant, user, ip, password).await?;
    let mut secret = [0_u8; SECRET_LENGTH];
    getrandom::fill(&mut secret)?;
    let encrypted = app.encryptor.encrypt(&context(user), &secret)?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    let known = credential_change::read_user(&mut tx, caller).await?;
    if !totp::offer(&mut tx, user, &encrypted).await? {
        return Err(Denied::TotpEnabled.into());
    }
    tx.commit().await?;
    Ok(domain::enrolment(&secret, &known.email)?)
}

/// Enables the second factor with a first code of the app, and returns the recovery codes.
pub(crate) async fn confirm(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    code: String,
) -> Result<Vec<String>, Error> {
    let (user, _, _) = caller.user()?;
    limits::enforce(&app.cache, limits::SECOND_FACTOR, &user.to_string()).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    let row = totp::find(&mut tx, user).await?;
    if row.ok_or(Denied::TotpNotOffered)?.confirmed_at.is_some() {
        return Err(Denied::TotpEnabled.into());
    }
    if !consume(app, &mut tx, user, &Proof::Code(code)).await? {
        return Err(Denied::WrongCode.into());
    }
    if !totp::confirm(&mut tx, user).await? {
        return Err(Denied::TotpEnabled.into());
    }
    let codes = replace_recovery_codes(&mut tx, user).await?;
    let audit_event = audit::event(&caller.principal, Action::TotpEnabled, ip);
    audit::append(&mut tx, audit_event).await?;
    tx.commit().await?;
    Ok(codes)
}

/// Disables the second factor.
pub(crate) async fn disable(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    factors: BothFactors,
) -> Result<(), Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = verify_both(app, caller.tenant, user, ip, factors).await?;
    totp::remove(&mut tx, user).await?;
    let audit_event = audit::event(&caller.principal, Action::TotpDisabled, ip);
    audit::append(&mut tx, audit_event).await?;
    tx.commit().await?;
    Ok(())
}

/// Replaces the recovery codes and returns the new ones.
pub(crate) async fn regenerate_recovery_codes(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    factors: BothFactors,
) -> Result<Vec<String>, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = verify_both(app, caller.tenant, user, ip, factors).await?;
    let codes = replace_recovery_codes(&mut tx, user).await?;
    let audit_event = audit::event(&caller.principal, Action::RecoveryCodesRegenerated, ip);
    audit::append(&mut tx, audit_event).await?;
    tx.commit().await?;
    Ok(codes)
}

/// Verifies password and code. Returns the transaction in which the code was used.
async fn verify_both(
    app: &AppState,
    tenant: CreatorId,
    user: UserId,
    ip: ClientIp,
    factors: BothFactors,
) -> Result<TenantTx, Error> {
    password::reauthenticate(app, tenant, user, ip, factors.password).await?;
    let limit_subject = user.to_string();
    limits::enforce(&app.cache, limits::SECOND_FACTOR, &limit_subject).await?;
    let mut tx = app.db.tenant(tenant).await?;
    let row = totp::find(&mut tx, user).await?;
    if row.is_none_or(|row| row.confirmed_at.is_none()) {
        return Err(Denied::TotpNotEnabled.into());
    }
    if !consume(app, &mut tx, user, &Proof::Code(factors.code)).await? {
        return Err(Denied::WrongCode.into());
    }
    limits::reset(&app.cache, limits::SECOND_FACTOR, &limit_subject);
    Ok(tx)
}

/// Marks a proof as used; false when it is wrong or was used before. The caller commits.
pub(crate) async fn consume(
    app: &AppState,
    tx: &mut TenantTx,
    user: UserId,
    proof: &Proof,
) -> Result<bool, Error> {
    let code = match proof {
        Proof::Recovery(code) => return Ok(totp::use_code(tx, user, &code.hash()).await?),
        Proof::Code(code) => code,
    };
    let Some(row) = totp::find(tx, user).await? else {
        return Ok(false);
    };
    let decrypted = app
        .encryptor
        .decrypt(&context(user), &row.encrypted_secret)?;
    if let Some(reencrypted) = &decrypted.reencrypted {
        totp::update_encryption(tx, user, reencrypted).await?;
    }
    let now = Timestamp::now().as_second();
    match domain::step_of(decrypted.plaintext.expose(), code, now)? {
        Some(step) => Ok(totp::use_step(tx, user, step).await?),
        None => Ok(false),
    }
}

/// Replaces the recovery codes of a user and returns the new ones as they are shown.
async fn replace_recovery_codes(tx: &mut TenantTx, user: UserId) -> Result<Vec<String>, Error> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        codes.push(RecoveryCode::random()?);
    }
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| code.hash().to_vec()).collect();
    totp::replace_codes(tx, user, &hashes).await?;
    Ok(codes.iter().map(RecoveryCode::display).collect())
}

/// The encryption context of a user's secret.
fn context(user: UserId) -> String {
    format!("totp {user}")
}
