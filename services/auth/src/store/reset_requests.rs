//! Requested password resets, of addresses with and without an account.

use shared_db::{SystemTx, TenantTx};
use sqlx::Row as _;

use crate::domain::login_address::LoginAddress;

/// Records a request, by the spelling that was typed.
pub(crate) async fn insert(tx: &mut TenantTx, address: &LoginAddress) -> sqlx::Result<()> {
    sqlx::query("select auth.ask_reset($1)")
        .bind(address.spelling())
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Deletes and returns the oldest request; a rollback restores it.
pub(crate) async fn take_oldest(tx: &mut SystemTx) -> sqlx::Result<Option<LoginAddress>> {
    let text: Option<String> = sqlx::query("select auth.take_reset_request()")
        .fetch_one(tx.conn())
        .await?
        .try_get(0)?;
    let address = text.map(|text| LoginAddress::parse(&text)).transpose();
    address.map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
