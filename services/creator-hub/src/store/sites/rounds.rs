//! `hub.sites` from the view of its synchronisations. Each is a *round* with a number: what it has
//! dealt with carries that number, so that it goes on where it was interrupted.

use shared_db::{Db, TenantTx};
use shared_models::{CreatorId, SiteId};
use sqlx::Row as _;

use crate::domain::site::SiteKind;

/// The site of one synchronisation.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) site: SiteId,
    pub(crate) number: i32,
    pub(crate) url: String,
    /// What the creator says that it is, or what it turned out to be.
    pub(crate) kind: Option<SiteKind>,
    /// Whether the list of this round is stored.
    pub(crate) is_listed: bool,
}

/// Begins a round, or resumes the one that runs; none when the site is not to be synchronised.
pub(crate) async fn begin(tx: &mut TenantTx, site: SiteId) -> sqlx::Result<Option<Round>> {
    let row = sqlx::query(
        "update hub.sites
         set round = case when state = 'syncing' then round else round + 1 end, state = 'syncing',
             error_code = null, error_reason = null, updated_at = now()
         where id = $1 and state <> 'erasing'
         returning round, listed_round, url, coalesce(kind, found_kind) as kind",
    )
    .bind(site)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (number, listed): (i32, i32) = (row.try_get("round")?, row.try_get("listed_round")?);
    let kind: Option<&str> = row.try_get("kind")?;
    Ok(Some(Round {
        site,
        number,
        url: row.try_get("url")?,
        kind: kind.and_then(SiteKind::from_name),
        is_listed: listed == number,
    }))
}

/// Locks the site until this transaction ends; false when this round is over or the site is erased.
pub(crate) async fn hold(tx: &mut TenantTx, round: &Round) -> sqlx::Result<bool> {
    let row = sqlx::query(
        "select from hub.sites where id = $1 and round = $2 and state = 'syncing' for share",
    )
    .bind(round.site)
    .bind(round.number)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.is_some())
}

/// Records that the list of a round is stored.
pub(crate) async fn listed(tx: &mut TenantTx, round: &Round, kind: SiteKind) -> sqlx::Result<()> {
    sqlx::query(
        "update hub.sites set listed_round = $2, found_kind = $3, updated_at = now()
         where id = $1 and round = $2",
    )
    .bind(round.site)
    .bind(round.number)
    .bind(kind.as_str())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Records the end of a round that read the site.
pub(crate) async fn finish(tx: &mut TenantTx, round: &Round) -> sqlx::Result<()> {
    sqlx::query(
        "update hub.sites
         set state = 'synced', synced_at = now(), updated_at = now(),
             next_sync_at = now() + make_interval(hours => every_hours)
         where id = $1 and round = $2 and state = 'syncing'",
    )
    .bind(round.site)
    .bind(round.number)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Records that a synchronisation failed. By schedule, there will be another.
pub(crate) async fn fail(
    tx: &mut TenantTx,
    site: SiteId,
    code: &str,
    reason: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "update hub.sites
         set state = 'failed', error_code = left($2, 60), error_reason = left($3, 2000),
             updated_at = now(), next_sync_at = now() + make_interval(hours => every_hours)
         where id = $1 and state in ('waiting', 'syncing')",
    )
    .bind(site)
    .bind(code)
    .bind(reason)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Sites of all tenants whose next synchronisation is due.
pub(crate) async fn due(db: &Db, most: i32) -> sqlx::Result<Vec<(CreatorId, SiteId)>> {
    let mut tx = db.system().await?;
    let rows = sqlx::query("select creator_id, id from hub.due_sites($1)")
        .bind(most)
        .fetch_all(tx.conn())
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("creator_id")?, row.try_get("id")?)))
        .collect()
}

/// Takes a site off the list of those that are due, until its synchronisation ends; false when it
/// is not due any more.
pub(crate) async fn take_due(tx: &mut TenantTx, site: SiteId) -> sqlx::Result<bool> {
    let updated = sqlx::query(
        "update hub.sites set next_sync_at = null
         where id = $1 and state <> 'erasing' and next_sync_at <= now()",
    )
    .bind(site)
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}
