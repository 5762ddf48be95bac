//! What the account uses, day by day.

use axum::Json;
use axum::extract::State;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};
use shared_models::UsageKind;
use shared_web::{ApiError, Permit, Problem, Query, permit};
use utoipa::ToSchema;

use super::refusals::{TokenRefused, Unavailable};
use crate::error::Error;
use crate::state::AppState;
use crate::store::usage_events;

/// Most days of one answer.
const DAYS_MAX: i32 = 92;

/// Which days (UTC), both included; from the first of the month until today when left out.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageSpan {
    #[param(value_type = Option<String>, format = Date, example = "2026-11-01")]
    from: Option<Date>,
    #[param(value_type = Option<String>, format = Date, example = "2026-11-30")]
    to: Option<Date>,
}

/// How much of one kind was used on one day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DayUsage {
    #[schema(value_type = String, format = Date)]
    day: Date,
    kind: UsageKind,
    quantity: i64,
}

/// What was used; kinds and days without use are left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageReport {
    #[schema(value_type = String, format = Date)]
    from: Date,
    #[schema(value_type = String, format = Date)]
    to: Date,
    days: Vec<DayUsage>,
}

/// Read what the account used.
#[utoipa::path(get, path = "/usage", tag = "account", params(UsageSpan), security(("bearer" = [])),
    responses(
        (status = 200, description = "Sums by day and kind", body = UsageReport),
        (status = 422, description = "invalid_query: wrong days, or more than 92",
            body = Problem, content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn read_usage(
    State(app): State<AppState>,
    caller: Permit<permit::UsageRead>,
    Query(UsageSpan { from, to }): Query<UsageSpan>,
) -> Result<Json<UsageReport>, Error> {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let to = to.unwrap_or(today);
    let from = from.unwrap_or_else(|| to.first_of_month());
    let days = from
        .until((Unit::Day, to))
        .map_or(-1, |span| span.get_days());
    if !(0..DAYS_MAX).contains(&days) {
        let refused = ApiError::unprocessable("invalid_query");
        let message = "must not be before `from`, nor 92 days or more after it";
        return Err(refused.field("to", message).into());
    }
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let sums = usage_events::by_day(&mut tx, from, to).await?;
    let day = |(day, kind, quantity)| DayUsage {
        day,
        kind,
        quantity,
    };
    let days = sums.into_iter().map(day).collect();
    Ok(Json(UsageReport { from, to, days }))
}
