//! The second factor of the signed-in person: an authenticator app, and codes for its loss.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_db::TenantTx;
use shared_models::{CreatorId, UserId};
use shared_web::{Body, Caller, ClientIp, Problem};
use utoipa::ToSchema;

use super::answer::Confidential;
use super::refusals::{BodyRefused, Limited, TokenRefused, Unavailable};
use crate::audit::{self, Action, Event};
use crate::domain::one_time_code::{self, SECRET};
use crate::domain::password_text::PasswordText;
use crate::error::{Denied, Error};
use crate::second_factor::{self, Proof};
use crate::state::AppState;
use crate::store::{me, totp};
use crate::{limits, reauthentication};

/// Whether sign-in asks for a second factor.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecondFactor {
    enabled: bool,
    enabled_at: Option<Timestamp>,
    recovery_codes_left: i64,
}

/// The password once more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordProof {
    password: PasswordText,
}

/// What the app needs; shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TotpSecret {
    /// To be typed.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// To be shown as a QR code.
    otpauth_uri: String,
}

/// A code that the app shows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppCode {
    #[schema(example = "287082")]
    code: String,
}

/// Both factors.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BothFactors {
    password: PasswordText,
    #[schema(example = "287082")]
    code: String,
}

/// Codes that stand for the app, each once; shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Read whether sign-in asks for a second factor.
#[utoipa::path(get, path = "/totp", tag = "second factor", security(("bearer" = [])),
    responses(
        (status = 200, description = "The state of the second factor", body = SecondFactor),
        TokenRefused, Unavailable))]
pub(crate) async fn read_totp(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<SecondFactor>, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let row = totp::find(&mut tx, user).await?;
    let enabled_at = row.as_ref().and_then(|row| row.confirmed_at);
    Ok(Json(SecondFactor {
        enabled: enabled_at.is_some(),
        enabled_at,
        recovery_codes_left: row.map_or(0, |row| row.codes_left),
    }))
}

/// Offer a secret to an authenticator app.
///
/// Nothing changes until a code confirms that the app has it. A newer offer voids the one before.
#[utoipa::path(post, path = "/totp", tag = "second factor", request_body = PasswordProof,
    security(("bearer" = [])),
    responses(
        (status = 201, description = "The secret, for the app", body = TotpSecret),
        (status = 403, description = "wrong_password, or users_only", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "totp_enabled: disable it first", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, BodyRefused, Limited, Unavailable))]
pub(crate) async fn enrol_totp(
    State(app): State<AppState>,
    caller: Caller,
    Body(PasswordProof { password }): Body<PasswordProof>,
) -> Result<Confidential<TotpSecret>, Error> {
    let (user, _, session) = caller.user()?;
    reauthentication::check(&app, caller.tenant, user, password).await?;
    let mut secret = [0_u8; SECRET];
    getrandom::fill(&mut secret)?;
    let sealed = app
        .encryptor
        .encrypt(&second_factor::place(user), &secret)?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    let known = me::find_signed_in(&mut tx, user, session).await?;
    let known = known.ok_or(Error::SessionEnded)?.user;
    if !totp::offer(&mut tx, user, &sealed).await? {
        return Err(Denied::TotpEnabled.into());
    }
    tx.commit().await?;
    let offered = one_time_code::enrolment(&secret, &known.email)?;
    let answer = TotpSecret {
        secret: offered.secret,
        otpauth_uri: offered.uri,
    };
    Ok(Confidential(StatusCode::CREATED, answer))
}

/// Confirm that the app has the secret.
///
/// From now on sign-in asks for its codes. The recovery codes are shown once.
#[utoipa::path(post, path = "/totp/confirm", tag = "second factor", request_body = AppCode,
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The second factor is on", body = RecoveryCodes),
        (status = 403, description = "wrong_code, or users_only", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "totp_enabled already, or totp_not_offered", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, BodyRefused, Limited, Unavailable))]
pub(crate) async fn confirm_totp(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Body(AppCode { code }): Body<AppCode>,
) -> Result<Confidential<RecoveryCodes>, Error> {
    let (user, _, _) = caller.user()?;
    limits::take(&app.cache, limits::SECOND_FACTOR, &user.to_string()).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    let row = totp::find(&mut tx, user).await?;
    let row = row.ok_or(Denied::TotpNotOffered)?;
    if row.confirmed_at.is_some() {
        return Err(Denied::TotpEnabled.into());
    }
    if !second_factor::accept(&app, &mut tx, user, &Proof::Code(code)).await? {
        return Err(Denied::WrongCode.into());
    }
    if !totp::confirm(&mut tx, user).await? {
        return Err(Denied::TotpEnabled.into());
    }
    let recovery_codes = second_factor::new_codes(&mut tx, user).await?;
    note(&mut tx, &caller, Action::SecondFactorOn, ip).await?;
    tx.commit().await?;
    Ok(Confidential(
        StatusCode::OK,
        RecoveryCodes { recovery_codes },
    ))
}

/// Turn the second factor off.
#[utoipa::path(post, path = "/totp/disable", tag = "second factor", request_body = BothFactors,
    security(("bearer" = [])),
    responses(
        (status = 204, description = "Sign-in asks for the password only"),
        (status = 403, description = "wrong_password, wrong_code, or users_only",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "totp_not_enabled", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, BodyRefused, Limited, Unavailable))]
pub(crate) async fn disable_totp(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Body(both): Body<BothFactors>,
) -> Result<StatusCode, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = prove_both(&app, caller.tenant, user, both).await?;
    totp::remove(&mut tx, user).await?;
    note(&mut tx, &caller, Action::SecondFactorOff, ip).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make new recovery codes.
///
/// The ones before work no more.
#[utoipa::path(post, path = "/totp/recovery-codes", tag = "second factor",
    request_body = BothFactors, security(("bearer" = [])),
    responses(
        (status = 200, description = "The new codes, shown once", body = RecoveryCodes),
        (status = 403, description = "wrong_password, wrong_code, or users_only",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "totp_not_enabled", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, BodyRefused, Limited, Unavailable))]
pub(crate) async fn renew_recovery_codes(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Body(both): Body<BothFactors>,
) -> Result<Confidential<RecoveryCodes>, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = prove_both(&app, caller.tenant, user, both).await?;
    let recovery_codes = second_factor::new_codes(&mut tx, user).await?;
    note(&mut tx, &caller, Action::RecoveryCodesMade, ip).await?;
    tx.commit().await?;
    Ok(Confidential(
        StatusCode::OK,
        RecoveryCodes { recovery_codes },
    ))
}

/// The log's entry about the caller's own sign-in.
async fn note(
    tx: &mut TenantTx,
    caller: &Caller,
    action: Action,
    ip: ClientIp,
) -> sqlx::Result<()> {
    audit::append(tx, Event::new((&caller.principal).into(), action, ip)).await
}

/// Password and code; the transaction in which the code was used up.
async fn prove_both(
    app: &AppState,
    creator: CreatorId,
    user: UserId,
    BothFactors { password, code }: BothFactors,
) -> Result<TenantTx, Error> {
    reauthentication::check(app, creator, user, password).await?;
    limits::take(&app.cache, limits::SECOND_FACTOR, &user.to_string()).await?;
    let mut tx = app.db.tenant(creator).await?;
    if !second_factor::is_on(&mut tx, user).await? {
        return Err(Denied::TotpNotEnabled.into());
    }
    if !second_factor::accept(app, &mut tx, user, &Proof::Code(code)).await? {
        return Err(Denied::WrongCode.into());
    }
    limits::clear(&app.cache, limits::SECOND_FACTOR, &user.to_string());
    Ok(tx)
}
