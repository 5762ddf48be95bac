//! `platform.tenant_settings`: what the platform grants to an account; auth writes it.

use shared_db::TenantTx;
use sqlx::Row as _;

use crate::domain::origin::OriginBound;

/// What an account may do here.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    /// The account is shut.
    pub(crate) suspended: bool,
    /// Where its widgets may be embedded.
    pub(crate) origins: OriginBound,
}

/// Reads what this transaction's tenant may do; an account without settings is not restricted.
pub(crate) async fn bounds(tx: &mut TenantTx) -> sqlx::Result<Bounds> {
    let row = sqlx::query(
        "select suspended_at is not null as suspended, allowed_origins
         from platform.tenant_settings where creator_id = $1",
    )
    .bind(tx.creator())
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else {
        return Ok(Bounds::default());
    };
    let origins: Vec<String> = row.try_get("allowed_origins")?;
    Ok(Bounds {
        suspended: row.try_get("suspended")?,
        origins: OriginBound::of(&origins),
    })
}
