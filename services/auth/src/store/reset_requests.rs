//! Requested password resets, of addresses with and without an account.

use shared_db::{SystemTx, TenantTx};
use shared_models::Email;
use sqlx::Row as _;

/// Records a request.
pub(crate) async fn insert(tx: &mut TenantTx, email: &Email) -> sqlx::Result<()> {
    sqlx::query("select auth.ask_reset($1)")
        .bind(email.as_str())
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Deletes and returns the oldest request; a rollback restores it.
pub(crate) async fn take_oldest(tx: &mut SystemTx) -> sqlx::Result<Option<Email>> {
    let text: Option<String> = sqlx::query("select auth.take_reset_request()")
        .fetch_one(tx.conn())
        .await?
        .try_get(0)?;
    let parse = |text: String| Email::parse(&text);
    let email = text.map(parse).transpose();
    email.map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
