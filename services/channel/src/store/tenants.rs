//! `platform.tenant_settings`: what the platform allows to an account. Written by auth.

use serde::{Deserialize, Serialize};
use shared_db::TenantTx;
use sqlx::Row as _;

use crate::domain::origin::OriginBound;

/// The default applies to an account without settings: no restriction.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct TenantSettings {
    pub(crate) suspended: bool,
    /// The origins that may embed the account's widgets.
    pub(crate) origins: OriginBound,
}

/// The settings of the transaction's tenant.
pub(crate) async fn find(tx: &mut TenantTx) -> sqlx::Result<TenantSettings> {
    let row = sqlx::query(
        "select suspended_at is not null as suspended, allowed_origins
         from platform.tenant_settings where creator_id = $1",
    )
    .bind(tx.creator())
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else {
        return Ok(TenantSettings::default());
    };
    let origins: Vec<String> = row.try_get("allowed_origins")?;
    Ok(TenantSettings {
        suspended: row.try_get("suspended")?,
        origins: OriginBound::of(&origins),
    })
}
