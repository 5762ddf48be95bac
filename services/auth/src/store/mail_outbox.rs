//! `auth.mail_outbox`: emails that are queued, sent, or given up.

use std::time::Duration;

use jiff::Timestamp;
use shared_db::{SystemTx, TenantTx};
use shared_models::{CreatorId, JobId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::email::QueuedEmail;

/// How long an email is leased to the job that sends it, seconds. A process of the version before
/// leases emails in the same columns.
const LEASE_SECONDS: f64 = 60.0;

/// The answer to a job that wants to send an email.
pub(crate) enum Leased {
    Here(UnsentEmail),
    /// A process of the version before sends it; it has that long.
    Elsewhere(Duration),
    /// It is not queued any more.
    Nothing,
}

/// An email that was not sent.
#[derive(Debug, Clone)]
pub(crate) struct UnsentEmail {
    pub(crate) id: Uuid,
    pub(crate) recipient: String,
    pub(crate) subject: String,
    /// Encrypted.
    pub(crate) body: String,
    pub(crate) state: EmailState,
    pub(crate) error_reason: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) expired: bool,
}

/// The state of an email that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmailState {
    Queued,
    Dead,
}

impl EmailState {
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

impl TryFrom<PgRow> for UnsentEmail {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            recipient: row.try_get("recipient")?,
            subject: row.try_get("subject")?,
            body: row.try_get("body")?,
            state: EmailState::from_name(row.try_get("state")?)?,
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

/// Leases a queued email to a job. A later attempt of the job takes the lease of an earlier one,
/// which has lost the job.
pub(crate) async fn lease(tx: &mut TenantTx, id: Uuid, job: JobId) -> sqlx::Result<Leased> {
    let row = sqlx::query(
        "update auth.mail_outbox
         set lease_token = $3, lease_until = now() + make_interval(secs => $4)
         where creator_id = $1 and id = $2 and state = 'queued'
           and (lease_until is null or lease_until < now() or lease_token = $3)
         returning id, recipient, subject, body, state, error_reason, created_at,
                   expires_at < now() as expired",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(job)
    .bind(LEASE_SECONDS)
    .fetch_optional(tx.conn())
    .await?;
    if let Some(row) = row {
        return Ok(Leased::Here(row.try_into()?));
    }
    let leased = sqlx::query(
        "select greatest(extract(epoch from lease_until - now()), 1)::float8
         from auth.mail_outbox
         where creator_id = $1 and id = $2 and state = 'queued'",
    )
    .bind(tx.creator())
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = leased else {
        return Ok(Leased::Nothing);
    };
    let seconds: Option<f64> = row.try_get(0)?;
    Ok(Leased::Elsewhere(Duration::from_secs_f64(
        seconds.unwrap_or(1.0),
    )))
}

/// Up to `most` queued emails of that age for which no job waits or runs.
pub(crate) async fn without_job(
    tx: &mut SystemTx,
    older_than: Duration,
    most: i32,
) -> sqlx::Result<Vec<(CreatorId, Uuid)>> {
    let rows = sqlx::query(
        "select tenant, email from auth.emails_without_job(make_interval(secs => $1), $2)",
    )
    .bind(older_than.as_secs_f64())
    .bind(most)
    .fetch_all(tx.conn())
    .await?;
    let pair = |row: PgRow| Ok((row.try_get("tenant")?, row.try_get("email")?));
    rows.into_iter().map(pair).collect()
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
pub(crate) async fn find(tx: &mut TenantTx, id: Uuid) -> sqlx::Result<Option<UnsentEmail>> {
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
pub(crate) async fn mark_sent(tx: &mut TenantTx, id: Uuid, job: JobId) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.mail_outbox
         set state = 'sent', sent_at = now(), body = null, error_reason = null,
             lease_until = null, lease_token = null
         where creator_id = $1 and id = $2 and lease_token = $3",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(job)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Records why an email was not sent yet, and ends the lease. `run_at` is for processes of the
/// version before, which would try again at once.
pub(crate) async fn postpone(
    tx: &mut TenantTx,
    id: Uuid,
    job: JobId,
    reason: &str,
    wait: Duration,
) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.mail_outbox
         set run_at = now() + make_interval(secs => $4), error_reason = left($5, 500),
             lease_until = null, lease_token = null
         where creator_id = $1 and id = $2 and lease_token = $3",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(job)
    .bind(wait.as_secs_f64())
    .bind(reason)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Records that a queued email will not be sent, and why; false when it is not queued any more.
pub(crate) async fn give_up(tx: &mut TenantTx, id: Uuid, reason: &str) -> sqlx::Result<bool> {
    let updated = sqlx::query(
        "update auth.mail_outbox
         set state = 'dead', error_reason = left($3, 500), lease_until = null, lease_token = null
         where creator_id = $1 and id = $2 and state = 'queued'",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(reason)
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Queues an email again that was given up; false when there is none, or it has expired.
pub(crate) async fn requeue(tx: &mut TenantTx, id: Uuid) -> sqlx::Result<bool> {
    let updated = sqlx::query(
        "update auth.mail_outbox set state = 'queued', run_at = now(), error_reason = null
         where creator_id = $1 and id = $2 and state = 'dead' and expires_at > now()",
    )
    .bind(tx.creator())
    .bind(id)
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}
