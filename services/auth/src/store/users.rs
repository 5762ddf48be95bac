//! `auth.users`: people who sign in.

use jiff::Timestamp;
use shared_db::TenantTx;
use shared_models::{Email, Role, UserId};
use shared_web::ClientIp;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::domain::credentials::{
    FAILURE_WINDOW_TTL_SECONDS, KNOWN_NETWORK_TTL_SECONDS, LOCKOUT_TTL_SECONDS, MAX_FAILED_LOGINS,
};
use crate::domain::full_name::FullName;

/// A user with the role in the account.
#[derive(Debug, Clone)]
pub(crate) struct UserRow {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) full_name: String,
    pub(crate) role: Role,
    pub(crate) email_verified_at: Option<Timestamp>,
    pub(crate) last_login_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    /// When the transaction that read the user began, by the clock of the database.
    pub(crate) read_at: Timestamp,
}

impl UserRow {
    /// Reads the columns of a user from a row that may have others.
    pub(super) fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let role = row.try_get::<&str, _>("role")?.parse();
        let last_login_at: Option<jiff_sqlx::Timestamp> = row.try_get("last_login_at")?;
        let verified_at: Option<jiff_sqlx::Timestamp> = row.try_get("email_verified_at")?;
        Ok(Self {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            full_name: row.try_get("full_name")?,
            role: role.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            email_verified_at: verified_at.map(jiff_sqlx::Timestamp::to_jiff),
            last_login_at: last_login_at.map(jiff_sqlx::Timestamp::to_jiff),
            created_at: row
                .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
                .to_jiff(),
            read_at: row.try_get::<jiff_sqlx::Timestamp, _>("read_at")?.to_jiff(),
        })
    }
}

impl TryFrom<PgRow> for UserRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        Self::from_row(&row)
    }
}

/// Creates a user of this transaction's tenant.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    id: UserId,
    email: &Email,
    name: &FullName,
    password_hash: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into auth.users (creator_id, id, email, full_name, password_hash)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(email.as_str())
    .bind(name.as_str())
    .bind(password_hash)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Reads a user.
pub(crate) async fn find(tx: &mut TenantTx, id: UserId) -> sqlx::Result<Option<UserRow>> {
    let row = sqlx::query(
        "select u.id, u.email, u.full_name, u.email_verified_at, u.last_login_at,
                u.created_at, m.role, now() as read_at
         from auth.users u
         join auth.memberships m on m.creator_id = u.creator_id and m.user_id = u.id
         where u.creator_id = $1 and u.id = $2",
    )
    .bind(tx.creator())
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// The stored password hash of a user.
pub(crate) async fn password_hash(tx: &mut TenantTx, id: UserId) -> sqlx::Result<Option<String>> {
    let row = sqlx::query("select password_hash from auth.users where creator_id = $1 and id = $2")
        .bind(tx.creator())
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// Counts a wrong password or code from an unknown network, and locks the user on such networks
/// after too many. Further failures do not extend a lock; after its end, or that of the time in
/// which failures are added up, the count starts again. Returns whether the user is locked now.
/// Each known network is limited by itself (`app/limits.rs`).
pub(crate) async fn count_failure(
    tx: &mut TenantTx,
    id: UserId,
    ip: ClientIp,
) -> sqlx::Result<bool> {
    let row = sqlx::query(
        "update auth.users
         set failed_logins = case when locked_until > now() then failed_logins
               when locked_until <= now()
                 or coalesce(failures_since, '-infinity') <= now() - make_interval(secs => $5)
                 then 1
               else least(failed_logins + 1, $3) end,
             failures_since = case when locked_until > now() then failures_since
               when locked_until <= now()
                 or coalesce(failures_since, '-infinity') <= now() - make_interval(secs => $5)
                 then now()
               else failures_since end,
             locked_until = case when locked_until > now() then locked_until
               when locked_until <= now()
                 or coalesce(failures_since, '-infinity') <= now() - make_interval(secs => $5)
                 then null
               when failed_logins + 1 >= $3 then now() + make_interval(secs => $4) end
         where creator_id = $1 and id = $2
           and not auth.is_known_network($1, $2, $6::inet, $7)
         returning locked_until is not null",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(MAX_FAILED_LOGINS)
    .bind(LOCKOUT_TTL_SECONDS)
    .bind(FAILURE_WINDOW_TTL_SECONDS)
    .bind(ip.0.to_string())
    .bind(KNOWN_NETWORK_TTL_SECONDS)
    .fetch_optional(tx.conn())
    .await?;
    row.map_or(Ok(false), |row| row.try_get(0))
}

/// Whether wrong passwords or codes have locked the user on the network of an address.
pub(crate) async fn is_locked(tx: &mut TenantTx, id: UserId, ip: ClientIp) -> sqlx::Result<bool> {
    sqlx::query(
        "select exists (select from auth.users
         where creator_id = $1 and id = $2 and locked_until > now())
           and not auth.is_known_network($1, $2, $3::inet, $4)",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(ip.0.to_string())
    .bind(KNOWN_NETWORK_TTL_SECONDS)
    .fetch_one(tx.conn())
    .await?
    .try_get(0)
}

/// Changes the name of a user.
pub(crate) async fn rename(tx: &mut TenantTx, id: UserId, name: &FullName) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.users set full_name = $3, updated_at = now()
         where creator_id = $1 and id = $2",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(name.as_str())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Stores a new password hash. An invitation to set the first password is used up by it, however it
/// was set: otherwise its token would open the account once more, without the second factor.
pub(crate) async fn set_password(tx: &mut TenantTx, id: UserId, hash: &str) -> sqlx::Result<()> {
    sqlx::query(
        "with invitation as (
           update auth.owner_invitations set accepted_at = now()
           where creator_id = $1 and user_id = $2 and accepted_at is null)
         update auth.users set password_hash = $3, updated_at = now()
         where creator_id = $1 and id = $2",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(hash)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Resets the failure count and removes the lock.
pub(crate) async fn unlock(tx: &mut TenantTx, id: UserId) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.users set failed_logins = 0, failures_since = null, locked_until = null
         where creator_id = $1 and id = $2",
    )
    .bind(tx.creator())
    .bind(id)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Changes the address of a user to one that the user has proved.
pub(crate) async fn change_email(
    tx: &mut TenantTx,
    id: UserId,
    address: &Email,
) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.users set email = $3, email_verified_at = now(), updated_at = now()
         where creator_id = $1 and id = $2",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(address.as_str())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Records that the email address is verified; the time of the first verification stays.
pub(crate) async fn verify_email(tx: &mut TenantTx, id: UserId) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.users set email_verified_at = coalesce(email_verified_at, now())
         where creator_id = $1 and id = $2",
    )
    .bind(tx.creator())
    .bind(id)
    .execute(tx.conn())
    .await
    .map(|_| ())
}
