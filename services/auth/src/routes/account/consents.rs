//! Consents of the signed-in user.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::text::SingleLine;
use shared_web::{Caller, ClientIp, IdempotencyHeader, Keyed, Problem};
use utoipa::ToSchema;

use crate::app::account::consents::{self, ConsentRow, Decision};
use crate::app::idempotency::Execution;
use crate::error::Error;
use crate::routes::openapi_responses::{
    BodyErrors, IdempotencyErrors, TokenErrors, UnavailableErrors,
};
use crate::state::AppState;

/// What a user may consent to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// The terms of the platform.
    TermsOfService,
    /// How data is processed.
    PrivacyPolicy,
    /// Emails with news.
    Marketing,
    /// Analysis of how the platform is used.
    Analytics,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::TermsOfService => "terms_of_service",
            Self::PrivacyPolicy => "privacy_policy",
            Self::Marketing => "marketing",
            Self::Analytics => "analytics",
        }
    }
}

/// A decision about one purpose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsentStatement {
    purpose: Purpose,
    /// The version of the text that the user has seen.
    version: SingleLine<40>,
    granted: bool,
}

/// The latest decision about one purpose.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Consent {
    purpose: String,
    version: String,
    granted: bool,
    at: Timestamp,
}

/// The latest decision about each purpose.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Consents {
    items: Vec<Consent>,
}

impl From<ConsentRow> for Consent {
    fn from(row: ConsentRow) -> Self {
        let ConsentRow {
            purpose,
            version,
            granted,
            at,
        } = row;
        Self {
            purpose,
            version,
            granted,
            at,
        }
    }
}

/// Read your consents.
#[utoipa::path(get, path = "/me/consents", tag = "me", security(("bearer" = [])),
    responses(
        (status = 200, description = "The latest decision about each purpose", body = Consents),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn list_consents(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<Consents>, Error> {
    let rows = consents::list(&app, &caller).await?;
    let items = rows.into_iter().map(Consent::from).collect();
    Ok(Json(Consents { items }))
}

/// Give or withdraw a consent.
///
/// Every decision is recorded; the latest one applies.
#[utoipa::path(post, path = "/me/consents", tag = "me", request_body = ConsentStatement,
    params(IdempotencyHeader), security(("bearer" = [])),
    responses(
        (status = 204, description = "The decision is recorded"),
        (status = 409, description = "request_in_progress", body = Problem,
            content_type = "application/problem+json"),
        BodyErrors, IdempotencyErrors, TokenErrors, UnavailableErrors))]
pub(crate) async fn state_consent(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Keyed(request, statement): Keyed<ConsentStatement>,
) -> Result<Execution<()>, Error> {
    let decision = Decision {
        purpose: statement.purpose.as_str(),
        version: &statement.version,
        granted: statement.granted,
    };
    consents::record(&app, &caller, ip, &decision, request).await
}
