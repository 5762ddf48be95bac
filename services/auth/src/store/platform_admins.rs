//! Who administers the platform.

use shared_db::{SystemTx, TenantTx};
use shared_models::{Email, UserId};
use sqlx::Row as _;

/// Makes the owner of an address an administrator; false when nobody has the address.
pub(crate) async fn grant(tx: &mut SystemTx, email: &Email) -> sqlx::Result<bool> {
    let row = sqlx::query("select auth.grant_admin($1)").bind(email.as_str());
    row.fetch_one(tx.conn()).await?.try_get(0)
}

/// Takes that back; false when the owner of the address was none.
pub(crate) async fn withdraw(tx: &mut SystemTx, email: &Email) -> sqlx::Result<bool> {
    let row = sqlx::query("select auth.withdraw_admin($1)").bind(email.as_str());
    row.fetch_one(tx.conn()).await?.try_get(0)
}

/// Whether a user of this transaction's tenant is an administrator.
pub(crate) async fn is_admin(tx: &mut TenantTx, user: UserId) -> sqlx::Result<bool> {
    let row = sqlx::query("select auth.is_admin($1)").bind(user);
    row.fetch_one(tx.conn()).await?.try_get(0)
}
