//! Invitations to register, which no account owns.

use jiff::Timestamp;
use shared_db::{Db, TenantTx};
use shared_models::{Email, UserId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::mail::letters::INVITE_LIFE;

/// An invitation, and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct RegistrationInvitationRow {
    pub(crate) id: Uuid,
    /// Gone once it was used.
    pub(crate) email: Option<String>,
    pub(crate) invited_by: UserId,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) accepted_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

impl TryFrom<PgRow> for RegistrationInvitationRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let time = |name: &str| -> sqlx::Result<Option<Timestamp>> {
            let time: Option<jiff_sqlx::Timestamp> = row.try_get(name)?;
            Ok(time.map(jiff_sqlx::Timestamp::to_jiff))
        };
        let always = |name| Ok::<_, sqlx::Error>(time(name)?.unwrap_or(Timestamp::UNIX_EPOCH));
        Ok(Self {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            invited_by: row.try_get("invited_by")?,
            created_at: always("created_at")?,
            expires_at: always("expires_at")?,
            accepted_at: time("accepted_at")?,
            revoked_at: time("revoked_at")?,
        })
    }
}

/// Invites an address in place of what still waits for it; none for who is no administrator.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    by: UserId,
    email: &Email,
    token_hash: &[u8; 32],
) -> sqlx::Result<Option<RegistrationInvitationRow>> {
    let row = sqlx::query("select * from auth.invite_to_register($1, $2, $3, $4, $5)")
        .bind(by)
        .bind(Uuid::now_v7())
        .bind(email.as_str())
        .bind(&token_hash[..])
        .bind(INVITE_LIFE.as_secs_f64())
        .fetch_optional(tx.conn())
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// Lists invitations for an administrator, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    by: UserId,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<RegistrationInvitationRow>> {
    let rows = sqlx::query("select * from auth.list_registration_invitations($1, $2, $3)")
        .bind(by)
        .bind(after)
        .bind(limit)
        .fetch_all(tx.conn())
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Takes one back for an administrator; false when there is none that was not used.
pub(crate) async fn revoke(tx: &mut TenantTx, by: UserId, id: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar("select auth.revoke_registration_invitation($1, $2)")
        .bind(by)
        .bind(id)
        .fetch_one(tx.conn())
        .await
}

/// Whether a token lets that address register now.
pub(crate) async fn admits(db: &Db, token_hash: &[u8; 32], email: &Email) -> sqlx::Result<bool> {
    let sql = "select auth.admits_registration($1, $2)";
    let question = || sqlx::query(sql).bind(&token_hash[..]).bind(email.as_str());
    let row = db.look_up(question).await?;
    row.ok_or(sqlx::Error::RowNotFound)?.try_get(0)
}

/// Uses it up; false when it opens nothing any more.
pub(crate) async fn accept(
    tx: &mut TenantTx,
    token_hash: &[u8; 32],
    email: &Email,
) -> sqlx::Result<bool> {
    sqlx::query_scalar("select auth.use_registration_invitation($1, $2)")
        .bind(&token_hash[..])
        .bind(email.as_str())
        .fetch_one(tx.conn())
        .await
}
