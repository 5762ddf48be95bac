//! Letters that wait, were sent, or were given up.

use jiff::Timestamp;
use shared_db::{SystemTx, TenantTx};
use shared_models::CreatorId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::mail::Letter;

/// A letter that a worker has taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) creator: CreatorId,
    pub(crate) id: Uuid,
    pub(crate) attempt: i32,
    token: Uuid,
}

/// A letter of the outbox.
#[derive(Debug, Clone)]
pub(crate) struct MailRow {
    pub(crate) id: Uuid,
    pub(crate) recipient: String,
    pub(crate) subject: String,
    /// Sealed.
    pub(crate) body: String,
    pub(crate) state: String,
    pub(crate) error_reason: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) expired: bool,
}

impl TryFrom<PgRow> for MailRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            recipient: row.try_get("recipient")?,
            subject: row.try_get("subject")?,
            body: row.try_get("body")?,
            state: row.try_get("state")?,
            error_reason: row.try_get("error_reason")?,
            created_at: row
                .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
                .to_jiff(),
            expired: row.try_get("expired")?,
        })
    }
}

/// Writes a letter, and sweeps out what is a month old.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    id: Uuid,
    letter: &Letter,
    sealed: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "with swept as (
           delete from auth.mail_outbox
           where creator_id = $1 and created_at < now() - interval '30 days')
         insert into auth.mail_outbox (creator_id, id, recipient, subject, body, expires_at)
         values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(&letter.to)
    .bind(&letter.subject)
    .bind(sealed)
    .bind(letter.life.as_secs_f64())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Takes the letter that is due longest, or one whose worker has gone silent.
pub(crate) async fn claim(tx: &mut SystemTx, lease_seconds: f64) -> sqlx::Result<Option<Claim>> {
    let token = Uuid::new_v4();
    let row = sqlx::query("select tenant, letter, attempt from auth.claim_mail($1, $2)")
        .bind(lease_seconds)
        .bind(token)
        .fetch_optional(tx.conn())
        .await?;
    let claim = |row: PgRow| {
        Ok(Claim {
            creator: row.try_get("tenant")?,
            id: row.try_get("letter")?,
            attempt: row.try_get("attempt")?,
            token,
        })
    };
    row.map(claim).transpose()
}

/// The letters that wait or were given up: whose, and which.
pub(crate) async fn unsent(tx: &mut SystemTx) -> sqlx::Result<Vec<(CreatorId, Uuid)>> {
    let rows = sqlx::query("select tenant, letter from auth.unsent_mail()")
        .fetch_all(tx.conn())
        .await?;
    let pair = |row: PgRow| Ok((row.try_get("tenant")?, row.try_get("letter")?));
    rows.into_iter().map(pair).collect()
}

/// Reads a letter that was not sent.
pub(crate) async fn find(tx: &mut TenantTx, id: Uuid) -> sqlx::Result<Option<MailRow>> {
    let row = sqlx::query(
        "select id, recipient, subject, body, state, error_reason, created_at,
                expires_at < now() as expired
         from auth.mail_outbox where creator_id = $1 and id = $2 and state <> 'sent'",
    )
    .bind(tx.creator())
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Records that a letter was taken by the mail server; its text is needed no more.
pub(crate) async fn sent(tx: &mut TenantTx, claim: &Claim) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.mail_outbox
         set state = 'sent', sent_at = now(), body = null, error_reason = null,
             lease_until = null, lease_token = null
         where creator_id = $1 and id = $2 and lease_token = $3",
    )
    .bind(tx.creator())
    .bind(claim.id)
    .bind(claim.token)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Records a failed attempt: the next one after `wait` seconds, or never again.
pub(crate) async fn failed(
    tx: &mut TenantTx,
    claim: &Claim,
    reason: &str,
    wait: Option<f64>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.mail_outbox
         set state = case when $4::float8 is null then 'dead' else 'queued' end,
             run_at = now() + make_interval(secs => coalesce($4, 0)),
             error_reason = left($5, 500), lease_until = null, lease_token = null
         where creator_id = $1 and id = $2 and lease_token = $3",
    )
    .bind(tx.creator())
    .bind(claim.id)
    .bind(claim.token)
    .bind(wait)
    .bind(reason)
    .execute(tx.conn())
    .await
    .map(|_| ())
}
