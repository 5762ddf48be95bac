//! Accounts that Tenant resources describe, with their settings in `platform.tenant_settings`.

use jiff::Timestamp;
use shared_db::{SystemTx, TenantTx};
use shared_models::CreatorId;
use shared_quota::Quotas;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::tenant::DesiredTenant;

/// An account and its settings.
#[derive(Debug)]
pub(crate) struct TenantRow {
    pub(crate) display_name: String,
    /// None when the account and its settings disagree.
    pub(crate) plan: Option<String>,
    /// None when the stored value cannot be parsed.
    pub(crate) quotas: Option<Quotas>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) suspended: bool,
    pub(crate) resource: Option<String>,
    pub(crate) created_at: Timestamp,
}

impl TryFrom<PgRow> for TenantRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let quotas: Option<Json<serde_json::Value>> = row.try_get("quotas")?;
        Ok(Self {
            display_name: row.try_get("display_name")?,
            plan: row.try_get("plan")?,
            quotas: quotas.and_then(|Json(value)| serde_json::from_value(value).ok()),
            allowed_origins: row.try_get("allowed_origins")?,
            suspended: row.try_get("suspended")?,
            resource: row.try_get("managed_by")?,
            created_at: row
                .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
                .to_jiff(),
        })
    }
}

/// The accounts of these resources; resources without an account are left out.
pub(crate) async fn find(tx: &mut SystemTx, uids: &[Uuid]) -> sqlx::Result<Vec<(Uuid, CreatorId)>> {
    let rows = sqlx::query("select external_uid, tenant from auth.find_managed($1)")
        .bind(uids)
        .fetch_all(tx.conn())
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

/// Creates the account of this transaction's tenant for a resource; false when the resource has
/// one already.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    uid: Uuid,
    desired: &DesiredTenant,
) -> sqlx::Result<bool> {
    sqlx::query(
        "insert into auth.creators (creator_id, display_name, plan, external_uid, managed_by)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(tx.creator())
    .bind(desired.display_name.as_str())
    .bind(desired.plan.as_str())
    .bind(uid)
    .bind(desired.resource.as_str())
    .execute(tx.conn())
    .await?;
    sqlx::query("select auth.claim_managed($1)")
        .bind(uid)
        .fetch_one(tx.conn())
        .await?
        .try_get(0)
}

/// Makes other requests that change this account wait until this transaction ends.
pub(crate) async fn lock(tx: &mut TenantTx) -> sqlx::Result<()> {
    sqlx::query("select from auth.creators where creator_id = $1 for no key update")
        .bind(tx.creator())
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Updates the account to what its resource describes. Writes only what differs.
pub(crate) async fn save(tx: &mut TenantTx, desired: &DesiredTenant) -> sqlx::Result<()> {
    sqlx::query(
        "with account as (
           update auth.creators
           set display_name = $2, plan = $3, managed_by = $4, updated_at = now()
           where creator_id = $1
             and (display_name, plan, managed_by) is distinct from ($2, $3, $4))
         insert into platform.tenant_settings as s
           (creator_id, plan, quotas, allowed_origins, suspended_at)
         values ($1, $3, $5, $6, case when $7 then now() end)
         on conflict (creator_id) do update
         set plan = excluded.plan, quotas = excluded.quotas, updated_at = now(),
             allowed_origins = excluded.allowed_origins,
             suspended_at = case when $7 then coalesce(s.suspended_at, now()) end
         where (s.plan, s.quotas, s.allowed_origins, s.suspended_at is not null)
           is distinct from ($3, $5::jsonb, $6::text[], $7)",
    )
    .bind(tx.creator())
    .bind(desired.display_name.as_str())
    .bind(desired.plan.as_str())
    .bind(desired.resource.as_str())
    .bind(Json(&desired.quotas))
    .bind(&desired.allowed_origins.0)
    .bind(desired.suspended)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Reads the account of this transaction's tenant.
pub(crate) async fn read(tx: &mut TenantTx) -> sqlx::Result<Option<TenantRow>> {
    let row = sqlx::query(
        "select c.display_name, c.managed_by, c.created_at, s.quotas,
                case when s.plan = c.plan then c.plan end as plan,
                coalesce(s.allowed_origins, '{}') as allowed_origins,
                s.suspended_at is not null as suspended
         from auth.creators c
         left join platform.tenant_settings s on s.creator_id = c.creator_id
         where c.creator_id = $1",
    )
    .bind(tx.creator())
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Whether the account of this transaction's tenant is suspended.
pub(crate) async fn is_suspended(tx: &mut TenantTx) -> sqlx::Result<bool> {
    let row = sqlx::query(
        "select exists (select from platform.tenant_settings
                        where creator_id = $1 and suspended_at is not null)",
    )
    .bind(tx.creator())
    .fetch_one(tx.conn())
    .await?;
    row.try_get(0)
}
