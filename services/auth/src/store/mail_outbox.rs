//! `auth.mail_outbox`: emails that are queued, sent, or dead after too many attempts.

use jiff::Timestamp;
use shared_db::{SystemTx, TenantTx};
use shared_models::CreatorId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::email::QueuedEmail;

/// An email that a worker has leased.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClaimedMail {
    pub(crate) creator: CreatorId,
    pub(crate) id: Uuid,
    pub(crate) attempt: i32,
    lease_token: Uuid,
}

/// An email that was not sent.
#[derive(Debug, Clone)]
pub(crate) struct MailRow {
    pub(crate) id: Uuid,
    pub(crate) recipient: String,
    pub(crate) subject: String,
    /// Encrypted.
    pub(crate) body: String,
    pub(crate) state: MailState,
    pub(crate) error_reason: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) expired: bool,
}

/// The state of an email that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailState {
    Queued,
    Dead,
}

impl MailState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Dead => "dead",
        }
    }

    fn from_name(name: &str) -> sqlx::Result<Self> {
        match name {
            "queued" => Ok(Self::Queued),
            "dead" => Ok(Self::Dead),
            other => Err(sqlx::Error::Decode(
                format!("unknown state of an email: {other}").into(),
            )),
        }
    }
}

impl TryFrom<PgRow> for MailRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            recipient: row.try_get("recipient")?,
            subject: row.try_get("subject")?,
            body: row.try_get("body")?,
            state: MailState::from_name(row.try_get("state")?)?,
            error_reason: row.try_get("error_reason")?,
            created_at: row
                .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
                .to_jiff(),
            expired: row.try_get("expired")?,
        })
    }
}

/// Adds an email, and deletes the tenant's emails that are older than a month.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    id: Uuid,
    email: &QueuedEmail,
    encrypted_text: &str,
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
    .bind(&email.message.to)
    .bind(&email.message.subject)
    .bind(encrypted_text)
    .bind(email.ttl.as_secs_f64())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Leases the email that is due longest, or one whose lease has expired.
pub(crate) async fn claim(
    tx: &mut SystemTx,
    lease_seconds: f64,
) -> sqlx::Result<Option<ClaimedMail>> {
    let lease_token = Uuid::new_v4();
    let row = sqlx::query("select tenant, letter, attempt from auth.claim_mail($1, $2)")
        .bind(lease_seconds)
        .bind(lease_token)
        .fetch_optional(tx.conn())
        .await?;
    let parse = |row: PgRow| {
        Ok(ClaimedMail {
            creator: row.try_get("tenant")?,
            id: row.try_get("letter")?,
            attempt: row.try_get("attempt")?,
            lease_token,
        })
    };
    row.map(parse).transpose()
}

/// The tenant and id of every email that is queued or dead.
pub(crate) async fn unsent(tx: &mut SystemTx) -> sqlx::Result<Vec<(CreatorId, Uuid)>> {
    let rows = sqlx::query("select tenant, letter from auth.unsent_mail()")
        .fetch_all(tx.conn())
        .await?;
    let pair = |row: PgRow| Ok((row.try_get("tenant")?, row.try_get("letter")?));
    rows.into_iter().map(pair).collect()
}

/// Reads an email that was not sent.
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

/// Records that the mail server has accepted an email, and deletes its text.
pub(crate) async fn mark_sent(tx: &mut TenantTx, claim: &ClaimedMail) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.mail_outbox
         set state = 'sent', sent_at = now(), body = null, error_reason = null,
             lease_until = null, lease_token = null
         where creator_id = $1 and id = $2 and lease_token = $3",
    )
    .bind(tx.creator())
    .bind(claim.id)
    .bind(claim.lease_token)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Records a failed attempt: the next one follows after `retry_after` seconds, or never.
pub(crate) async fn mark_failed(
    tx: &mut TenantTx,
    claim: &ClaimedMail,
    reason: &str,
    retry_after: Option<f64>,
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
    .bind(claim.lease_token)
    .bind(retry_after)
    .bind(reason)
    .execute(tx.conn())
    .await
    .map(|_| ())
}
