//! The second factor of the signed-in user: an authenticator app, and recovery codes.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_web::{Body, Caller, ClientIp, Problem};
use utoipa::ToSchema;

use crate::app::security::totp;
use crate::domain::credentials::PasswordText;
use crate::error::Error;
use crate::routes::openapi_responses::{BodyErrors, LimitErrors, TokenErrors, UnavailableErrors};
use crate::routes::response::NoStore;
use crate::state::AppState;

/// The state of the second factor.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecondFactor {
    enabled: bool,
    enabled_at: Option<Timestamp>,
    recovery_codes_left: i64,
}

/// The current password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordProof {
    password: PasswordText,
}

/// The secret for the authenticator app; shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TotpSecret {
    /// For typing.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// For a QR code.
    otpauth_uri: String,
}

/// A code of the authenticator app.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppCode {
    #[schema(example = "287082")]
    code: String,
}

/// Password and code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BothFactors {
    password: PasswordText,
    #[schema(example = "287082")]
    code: String,
}

impl From<BothFactors> for totp::BothFactors {
    fn from(factors: BothFactors) -> Self {
        let BothFactors { password, code } = factors;
        Self { password, code }
    }
}

/// Codes that each replace the app once; shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Read the state of the second factor.
#[utoipa::path(get, path = "/totp", tag = "second factor", security(("bearer" = [])),
    responses(
        (status = 200, description = "The state of the second factor", body = SecondFactor),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn read_totp(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<SecondFactor>, Error> {
    let status = totp::read(&app, &caller).await?;
    Ok(Json(SecondFactor {
        enabled: status.enabled_at.is_some(),
        enabled_at: status.enabled_at,
        recovery_codes_left: status.recovery_codes_left,
    }))
}

/// Start the enrolment of an authenticator app.
///
/// Sign-in does not change until a code confirms that the app has the secret. A newer secret
/// replaces an unconfirmed one.
#[utoipa::path(post, path = "/totp", tag = "second factor", request_body = PasswordProof,
    security(("bearer" = [])),
    responses(
        TokenErrors,
        (status = 201, description = "The secret, for the app", body = TotpSecret),
        (status = 403, description = "wrong_password, users_only or tenant_suspended",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "totp_enabled: disable it first", body = Problem,
            content_type = "application/problem+json"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn enrol_totp(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Body(PasswordProof { password }): Body<PasswordProof>,
) -> Result<NoStore<TotpSecret>, Error> {
    let enrolment = totp::enrol(&app, &caller, ip, password).await?;
    let secret = TotpSecret {
        secret: enrolment.secret,
        otpauth_uri: enrolment.uri,
    };
    Ok(NoStore(StatusCode::CREATED, secret))
}

/// Enable the second factor with a code of the app.
///
/// From now on sign-in requires its codes. The recovery codes are shown once.
#[utoipa::path(post, path = "/totp/confirm", tag = "second factor", request_body = AppCode,
    security(("bearer" = [])),
    responses(
        TokenErrors,
        (status = 200, description = "The second factor is enabled", body = RecoveryCodes),
        (status = 403, description = "wrong_code, users_only or tenant_suspended",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "totp_enabled, or totp_not_offered", body = Problem,
            content_type = "application/problem+json"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn confirm_totp(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Body(AppCode { code }): Body<AppCode>,
) -> Result<NoStore<RecoveryCodes>, Error> {
    let recovery_codes = totp::confirm(&app, &caller, ip, code).await?;
    Ok(NoStore(StatusCode::OK, RecoveryCodes { recovery_codes }))
}

/// Disable the second factor.
#[utoipa::path(post, path = "/totp/disable", tag = "second factor", request_body = BothFactors,
    security(("bearer" = [])),
    responses(
        TokenErrors,
        (status = 204, description = "Sign-in requires the password only"),
        (status = 403, description = "wrong_password, wrong_code, users_only or tenant_suspended",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "totp_not_enabled", body = Problem,
            content_type = "application/problem+json"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn disable_totp(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Body(factors): Body<BothFactors>,
) -> Result<StatusCode, Error> {
    totp::disable(&app, &caller, ip, factors.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Regenerate the recovery codes.
///
/// The former codes become invalid.
#[utoipa::path(post, path = "/totp/recovery-codes", tag = "second factor",
    request_body = BothFactors, security(("bearer" = [])),
    responses(
        TokenErrors,
        (status = 200, description = "The new codes, shown once", body = RecoveryCodes),
        (status = 403, description = "wrong_password, wrong_code, users_only or tenant_suspended",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "totp_not_enabled", body = Problem,
            content_type = "application/problem+json"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn renew_recovery_codes(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Body(factors): Body<BothFactors>,
) -> Result<NoStore<RecoveryCodes>, Error> {
    let recovery_codes = totp::regenerate_recovery_codes(&app, &caller, ip, factors.into()).await?;
    Ok(NoStore(StatusCode::OK, RecoveryCodes { recovery_codes }))
}
