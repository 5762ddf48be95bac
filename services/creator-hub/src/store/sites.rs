//! `hub.sites` without those being erased. The statements of synchronisations are in
//! `sites/rounds.rs`.

pub(crate) mod rounds;

use shared_db::TenantTx;
use shared_models::{DocumentId, SiteId, Visibility};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::domain::site::{PageCounts, Part, SiteKind, SiteState, SiteToAdd, StoredSite};

/// Sites with the numbers of their pages, and what of them is wanted.
macro_rules! select_sites {
    ($wanted:literal) => {
        concat!(
            "select s.*, p.listed, p.read, p.failed
             from hub.sites s
             cross join lateral (
               select count(*) as listed,
                      count(*) filter (where p.read_round = s.listed_round) as read,
                      count(*) filter (where p.error_code is not null) as failed
               from hub.site_pages p
               where p.site_id = s.id and p.listed_round = s.listed_round
                 and not p.is_left_out) p
             where s.state <> 'erasing' and ",
            $wanted
        )
    };
}

/// Inserts a site, due at once.
pub(crate) async fn insert(tx: &mut TenantTx, new: &SiteToAdd) -> sqlx::Result<SiteId> {
    let (creator, id) = (tx.creator(), SiteId::new());
    sqlx::query(
        "insert into hub.sites (creator_id, id, url, kind, every_hours, visibility)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(creator)
    .bind(id)
    .bind(new.url.as_url().as_str())
    .bind(new.kind.map(SiteKind::as_str))
    .bind(new.every_hours)
    .bind(new.visibility.as_str())
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// One site.
pub(crate) async fn find(tx: &mut TenantTx, id: SiteId) -> sqlx::Result<Option<StoredSite>> {
    let row = sqlx::query(select_sites!("s.id = $1"))
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    row.map(|row| read(&row)).transpose()
}

/// A page of sites, newest first.
pub(crate) async fn list(tx: &mut TenantTx, part: Part) -> sqlx::Result<Vec<StoredSite>> {
    let rows = sqlx::query(select_sites!(
        "($1::uuid is null or s.id < $1) order by s.id desc limit $2"
    ))
    .bind(part.after)
    .bind(part.limit)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(read).collect()
}

/// Serialises additions of sites to this account, and returns their number.
pub(crate) async fn lock_and_count(tx: &mut TenantTx) -> sqlx::Result<i64> {
    let creator = tx.creator();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('sites ' || $1, 0))")
        .bind(creator.to_string())
        .execute(tx.conn())
        .await?;
    sqlx::query("select count(*) from hub.sites where state <> 'erasing'")
        .fetch_one(tx.conn())
        .await?
        .try_get(0)
}

/// The site with that address.
pub(crate) async fn with_url(tx: &mut TenantTx, url: &str) -> sqlx::Result<Option<SiteId>> {
    sqlx::query("select id from hub.sites where url = $1 and state <> 'erasing'")
        .bind(url)
        .fetch_optional(tx.conn())
        .await?
        .map(|row| row.try_get("id"))
        .transpose()
}

/// Changes how often a site is synchronised. The next time is counted from the last one.
pub(crate) async fn reschedule(
    tx: &mut TenantTx,
    id: SiteId,
    every_hours: Option<i32>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update hub.sites
         set every_hours = $2, updated_at = now(),
             next_sync_at = coalesce(synced_at, now()) + make_interval(hours => $2)
         where id = $1 and state <> 'erasing'",
    )
    .bind(id)
    .bind(every_hours)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Sets who may see the documents of a site, and returns those for whom that is new. The caller has
/// the site locked.
pub(crate) async fn set_visibility(
    tx: &mut TenantTx,
    id: SiteId,
    visibility: Visibility,
) -> sqlx::Result<Vec<DocumentId>> {
    sqlx::query("update hub.sites set visibility = $2, updated_at = now() where id = $1")
        .bind(id)
        .bind(visibility.as_str())
        .execute(tx.conn())
        .await?;
    let rows = sqlx::query(
        "update hub.documents set visibility = $2, updated_at = now()
         where site_id = $1 and visibility <> $2 and state <> 'erasing'
         returning id",
    )
    .bind(id)
    .bind(visibility.as_str())
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|row| row.try_get("id")).collect()
}

/// Locks a site, so that no page of it is stored meanwhile; false when there is none.
pub(crate) async fn lock(tx: &mut TenantTx, id: SiteId) -> sqlx::Result<bool> {
    let row = sqlx::query("select from hub.sites where id = $1 and state <> 'erasing' for update")
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.is_some())
}

/// Who may see the documents of a site.
pub(crate) async fn visibility(tx: &mut TenantTx, id: SiteId) -> sqlx::Result<Visibility> {
    let name: Option<String> = sqlx::query_scalar("select visibility from hub.sites where id = $1")
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    // A CHECK of the table guarantees a known name.
    let known = name.and_then(|name| Visibility::from_name(&name));
    Ok(known.unwrap_or_default())
}

/// Hides a site permanently, and returns the number of its documents; none when there is no such
/// site.
pub(crate) async fn hide(tx: &mut TenantTx, id: SiteId) -> sqlx::Result<Option<i64>> {
    let row = sqlx::query(
        "update hub.sites
         set state = 'erasing', next_sync_at = null, error_code = null, error_reason = null,
             updated_at = now()
         where id = $1 and state <> 'erasing'
         returning (select count(*) from hub.documents d
                    where d.site_id = $1 and d.state <> 'erasing')",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// Deletes a hidden site with its pages.
pub(crate) async fn remove(tx: &mut TenantTx, id: SiteId) -> sqlx::Result<()> {
    sqlx::query("delete from hub.sites where id = $1 and state = 'erasing'")
        .bind(id)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

fn read(row: &PgRow) -> sqlx::Result<StoredSite> {
    let (code, reason): (Option<String>, Option<String>) =
        (row.try_get("error_code")?, row.try_get("error_reason")?);
    let time = |column: &str| -> sqlx::Result<Option<jiff::Timestamp>> {
        let time: Option<jiff_sqlx::Timestamp> = row.try_get(column)?;
        Ok(time.map(jiff_sqlx::Timestamp::to_jiff))
    };
    Ok(StoredSite {
        id: row.try_get("id")?,
        url: row.try_get("url")?,
        kind: kind(row, "kind")?,
        found_kind: kind(row, "found_kind")?,
        every_hours: row.try_get("every_hours")?,
        // A CHECK of the table guarantees a known name.
        visibility: Visibility::from_name(row.try_get("visibility")?).unwrap_or_default(),
        state: state(row)?,
        error: code.map(|code| (code, reason.unwrap_or_default())),
        pages: PageCounts {
            listed: row.try_get("listed")?,
            read: row.try_get("read")?,
            failed: row.try_get("failed")?,
        },
        synced_at: time("synced_at")?,
        next_sync_at: time("next_sync_at")?,
        created_at: time("created_at")?.unwrap_or_default(),
        updated_at: time("updated_at")?.unwrap_or_default(),
    })
}

fn state(row: &PgRow) -> sqlx::Result<SiteState> {
    let name: &str = row.try_get("state")?;
    SiteState::from_name(name)
        .ok_or_else(|| sqlx::Error::Decode(format!("unknown state {name} of a site").into()))
}

/// A column with a kind, which a CHECK limits to those that there are.
fn kind(row: &PgRow, column: &str) -> sqlx::Result<Option<SiteKind>> {
    let name: Option<&str> = row.try_get(column)?;
    Ok(name.and_then(SiteKind::from_name))
}
