//! `auth.api_keys`: keys of machine clients.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use shared_db::{Db, TenantTx};
use shared_models::{ApiKeyId, CreatorId, Permission, Role, UserId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// Active keys that an account may have.
const MAX_ACTIVE_KEYS: i64 = 100;

/// A key, without its secret.
#[derive(Debug, Clone)]
pub(crate) struct ApiKeyRow {
    pub(crate) id: ApiKeyId,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) scopes: Vec<Permission>,
    pub(crate) created_by: UserId,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

impl TryFrom<PgRow> for ApiKeyRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let time = |name| -> sqlx::Result<Option<Timestamp>> {
            let time: Option<jiff_sqlx::Timestamp> = row.try_get(name)?;
            Ok(time.map(jiff_sqlx::Timestamp::to_jiff))
        };
        let created_at: jiff_sqlx::Timestamp = row.try_get("created_at")?;
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            prefix: row.try_get("prefix")?,
            scopes: scopes(&row)?,
            created_by: row.try_get("created_by")?,
            created_at: created_at.to_jiff(),
            expires_at: time("expires_at")?,
            last_used_at: time("last_used_at")?,
            revoked_at: time("revoked_at")?,
        })
    }
}

/// A stored name that is no longer a permission grants nothing.
fn scopes(row: &PgRow) -> sqlx::Result<Vec<Permission>> {
    let names: Vec<String> = row.try_get("scopes")?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// A key to be created.
pub(crate) struct NewApiKey<'a> {
    pub(crate) name: &'a str,
    pub(crate) prefix: &'a str,
    pub(crate) hash: [u8; 32],
    pub(crate) scopes: &'a [Permission],
    pub(crate) created_by: UserId,
    pub(crate) expires_at: Option<Timestamp>,
}

/// Inserts a key; none when the account has [`MAX_ACTIVE_KEYS`] already.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    new: NewApiKey<'_>,
) -> sqlx::Result<Option<ApiKeyRow>> {
    let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
    let row = sqlx::query(
        "insert into auth.api_keys
           (creator_id, id, name, prefix, key_hash, scopes, created_by, expires_at)
         select $1, $2, $3, $4, $5, $6, $7, $8
         where (select count(*) from auth.api_keys
                where creator_id = $1 and revoked_at is null
                  and (expires_at is null or expires_at > now())) < $9
         returning *",
    )
    .bind(tx.creator())
    .bind(ApiKeyId::new())
    .bind(new.name)
    .bind(new.prefix)
    .bind(&new.hash[..])
    .bind(scopes)
    .bind(new.created_by)
    .bind(new.expires_at.map(Timestamp::to_sqlx))
    .bind(MAX_ACTIVE_KEYS)
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Lists keys, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<ApiKeyRow>> {
    let rows = sqlx::query(
        "select * from auth.api_keys
         where creator_id = $1 and ($2::uuid is null or id < $2)
         order by id desc limit $3",
    )
    .bind(tx.creator())
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Revokes a key; false when the account has no such key. Revoking it again is not an error.
pub(crate) async fn revoke(tx: &mut TenantTx, id: ApiKeyId) -> sqlx::Result<bool> {
    let updated = sqlx::query(
        "update auth.api_keys set revoked_at = coalesce(revoked_at, now())
         where creator_id = $1 and id = $2",
    )
    .bind(tx.creator())
    .bind(id)
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// The account of a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyOwner {
    pub(crate) creator: CreatorId,
    pub(crate) key: ApiKeyId,
}

/// Finds a key by its hash, before the tenant is known.
pub(crate) async fn find(db: &Db, hash: &[u8; 32]) -> sqlx::Result<Option<KeyOwner>> {
    let sql = "select tenant, key_id from auth.find_api_key($1)";
    let row = db.look_up(|| sqlx::query(sql).bind(&hash[..])).await?;
    let owner = |row: PgRow| {
        Ok(KeyOwner {
            creator: row.try_get("tenant")?,
            key: row.try_get("key_id")?,
        })
    };
    row.map(owner).transpose()
}

/// What an active key may do.
#[derive(Debug, Clone)]
pub(crate) struct KeyGrant {
    pub(crate) scopes: Vec<Permission>,
    pub(crate) created_by: UserId,
    /// When this transaction began, by the clock of the database.
    pub(crate) read_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
}

/// The grant of a key; none when it has expired, was revoked, or its creator is no longer a member.
/// Records the use at most once a minute.
pub(crate) async fn use_key(tx: &mut TenantTx, id: ApiKeyId) -> sqlx::Result<Option<KeyGrant>> {
    let row = sqlx::query(
        "with used as (
           update auth.api_keys set last_used_at = now()
           where creator_id = $1 and id = $2 and revoked_at is null
             and (last_used_at is null or last_used_at < now() - interval '1 minute'))
         select k.scopes, k.created_by, k.expires_at, m.role, now() as read_at
         from auth.api_keys k
         join auth.memberships m on m.creator_id = k.creator_id and m.user_id = k.created_by
         where k.creator_id = $1 and k.id = $2 and k.revoked_at is null
           and (k.expires_at is null or k.expires_at > now())",
    )
    .bind(tx.creator())
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let role: Role = row
        .try_get::<&str, _>("role")?
        .parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let expires_at: Option<jiff_sqlx::Timestamp> = row.try_get("expires_at")?;
    let permitted = scopes(&row)?
        .into_iter()
        .filter(|scope| role.permits(*scope));
    Ok(Some(KeyGrant {
        scopes: permitted.collect(),
        created_by: row.try_get("created_by")?,
        read_at: row.try_get::<jiff_sqlx::Timestamp, _>("read_at")?.to_jiff(),
        expires_at: expires_at.map(jiff_sqlx::Timestamp::to_jiff),
    }))
}
