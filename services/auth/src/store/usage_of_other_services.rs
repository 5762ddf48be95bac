//! What a tenant uses, counted where it lies.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use shared_db::TenantTx;
use sqlx::Row as _;
use uuid::Uuid;

use crate::internal::wire::Usage;

/// Counts documents, their bytes, and what the audience wrote since the month began (UTC).
pub(crate) async fn of(tx: &mut TenantTx) -> sqlx::Result<Usage> {
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
    Ok(Usage {
        documents: row.try_get("documents")?,
        storage_bytes: row.try_get("bytes")?,
        messages_this_month: row.try_get("messages")?,
    })
}

/// Ids begin with their time (UUIDv7), so the primary key finds what is younger than a moment.
fn first_id_of_month(now: Timestamp) -> Uuid {
    let now = now.to_zoned(TimeZone::UTC).datetime();
    let month = DateTime::from(now.date().first_of_month());
    let begin = month
        .to_zoned(TimeZone::UTC)
        .map_or(0, |zoned| zoned.timestamp().as_duration().as_millis());
    Uuid::from_u128(u128::try_from(begin).unwrap_or_default() << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_lies_between_the_last_moment_of_one_month_and_the_first_of_the_next() {
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
