//! `auth.refresh_tokens`: the tokens of sessions, each used once.

use shared_db::TenantTx;
use shared_models::{SessionId, UserId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::refresh_token::{REUSE_INTERVAL_SECONDS, SessionLifetimes};

/// The state of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenState {
    Unused,
    /// Used within the reuse interval: its successor is returned again.
    JustUsed,
    /// Used before the reuse interval: stolen, unless its successor has never been used.
    Reused,
    Expired,
    /// The session was revoked or has expired.
    SessionEnded,
}

/// A token of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenRow {
    pub(crate) id: Uuid,
    pub(crate) user: UserId,
    pub(crate) state: TokenState,
}

impl TryFrom<PgRow> for TokenRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let is = |column| row.try_get::<bool, _>(column);
        let state = if !is("open")? {
            TokenState::SessionEnded
        } else if !is("alive")? {
            TokenState::Expired
        } else if !is("used")? {
            TokenState::Unused
        } else if is("just_used")? {
            TokenState::JustUsed
        } else {
            TokenState::Reused
        };
        Ok(Self {
            id: row.try_get("id")?,
            user: row.try_get("user_id")?,
            state,
        })
    }
}

/// Reads a token of a session.
pub(crate) async fn find(
    tx: &mut TenantTx,
    session: SessionId,
    hash: &[u8; 32],
) -> sqlx::Result<Option<TokenRow>> {
    let row = sqlx::query(
        "select t.id, s.user_id, s.revoked_at is null and s.expires_at > now() as open,
                t.expires_at > now() as alive, t.used_at is not null as used,
                coalesce(t.used_at > now() - make_interval(secs => $4), false) as just_used
         from auth.refresh_tokens t
         join auth.sessions s on s.creator_id = t.creator_id and s.id = t.session_id
         where t.creator_id = $1 and t.session_id = $2 and t.token_hash = $3",
    )
    .bind(tx.creator())
    .bind(session)
    .bind(&hash[..])
    .bind(REUSE_INTERVAL_SECONDS)
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Marks a token as used, inserts its successor, and extends the session, though not beyond its
/// longest lifetime.
pub(crate) async fn replace(
    tx: &mut TenantTx,
    session: SessionId,
    used: Uuid,
    successor_hash: &[u8; 32],
    lifetimes: SessionLifetimes,
) -> sqlx::Result<()> {
    sqlx::query(
        "with used as (
           update auth.refresh_tokens set used_at = now() where creator_id = $1 and id = $3),
         swept as (
           delete from auth.refresh_tokens
           where creator_id = $1 and session_id = $2 and expires_at < now() and id <> $3),
         prolonged as (
           update auth.sessions
           set last_seen_at = now(),
               expires_at = least(now() + make_interval(secs => $6),
                                  created_at + make_interval(secs => $7))
           where creator_id = $1 and id = $2
           returning creator_id, id, expires_at)
         insert into auth.refresh_tokens (creator_id, id, session_id, token_hash, expires_at)
         select creator_id, $4, id, $5, expires_at from prolonged",
    )
    .bind(tx.creator())
    .bind(session)
    .bind(used)
    .bind(Uuid::now_v7())
    .bind(&successor_hash[..])
    .bind(lifetimes.renewal_seconds)
    .bind(lifetimes.total_seconds)
    .execute(tx.conn())
    .await
    .map(|_| ())
}
