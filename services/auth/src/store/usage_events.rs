//! `platform.usage_events`: sums by day and kind.

use jiff::civil::Date;
use jiff_sqlx::{Date as SqlDate, ToSqlx as _};
use shared_db::TenantTx;
use shared_models::UsageKind;
use sqlx::Row as _;

/// The use of one kind on one day (UTC).
#[derive(Debug, Clone, Copy)]
pub(crate) struct DailyUsage {
    pub(crate) day: Date,
    pub(crate) kind: UsageKind,
    pub(crate) quantity: i64,
}

/// Sums the days `from` to `to`, both included, in the order of the days (UTC).
pub(crate) async fn by_day(
    tx: &mut TenantTx,
    from: Date,
    to: Date,
) -> sqlx::Result<Vec<DailyUsage>> {
    let rows = sqlx::query(
        "select (at at time zone 'UTC')::date as day, kind, sum(quantity)::bigint as quantity
         from platform.usage_events
         where creator_id = $1 and at >= $2::date::timestamp at time zone 'UTC'
           and at < ($3::date + 1)::timestamp at time zone 'UTC'
         group by 1, 2 order by 1, 2",
    )
    .bind(tx.creator())
    .bind(from.to_sqlx())
    .bind(to.to_sqlx())
    .fetch_all(tx.conn())
    .await?;
    let mut sums = Vec::with_capacity(rows.len());
    for row in rows {
        let day: SqlDate = row.try_get("day")?;
        // Skips kinds that only a newer version knows.
        if let Some(kind) = UsageKind::from_name(row.try_get("kind")?) {
            sums.push(DailyUsage {
                day: day.to_jiff(),
                kind,
                quantity: row.try_get("quantity")?,
            });
        }
    }
    Ok(sums)
}
