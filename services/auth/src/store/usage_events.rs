//! `platform.usage_events`: what was used, by day.

use jiff::civil::Date;
use jiff_sqlx::{Date as SqlDate, ToSqlx as _};
use shared_db::TenantTx;
use shared_models::UsageKind;
use sqlx::Row as _;

/// The sums of the days from one to another, both included, in the order of the days (UTC).
pub(crate) async fn by_day(
    tx: &mut TenantTx,
    from: Date,
    to: Date,
) -> sqlx::Result<Vec<(Date, UsageKind, i64)>> {
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
        // A kind that only a newer version knows is left out.
        if let Some(kind) = UsageKind::from_name(row.try_get("kind")?) {
            sums.push((day.to_jiff(), kind, row.try_get("quantity")?));
        }
    }
    Ok(sums)
}
