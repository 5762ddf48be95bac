//! Invitations to register a new account; they belong to no tenant.

use jiff::Timestamp;
use shared_db::{Db, TenantTx};
use shared_models::{Email, UserId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::email::INVITATION_TTL;

#[derive(Debug, Clone)]
pub(crate) struct SignupInvitationRow {
    pub(crate) id: Uuid,
    /// Deleted once the invitation was used.
    pub(crate) email: Option<String>,
    pub(crate) invited_by: UserId,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) accepted_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

impl TryFrom<PgRow> for SignupInvitationRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let time = |name: &str| -> sqlx::Result<Option<Timestamp>> {
            let time: Option<jiff_sqlx::Timestamp> = row.try_get(name)?;
            Ok(time.map(jiff_sqlx::Timestamp::to_jiff))
        };
        let required = |name| Ok::<_, sqlx::Error>(time(name)?.unwrap_or(Timestamp::UNIX_EPOCH));
        Ok(Self {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            invited_by: row.try_get("invited_by")?,
            created_at: required("created_at")?,
            expires_at: required("expires_at")?,
            accepted_at: time("accepted_at")?,
            revoked_at: time("revoked_at")?,
        })
    }
}

/// Creates an invitation that replaces a pending one of the same address; none when the user is
/// not a platform administrator.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    by: UserId,
    email: &Email,
    token_hash: &[u8; 32],
) -> sqlx::Result<Option<SignupInvitationRow>> {
    let row = sqlx::query("select * from auth.invite_to_register($1, $2, $3, $4, $5)")
        .bind(by)
        .bind(Uuid::now_v7())
        .bind(email.as_str())
        .bind(&token_hash[..])
        .bind(INVITATION_TTL.as_secs_f64())
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
) -> sqlx::Result<Vec<SignupInvitationRow>> {
    let rows = sqlx::query("select * from auth.list_registration_invitations($1, $2, $3)")
        .bind(by)
        .bind(after)
        .bind(limit)
        .fetch_all(tx.conn())
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Revokes an invitation that was not used; false when there is none.
pub(crate) async fn revoke(tx: &mut TenantTx, by: UserId, id: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar("select auth.revoke_registration_invitation($1, $2)")
        .bind(by)
        .bind(id)
        .fetch_one(tx.conn())
        .await
}

/// Whether the invitation of a token allows this address to register.
pub(crate) async fn is_valid(db: &Db, token_hash: &[u8; 32], email: &Email) -> sqlx::Result<bool> {
    let sql = "select auth.admits_registration($1, $2)";
    let query = || sqlx::query(sql).bind(&token_hash[..]).bind(email.as_str());
    let row = db.look_up(query).await?;
    row.ok_or(sqlx::Error::RowNotFound)?.try_get(0)
}

/// Marks an invitation as used; false when it is not valid any more.
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
