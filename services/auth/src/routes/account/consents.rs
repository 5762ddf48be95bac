//! What the signed-in person agreed to.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::text::SingleLine;
use shared_web::{Caller, ClientIp, IdempotencyHeader, Keyed, Problem};
use utoipa::ToSchema;

use super::refusals::{BodyRefused, RepeatRefused, TokenRefused, Unavailable};
use super::repeat;
use crate::audit::{self, Action, Event};
use crate::error::Error;
use crate::state::AppState;
use crate::store::consents::{self, ConsentRow};

/// What somebody may agree to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// The terms of whoever runs the platform.
    TermsOfService,
    /// How data is handled.
    PrivacyPolicy,
    /// Letters about news.
    Marketing,
    /// Counting how the platform is used.
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

/// What the person says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsentStatement {
    purpose: Purpose,
    /// Which text it is about.
    version: SingleLine<40>,
    granted: bool,
}

/// What the person last said of one purpose.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Consent {
    purpose: String,
    version: String,
    granted: bool,
    at: Timestamp,
}

/// What the person last said of each purpose that was asked about.
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

/// Read what you agreed to.
#[utoipa::path(get, path = "/me/consents", tag = "me", security(("bearer" = [])),
    responses(
        (status = 200, description = "The last word on each purpose", body = Consents),
        TokenRefused, Unavailable))]
pub(crate) async fn list_consents(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<Consents>, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = consents::latest(&mut tx, user).await?;
    let items = rows.into_iter().map(Consent::from).collect();
    Ok(Json(Consents { items }))
}

/// Agree, or take an agreement back.
///
/// Every word is kept with its time; the last one counts.
#[utoipa::path(post, path = "/me/consents", tag = "me", request_body = ConsentStatement,
    params(IdempotencyHeader), security(("bearer" = [])),
    responses(
        (status = 204, description = "Written down"),
        (status = 409, description = "request_in_progress", body = Problem,
            content_type = "application/problem+json"),
        BodyRefused, RepeatRefused, TokenRefused, Unavailable))]
pub(crate) async fn state_consent(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Keyed(request, said): Keyed<ConsentStatement>,
) -> Result<Response, Error> {
    let (user, _, _) = caller.user()?;
    let request = request.by(user);
    let (purpose, action) = (
        said.purpose.as_str(),
        if said.granted {
            Action::ConsentGiven
        } else {
            Action::ConsentWithdrawn
        },
    );
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(given) = repeat::replay(&mut tx, &request).await? {
        return Ok(given);
    }
    let about = (purpose, said.version.as_str());
    consents::insert(&mut tx, user, about, said.granted).await?;
    let stated = Event::new((&caller.principal).into(), action, ip).on(purpose);
    audit::append(&mut tx, stated).await?;
    let status = StatusCode::NO_CONTENT;
    request.store_response(&mut tx, status, None, &()).await?;
    tx.commit().await?;
    Ok(status.into_response())
}
