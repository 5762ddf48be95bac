//! A user and the account of the user, read in one round trip.

use shared_db::{Db, TenantTx};
use shared_models::{CreatorId, SessionId, UserId};
use sqlx::postgres::PgRow;

use super::creators::CreatorRow;
use super::users::UserRow;

#[derive(Debug, Clone)]
pub(crate) struct MeRow {
    pub(crate) creator: CreatorRow,
    pub(crate) user: UserRow,
}

impl TryFrom<PgRow> for MeRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        Ok(Self {
            creator: CreatorRow::from_row(&row)?,
            user: UserRow::from_row(&row)?,
        })
    }
}

/// Reads a user.
pub(crate) async fn find(tx: &mut TenantTx, id: UserId) -> sqlx::Result<Option<MeRow>> {
    read(tx, id, None).await
}

/// Reads a user whose session is still open.
pub(crate) async fn find_signed_in(
    tx: &mut TenantTx,
    id: UserId,
    session: SessionId,
) -> sqlx::Result<Option<MeRow>> {
    read(tx, id, Some(session)).await
}

/// Reads a user whose session is still open, without a transaction around it. The function runs as
/// its caller and sees what a transaction of the tenant would see.
pub(crate) async fn look_up_signed_in(
    db: &Db,
    tenant: CreatorId,
    id: UserId,
    session: SessionId,
) -> sqlx::Result<Option<MeRow>> {
    let sql = "select * from auth.read_signed_in($1, $2, $3)";
    let query = || sqlx::query(sql).bind(tenant).bind(id).bind(session);
    let row = db.look_up(query).await?;
    row.map(TryInto::try_into).transpose()
}

async fn read(
    tx: &mut TenantTx,
    id: UserId,
    session: Option<SessionId>,
) -> sqlx::Result<Option<MeRow>> {
    let row = sqlx::query(
        "select u.id, u.email, u.full_name, u.email_verified_at, u.last_login_at, u.created_at,
                m.role, c.creator_id, c.display_name, c.company_name, c.plan,
                c.created_at as account_created_at, now() as read_at
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
