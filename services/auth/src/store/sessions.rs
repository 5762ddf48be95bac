//! `auth.sessions`: sign-ins, each with its refresh tokens.

use jiff::Timestamp;
use shared_db::TenantTx;
use shared_models::{SessionId, UserId};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row as _};
use uuid::Uuid;

use super::audit_log::bind_event;
use crate::domain::audit::AuditEvent;
use crate::domain::device::Device;

/// Why a session ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RevocationReason {
    Logout,
    LogoutAll,
    /// By its user, from another session.
    Revoked,
    TokenReuse,
    PasswordChanged,
    PasswordReset,
    EmailChanged,
}

impl RevocationReason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::Revoked => "revoked",
            Self::TokenReuse => "refresh_token_reuse",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::EmailChanged => "email_changed",
        }
    }
}

/// A session to be opened.
#[derive(Debug)]
pub(crate) struct NewSession<'a> {
    pub(crate) id: SessionId,
    pub(crate) user: UserId,
    pub(crate) device: &'a Device,
    /// The hash of the first refresh token.
    pub(crate) token_hash: [u8; 32],
    pub(crate) ttl_seconds: f64,
    /// The entry for the audit log.
    pub(crate) audit_event: AuditEvent,
}

impl NewSession<'_> {
    /// Binds the thirteen arguments of `auth.open_session` after the tenant.
    pub(super) fn bind<'q>(
        &'q self,
        query: Query<'q, Postgres, PgArguments>,
    ) -> Query<'q, Postgres, PgArguments> {
        let query = query
            .bind(self.user)
            .bind(self.id)
            .bind(self.device.user_agent.as_deref())
            .bind(self.device.ip.0.to_string())
            .bind(Uuid::now_v7())
            .bind(&self.token_hash[..])
            .bind(self.ttl_seconds);
        bind_event(query, &self.audit_event)
    }
}

/// Opens a session with its first refresh token and its audit entry, in one round trip.
pub(crate) async fn open(tx: &mut TenantTx, session: &NewSession<'_>) -> sqlx::Result<()> {
    let query = sqlx::query(
        "select auth.open_session($1, $2, $3, $4, $5::inet, $6, $7, $8,
                                  $9, $10, $11, $12, $13::inet, $14)",
    );
    session
        .bind(query.bind(tx.creator()))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Locks a session until this transaction ends; concurrent refreshes and revocations wait.
pub(crate) async fn lock(tx: &mut TenantTx, id: SessionId) -> sqlx::Result<()> {
    sqlx::query("select 1 from auth.sessions where creator_id = $1 and id = $2 for update")
        .bind(tx.creator())
        .bind(id)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Ends a session and its tokens; one that has ended stays unchanged. Returns whether this tenant
/// has such a session.
pub(crate) async fn revoke(
    tx: &mut TenantTx,
    id: SessionId,
    reason: RevocationReason,
) -> sqlx::Result<bool> {
    let ended = sqlx::query(
        "update auth.sessions
         set revoked_at = coalesce(revoked_at, now()), revoked_reason = coalesce(revoked_reason, $3)
         where creator_id = $1 and id = $2",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(reason.as_str())
    .execute(tx.conn())
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// An open session.
#[derive(Debug, Clone)]
pub(crate) struct SessionRow {
    pub(crate) id: SessionId,
    pub(crate) user_agent: Option<String>,
    pub(crate) ip: String,
    pub(crate) created_at: Timestamp,
    pub(crate) last_seen_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl TryFrom<PgRow> for SessionRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let time = |column| {
            row.try_get::<jiff_sqlx::Timestamp, _>(column)
                .map(jiff_sqlx::Timestamp::to_jiff)
        };
        Ok(Self {
            id: row.try_get("id")?,
            user_agent: row.try_get("user_agent")?,
            ip: row.try_get("ip")?,
            created_at: time("created_at")?,
            last_seen_at: time("last_seen_at")?,
            expires_at: time("expires_at")?,
        })
    }
}

/// Lists the open sessions of a user, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    user: UserId,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<SessionRow>> {
    let rows = sqlx::query(
        "select id, user_agent, host(ip) as ip, created_at, last_seen_at, expires_at
         from auth.sessions
         where creator_id = $1 and user_id = $2 and revoked_at is null and expires_at > now()
           and ($3::uuid is null or id < $3)
         order by id desc limit $4",
    )
    .bind(tx.creator())
    .bind(user)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Ends an open session of a user; false when the user has no such session.
pub(crate) async fn revoke_own(
    tx: &mut TenantTx,
    user: UserId,
    id: SessionId,
) -> sqlx::Result<bool> {
    let ended = sqlx::query(
        "update auth.sessions set revoked_at = now(), revoked_reason = $4
         where creator_id = $1 and user_id = $2 and id = $3
           and revoked_at is null and expires_at > now()",
    )
    .bind(tx.creator())
    .bind(user)
    .bind(id)
    .bind(RevocationReason::Revoked.as_str())
    .execute(tx.conn())
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Ends all sessions of a user except `kept`, and returns their ids.
pub(crate) async fn revoke_all(
    tx: &mut TenantTx,
    user: UserId,
    kept: Option<SessionId>,
    reason: RevocationReason,
) -> sqlx::Result<Vec<SessionId>> {
    let rows = sqlx::query(
        "update auth.sessions set revoked_at = now(), revoked_reason = $4
         where creator_id = $1 and user_id = $2 and id is distinct from $3
           and revoked_at is null and expires_at > now()
         returning id",
    )
    .bind(tx.creator())
    .bind(user)
    .bind(kept)
    .bind(reason.as_str())
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|row| row.try_get("id")).collect()
}
