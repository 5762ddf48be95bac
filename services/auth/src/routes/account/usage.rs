//! What the account has used, by day.

use axum::Json;
use axum::extract::State;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};
use shared_models::{Quota, UsageKind};
use shared_quota::QuotaState;
use shared_web::{ApiError, Permit, Problem, Query, permit};
use utoipa::ToSchema;

use crate::app::account::usage::{self, DailyUsage, QuotaUse};
use crate::error::Error;
use crate::routes::openapi_responses::{TokenErrors, UnavailableErrors};
use crate::state::AppState;

/// Most days of one report.
const MAX_DAYS: i32 = 92;

/// The days to report (UTC), both included; by default this month until today.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageSpan {
    #[param(value_type = Option<String>, format = Date, example = "2026-11-01")]
    from: Option<Date>,
    #[param(value_type = Option<String>, format = Date, example = "2026-11-30")]
    to: Option<Date>,
}

/// The use of one kind on one day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DayUsage {
    #[schema(value_type = String, format = Date)]
    day: Date,
    kind: UsageKind,
    quantity: i64,
}

impl From<DailyUsage> for DayUsage {
    fn from(usage: DailyUsage) -> Self {
        let DailyUsage {
            day,
            kind,
            quantity,
        } = usage;
        Self {
            day,
            kind,
            quantity,
        }
    }
}

/// The use by day; kinds and days without use are left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageReport {
    #[schema(value_type = String, format = Date)]
    from: Date,
    #[schema(value_type = String, format = Date)]
    to: Date,
    days: Vec<DayUsage>,
    /// What the account uses now, and what it may use.
    quotas: Vec<QuotaReport>,
}

/// What the account uses of a quota.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuotaReport {
    name: Quota,
    /// What it uses, of a monthly quota in this month.
    used: u64,
    /// What it may use; absent if that is unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// `available`; `near` from 80 percent on; `reached` when nothing can be added.
    #[schema(value_type = String)]
    state: &'static str,
    /// When the use of a monthly quota is counted from nothing again.
    #[serde(skip_serializing_if = "Option::is_none")]
    resets_at: Option<Timestamp>,
}

impl From<QuotaUse> for QuotaReport {
    fn from(usage: QuotaUse) -> Self {
        let QuotaUse {
            quota,
            used,
            limit,
            resets_at,
        } = usage;
        Self {
            name: quota,
            used,
            limit,
            state: QuotaState::of(used, limit).as_str(),
            resets_at,
        }
    }
}

/// Read what the account has used.
#[utoipa::path(get, path = "/usage", tag = "account", params(UsageSpan), security(("bearer" = [])),
    responses(
        (status = 200, description = "Sums by day and kind", body = UsageReport),
        (status = 422, description = "invalid_query: invalid days, or more than 92",
            body = Problem, content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn read_usage(
    State(app): State<AppState>,
    caller: Permit<permit::UsageRead>,
    Query(UsageSpan { from, to }): Query<UsageSpan>,
) -> Result<Json<UsageReport>, Error> {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let to = to.unwrap_or(today);
    let from = from.unwrap_or_else(|| to.first_of_month());
    let span_days = from
        .until((Unit::Day, to))
        .map_or(-1, |span| span.get_days());
    if !(0..MAX_DAYS).contains(&span_days) {
        let refused = ApiError::unprocessable("invalid_query");
        let message = "must not be before `from`, nor 92 days or more after it";
        return Err(refused.field("to", message).into());
    }
    let sums = usage::by_day(&app, caller.tenant, from, to).await?;
    let days = sums.into_iter().map(DayUsage::from).collect();
    let quotas = usage::of_quotas(&app, caller.tenant).await?;
    let quotas = quotas.into_iter().map(QuotaReport::from).collect();
    Ok(Json(UsageReport {
        from,
        to,
        days,
        quotas,
    }))
}
