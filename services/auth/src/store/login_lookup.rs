//! Database functions that find the tenant of a login or a refresh token before it is known.

use shared_db::{Db, TenantTx};
use shared_models::{CreatorId, Email, SessionId, UserId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::login_address::LoginAddress;

/// The user of an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) creator: CreatorId,
    pub(crate) user: UserId,
}

impl Login {
    /// What an unknown address has instead of a user.
    pub(crate) fn unknown() -> Self {
        Self {
            creator: Uuid::nil().into(),
            user: Uuid::nil().into(),
        }
    }

    /// Whether the address is unknown: then the ids are nil.
    pub(crate) const fn is_unknown(&self) -> bool {
        self.user.as_uuid().is_nil()
    }
}

/// The session that a refresh token belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenOwner {
    pub(crate) creator: CreatorId,
    pub(crate) session: SessionId,
}

/// Finds the user who has an email address.
pub(crate) async fn find_login(db: &Db, email: &Email) -> sqlx::Result<Option<Login>> {
    let sql = "select tenant, user_id from auth.find_login($1)";
    let row = db.look_up(|| sqlx::query(sql).bind(email.as_str())).await?;
    row.as_ref().map(login).transpose()
}

fn login(row: &PgRow) -> sqlx::Result<Login> {
    Ok(Login {
        creator: row.try_get("tenant")?,
        user: row.try_get("user_id")?,
    })
}

/// Finds the user who signs in with an address.
pub(crate) async fn find_user(db: &Db, address: &LoginAddress) -> sqlx::Result<Option<Login>> {
    let sql = "select tenant, user_id from auth.find_login($1, $2)";
    let query = || {
        sqlx::query(sql)
            .bind(address.as_str())
            .bind(address.spelling())
    };
    db.look_up(query).await?.as_ref().map(login).transpose()
}

/// Finds the user who signs in with an address, and the password hash. An unknown address returns
/// the nil user without a hash at the same cost, so that timing does not reveal which accounts
/// exist.
pub(crate) async fn find_credentials(
    db: &Db,
    address: &LoginAddress,
) -> sqlx::Result<(Login, Option<String>)> {
    let sql = "select tenant, user_id, password_hash from auth.find_credentials($1, $2)";
    let query = || {
        sqlx::query(sql)
            .bind(address.as_str())
            .bind(address.spelling())
    };
    let row = db.look_up(query).await?;
    let row = row.ok_or(sqlx::Error::RowNotFound)?;
    let hash = row.try_get("password_hash")?;
    Ok((login(&row)?, hash))
}

/// Reserves an email address for a user of this transaction's tenant; false when it is taken.
pub(crate) async fn claim_login(
    tx: &mut TenantTx,
    email: &Email,
    user: UserId,
) -> sqlx::Result<bool> {
    sqlx::query("select auth.claim_login($1, $2)")
        .bind(email.as_str())
        .bind(user)
        .fetch_one(tx.conn())
        .await?
        .try_get(0)
}

/// Gives a user of this transaction's tenant another address; false when it is taken.
pub(crate) async fn change_login(
    tx: &mut TenantTx,
    email: &Email,
    user: UserId,
) -> sqlx::Result<bool> {
    sqlx::query("select auth.change_login($1, $2)")
        .bind(email.as_str())
        .bind(user)
        .fetch_one(tx.conn())
        .await?
        .try_get(0)
}

/// Finds the session of a refresh token by its hash.
pub(crate) async fn find_refresh_token(
    db: &Db,
    hash: &[u8; 32],
) -> sqlx::Result<Option<TokenOwner>> {
    let sql = "select tenant, session_id from auth.find_refresh_token($1)";
    let row = db.look_up(|| sqlx::query(sql).bind(&hash[..])).await?;
    let owner = |row: PgRow| {
        Ok(TokenOwner {
            creator: row.try_get("tenant")?,
            session: row.try_get("session_id")?,
        })
    };
    row.map(owner).transpose()
}
