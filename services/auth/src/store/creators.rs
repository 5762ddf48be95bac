//! `auth.creators`: the tenants themselves.

use jiff::Timestamp;
use shared_db::TenantTx;
use shared_models::CreatorId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// An account.
#[derive(Debug, Clone)]
pub(crate) struct CreatorRow {
    pub(crate) id: CreatorId,
    pub(crate) display_name: String,
    pub(crate) company_name: Option<String>,
    pub(crate) plan: String,
    pub(crate) created_at: Timestamp,
}

impl CreatorRow {
    /// Reads the columns of an account from a row that may have others.
    pub(super) fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("creator_id")?,
            display_name: row.try_get("display_name")?,
            company_name: row.try_get("company_name")?,
            plan: row.try_get("plan")?,
            created_at: row
                .try_get::<jiff_sqlx::Timestamp, _>("account_created_at")?
                .to_jiff(),
        })
    }
}

impl TryFrom<PgRow> for CreatorRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        Self::from_row(&row)
    }
}

/// Creates the account of this transaction's tenant.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    display_name: &str,
    company_name: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into auth.creators (creator_id, display_name, company_name) values ($1, $2, $3)",
    )
    .bind(tx.creator())
    .bind(display_name)
    .bind(company_name)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Reads the account of this transaction's tenant.
pub(crate) async fn read(tx: &mut TenantTx) -> sqlx::Result<CreatorRow> {
    sqlx::query(
        "select creator_id, display_name, company_name, plan, created_at as account_created_at
         from auth.creators where creator_id = $1",
    )
    .bind(tx.creator())
    .fetch_one(tx.conn())
    .await?
    .try_into()
}

/// Changes the display name.
pub(crate) async fn rename(tx: &mut TenantTx, display_name: &str) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.creators set display_name = $2, updated_at = now() where creator_id = $1",
    )
    .bind(tx.creator())
    .bind(display_name)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// The resource that manages the account of this transaction's tenant.
pub(crate) async fn managed_by(tx: &mut TenantTx) -> sqlx::Result<Option<String>> {
    let row = sqlx::query("select managed_by from auth.creators where creator_id = $1")
        .bind(tx.creator())
        .fetch_optional(tx.conn())
        .await?;
    row.map_or(Ok(None), |row| row.try_get(0))
}
