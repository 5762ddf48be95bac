//! Sign-ins: the families of refresh tokens.

use shared_db::TenantTx;
use shared_models::{SessionId, UserId};
use shared_web::ClientIp;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
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

/// A sign-in to be opened.
#[derive(Debug)]
pub(crate) struct NewSession<'a> {
    pub(crate) id: SessionId,
    pub(crate) user: UserId,
    pub(crate) device: &'a Device,
    /// Hash of the first refresh token.
    pub(crate) token_hash: [u8; 32],
    pub(crate) life_seconds: f64,
    /// What the audit log is to say.
    pub(crate) entry: Event,
}

impl NewSession<'_> {
    /// Binds what `auth.open_session` takes after the account: thirteen values.
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
            .bind(self.life_seconds);
        bind_entry(query, &self.entry)
    }
}

/// Opens a session with its first token and its entry in the audit log, in one round trip.
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
