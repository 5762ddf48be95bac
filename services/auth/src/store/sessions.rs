//! Sign-ins: the families of refresh tokens.

use shared_db::TenantTx;
use shared_models::{SessionId, UserId};
use shared_web::ClientIp;
use uuid::Uuid;

use super::audit_log::bind_entry;
use crate::audit::Event;

/// Where a sign-in comes from.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) ip: ClientIp,
    pub(crate) user_agent: Option<String>,
}

/// Why a session was ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Revocation {
    Logout,
    LogoutAll,
    /// By its owner, from another session.
    Revoked,
    Reuse,
    PasswordChanged,
    PasswordReset,
}

impl Revocation {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::Revoked => "revoked",
            Self::Reuse => "refresh_token_reuse",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
        }
    }
}

/// Opens a session with its first token and its entry in the audit log, in one round trip; and
/// sweeps out what the user let expire.
pub(crate) async fn open(
    tx: &mut TenantTx,
    user: UserId,
    device: &Device,
    token_hash: &[u8; 32],
    life_seconds: f64,
    entry: &Event,
) -> sqlx::Result<SessionId> {
    let id = SessionId::new();
    let query = sqlx::query(
        "with swept as (
           delete from auth.sessions where creator_id = $1 and user_id = $3 and expires_at < now()),
         opened as (
           insert into auth.sessions (creator_id, id, user_id, user_agent, ip, expires_at)
           values ($1, $2, $3, $4, $5::inet, now() + make_interval(secs => $8))
           returning creator_id, id, expires_at),
         issued as (
           insert into auth.refresh_tokens (creator_id, id, session_id, token_hash, expires_at)
           select creator_id, $6, id, $7, expires_at from opened
           returning creator_id)
         select auth.append_audit(creator_id, $9, $10, $11, $12, $13::inet, $14) from issued",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(user)
    .bind(device.user_agent.as_deref())
    .bind(device.ip.0.to_string())
    .bind(Uuid::now_v7())
    .bind(&token_hash[..])
    .bind(life_seconds);
    bind_entry(query, entry).execute(tx.conn()).await?;
    Ok(id)
}

/// Holds a session for this transaction: whatever rotates or ends it waits its turn.
pub(crate) async fn hold(tx: &mut TenantTx, id: SessionId) -> sqlx::Result<()> {
    sqlx::query("select 1 from auth.sessions where creator_id = $1 and id = $2 for update")
        .bind(tx.creator())
        .bind(id)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Ends a session, and with it all its tokens; one that has ended stays as it is. Says whether this
/// tenant has such a session.
pub(crate) async fn revoke(
    tx: &mut TenantTx,
    id: SessionId,
    reason: Revocation,
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
