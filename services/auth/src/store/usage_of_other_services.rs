//! What a tenant uses in creator-hub and channel.
//!
//! The only query that reads tables of other services. A table belongs to one service, so usage
//! events of these services will replace it.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use shared_db::TenantTx;
use sqlx::Row as _;
use uuid::Uuid;

use crate::domain::tenant::TenantUsage;

/// Counts documents, their bytes, and the messages that the audience has sent this month (UTC).
pub(crate) async fn count(tx: &mut TenantTx) -> sqlx::Result<TenantUsage> {
    let row = sqlx::query(
        "select d.documents, d.bytes, m.messages
         from (select count(*) as documents, coalesce(sum(file_size), 0)::bigint as bytes
               from hub.documents where creator_id = $1 and state <> 'erasing') d,
              (select count(*) as messages
               from channel.messages where creator_id = $1 and id >= $2 and role = 'user') m",
    )
    .bind(tx.creator())
    .bind(first_id_of_month(Timestamp::now()))
    .fetch_one(tx.conn())
    .await?;
    Ok(TenantUsage {
        documents: row.try_get("documents")?,
        storage_bytes: row.try_get("bytes")?,
        messages_this_month: row.try_get("messages")?,
    })
}

/// UUIDv7 ids begin with their creation time, so the primary key finds the rows after a time.
fn first_id_of_month(now: Timestamp) -> Uuid {
    let today = now.to_zoned(TimeZone::UTC).date();
    let month = DateTime::from(today.first_of_month());
    let begin = month
        .to_zoned(TimeZone::UTC)
        .map_or(0, |zoned| zoned.timestamp().as_duration().as_millis());
    Uuid::from_u128(u128::try_from(begin).unwrap_or_default() << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_id_separates_one_month_from_the_next() {
        let bound = first_id_of_month("2026-11-24T10:00:00Z".parse().unwrap());
        let id_at = |time: &str| {
            let time: Timestamp = time.parse().unwrap();
            let millis = u128::try_from(time.as_millisecond()).unwrap();
            Uuid::from_u128(millis << 80 | 0x7fff_bfff_ffff_ffff_ffff)
        };
        assert!(id_at("2026-10-31T23:59:59.999Z") < bound);
        assert!(id_at("2026-11-01T00:00:00Z") > bound);
    }
}
