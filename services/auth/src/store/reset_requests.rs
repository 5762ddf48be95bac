//! Addresses that somebody asked a new password for, whether they have an account or not.

use shared_db::SystemTx;
use shared_models::Email;
use sqlx::Row as _;

/// Records that somebody asked.
pub(crate) async fn ask(tx: &mut SystemTx, email: &Email) -> sqlx::Result<()> {
    sqlx::query("select auth.ask_reset($1)")
        .bind(email.as_str())
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Takes the oldest request; it comes back if the transaction does not last.
pub(crate) async fn take(tx: &mut SystemTx) -> sqlx::Result<Option<Email>> {
    let text: Option<String> = sqlx::query("select auth.take_reset_request()")
        .fetch_one(tx.conn())
        .await?
        .try_get(0)?;
    let parse = |text: String| Email::parse(&text);
    let email = text.map(parse).transpose();
    email.map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
