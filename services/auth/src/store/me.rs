//! A person and the account that the person belongs to, read in one round trip.

use shared_db::TenantTx;
use shared_models::{SessionId, UserId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::creators::CreatorRow;
use super::users::UserRow;

/// The account and its member.
#[derive(Debug, Clone)]
pub(crate) struct MeRow {
    pub(crate) creator: CreatorRow,
    pub(crate) user: UserRow,
}

impl TryFrom<PgRow> for MeRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        Ok(Self {
            creator: CreatorRow::of(&row)?,
            user: UserRow::of(&row)?,
        })
    }
}

/// Reads a member.
pub(crate) async fn find(tx: &mut TenantTx, id: UserId) -> sqlx::Result<Option<MeRow>> {
    read(tx, id, None).await
}

/// Reads a member whose session is still open.
pub(crate) async fn find_signed_in(
    tx: &mut TenantTx,
    id: UserId,
    session: SessionId,
) -> sqlx::Result<Option<MeRow>> {
    read(tx, id, Some(session)).await
}

async fn read(
    tx: &mut TenantTx,
    id: UserId,
    session: Option<SessionId>,
) -> sqlx::Result<Option<MeRow>> {
    let row = sqlx::query(
        "select u.id, u.email, u.full_name, u.email_verified_at, u.last_login_at, u.created_at,
                m.role, c.creator_id, c.display_name, c.company_name, c.plan,
                c.created_at as account_created_at
         from auth.users u
         join auth.memberships m on m.creator_id = u.creator_id and m.user_id = u.id
         join auth.creators c on c.creator_id = u.creator_id
         where u.creator_id = $1 and u.id = $2
           and ($3::uuid is null
                or exists (select from auth.sessions
                           where creator_id = $1 and user_id = $2 and id = $3
                             and revoked_at is null and expires_at > now()))",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(session)
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// How far somebody came who has proved something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Signed in: wrong passwords are forgotten.
    Counted,
    /// A second factor is on, and was not proved.
    SecondFactor,
    /// Wrong passwords or codes have locked the user out for now.
    Locked,
}

/// What is known of somebody who has proved something.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    pub(crate) me: MeRow,
    pub(crate) step: Step,
    /// Whether the account is shut.
    pub(crate) suspended: bool,
}

/// Counts a sign-in and takes over a new hash, and reads who signs in. Nothing changes while the
/// user is locked, nor where a second factor is on and was not proved.
pub(crate) async fn admit(
    tx: &mut TenantTx,
    id: UserId,
    new_hash: Option<&str>,
    second_factor_proved: bool,
) -> sqlx::Result<Option<Admission>> {
    let row = sqlx::query(
        "with factor as (
           select exists (select from auth.totp where creator_id = $1 and user_id = $2
                          and confirmed_at is not null) as second_factor),
         counted as (
           update auth.users
           set failed_logins = 0, locked_until = null, last_login_at = now(),
               password_hash = coalesce($3, password_hash)
           where creator_id = $1 and id = $2 and (locked_until is null or locked_until <= now())
             and ($4 or not (select second_factor from factor))
           returning last_login_at)
         select u.id, u.email, u.full_name, u.email_verified_at, u.created_at,
                coalesce((select last_login_at from counted), u.last_login_at) as last_login_at,
                m.role, c.creator_id, c.display_name, c.company_name, c.plan,
                c.created_at as account_created_at,
                case when exists (select from counted) then 'counted'
                     when f.second_factor and not $4 and coalesce(u.locked_until <= now(), true)
                       then 'second_factor' else 'locked' end as step,
                exists (select from platform.tenant_settings
                        where creator_id = $1 and suspended_at is not null) as suspended
         from factor f
         cross join auth.users u
         join auth.memberships m on m.creator_id = u.creator_id and m.user_id = u.id
         join auth.creators c on c.creator_id = u.creator_id
         where u.creator_id = $1 and u.id = $2",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(new_hash)
    .bind(second_factor_proved)
    .fetch_optional(tx.conn())
    .await?;
    let admission = |row: PgRow| {
        let step = match row.try_get("step")? {
            "counted" => Step::Counted,
            "second_factor" => Step::SecondFactor,
            _ => Step::Locked,
        };
        Ok(Admission {
            step,
            suspended: row.try_get("suspended")?,
            me: row.try_into()?,
        })
    };
    row.map(admission).transpose()
}
