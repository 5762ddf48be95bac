//! Usage events, written in the transaction of the action that they count.

use shared_models::UsageKind;
use uuid::Uuid;

use crate::TenantTx;

/// Records usage in this transaction; quantities of zero are skipped.
pub async fn record(tx: &mut TenantTx, used: &[(UsageKind, i64)]) -> sqlx::Result<()> {
    let used = used.iter().filter(|(_, quantity)| *quantity > 0);
    let (kinds, quantities): (Vec<_>, Vec<_>) = used
        .map(|(kind, quantity)| (kind.as_str(), *quantity))
        .unzip();
    let ids: Vec<Uuid> = kinds.iter().map(|_| Uuid::now_v7()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into platform.usage_events (creator_id, id, kind, quantity)
         select $1, e.* from unnest($2::uuid[], $3::text[], $4::bigint[]) as e",
    )
    .bind(tx.creator())
    .bind(ids)
    .bind(kinds)
    .bind(quantities)
    .execute(tx.conn())
    .await
    .map(|_| ())
}
