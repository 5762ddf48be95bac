//! What the account has used.

use jiff::civil::Date;
use shared_models::CreatorId;

use crate::error::Error;
use crate::state::AppState;
use crate::store::usage_events;

pub(crate) use crate::store::usage_events::DailyUsage;
pub(crate) use shared_quota::QuotaUse;

/// What the account uses of each quota.
pub(crate) async fn of_quotas(app: &AppState, tenant: CreatorId) -> Result<Vec<QuotaUse>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    Ok(app.quotas.list(&mut tx).await?)
}

/// Sums of the days `from` to `to`, both included (UTC).
pub(crate) async fn by_day(
    app: &AppState,
    tenant: CreatorId,
    from: Date,
    to: Date,
) -> Result<Vec<DailyUsage>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    Ok(usage_events::by_day(&mut tx, from, to).await?)
}
