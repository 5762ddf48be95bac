//! Platform administrators.

use shared_db::{SystemTx, TenantTx};
use shared_models::{Email, UserId};
use sqlx::Row as _;

/// Makes the user of an email address an administrator; false when the address is unknown.
pub(crate) async fn grant(tx: &mut SystemTx, email: &Email) -> sqlx::Result<bool> {
    let row = sqlx::query("select auth.grant_admin($1)").bind(email.as_str());
    row.fetch_one(tx.conn()).await?.try_get(0)
}

/// Removes an administrator; false when the user of the address is not one.
pub(crate) async fn revoke(tx: &mut SystemTx, address: &str) -> sqlx::Result<bool> {
    let row = sqlx::query("select auth.withdraw_admin($1)").bind(address);
    row.fetch_one(tx.conn()).await?.try_get(0)
}

/// Whether a user of this transaction's tenant is an administrator.
pub(crate) async fn is_admin(tx: &mut TenantTx, user: UserId) -> sqlx::Result<bool> {
    let row = sqlx::query("select auth.is_admin($1)").bind(user);
    row.fetch_one(tx.conn()).await?.try_get(0)
}
