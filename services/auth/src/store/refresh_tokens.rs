//! The tokens of a session, each used once.

use shared_db::TenantTx;
use shared_models::SessionId;
use sqlx::Row as _;
use uuid::Uuid;

use crate::domain::refresh_token::SAME_SUCCESSOR_SECONDS;

/// What may be done with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenState {
    /// Not used yet.
    Fresh,
    /// Used a moment ago: its successor is given again.
    JustUsed,
    /// Used long ago: whoever has it stole it, or was stolen from.
    Reused,
    /// Its life is over.
    Expired,
}

/// A token of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenRow {
    pub(crate) id: Uuid,
    pub(crate) state: TokenState,
}

/// Reads a token of a session that this transaction holds.
pub(crate) async fn find(
    tx: &mut TenantTx,
    session: SessionId,
    hash: &[u8; 32],
) -> sqlx::Result<Option<TokenRow>> {
    let row = sqlx::query(
        "select id, expires_at > now() as alive, used_at is not null as used,
                coalesce(used_at > now() - make_interval(secs => $4), false) as just_used
         from auth.refresh_tokens where creator_id = $1 and session_id = $2 and token_hash = $3",
    )
    .bind(tx.creator())
    .bind(session)
    .bind(&hash[..])
    .bind(SAME_SUCCESSOR_SECONDS)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        let state = match (
            row.try_get("alive")?,
            row.try_get("used")?,
            row.try_get("just_used")?,
        ) {
            (false, _, _) => TokenState::Expired,
            (true, false, _) => TokenState::Fresh,
            (true, true, true) => TokenState::JustUsed,
            (true, true, false) => TokenState::Reused,
        };
        Ok(TokenRow {
            id: row.try_get("id")?,
            state,
        })
    })
    .transpose()
}

/// Marks a token as used, puts its successor in its place, and prolongs the session with it.
pub(crate) async fn replace(
    tx: &mut TenantTx,
    session: SessionId,
    used: Uuid,
    successor_hash: &[u8; 32],
    life_seconds: f64,
) -> sqlx::Result<()> {
    sqlx::query(
        "with used as (
           update auth.refresh_tokens set used_at = now() where creator_id = $1 and id = $3),
         swept as (
           delete from auth.refresh_tokens
           where creator_id = $1 and session_id = $2 and expires_at < now() and id <> $3),
         prolonged as (
           update auth.sessions
           set last_seen_at = now(), expires_at = now() + make_interval(secs => $6)
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
    .bind(life_seconds)
    .execute(tx.conn())
    .await
    .map(|_| ())
}
