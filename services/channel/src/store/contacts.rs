//! `channel.contacts`: visitors who have sent a message.

use shared_db::TenantTx;
use shared_models::{ChannelId, VisitorId};

/// Adds a visitor, unless it is known.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    visitor: VisitorId,
    channel: ChannelId,
) -> sqlx::Result<()> {
    let creator = tx.creator();
    sqlx::query(
        "insert into channel.contacts (creator_id, id, channel_id) values ($1, $2, $3)
         on conflict (creator_id, id) do nothing",
    )
    .bind(creator)
    .bind(visitor)
    .bind(channel)
    .execute(tx.conn())
    .await?;
    Ok(())
}
