//! `hub.site_pages`: what the lists of sites name, and what became of it.

use shared_db::TenantTx;
use shared_fetch::listing::ListedPage;
use shared_fetch::{FetchFailure, Validators};
use shared_models::{DocumentId, SiteId, SitePageId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::sites::rounds::Round;
use crate::domain::site::{Part, StoredPage};

/// A page that a round has not dealt with.
#[derive(Debug, Clone)]
pub(crate) struct UnreadPage {
    pub(crate) id: SitePageId,
    pub(crate) url: String,
    pub(crate) twin: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) document: Option<DocumentId>,
    /// Of the version that the document has.
    pub(crate) validators: Validators,
}

/// Stores the list of a round: new pages are added, known ones marked as listed.
pub(crate) async fn store_list(
    tx: &mut TenantTx,
    round: &Round,
    pages: &[ListedPage],
) -> sqlx::Result<()> {
    let creator = tx.creator();
    let ids: Vec<Uuid> = pages.iter().map(|_| SitePageId::new().as_uuid()).collect();
    let urls: Vec<&str> = pages.iter().map(|page| page.url.as_str()).collect();
    let twins: Vec<_> = pages.iter().map(|page| page.twin.as_ref()).collect();
    let twins: Vec<Option<&str>> = twins
        .into_iter()
        .map(|url| url.map(url::Url::as_str))
        .collect();
    let titles: Vec<Option<&str>> = pages.iter().map(|page| page.title.as_deref()).collect();
    sqlx::query(
        "insert into hub.site_pages (creator_id, id, site_id, url, twin, title, listed_round)
         select $1, l.id, $2, l.url, l.twin, l.title, $3
         from unnest($4::uuid[], $5::text[], $6::text[], $7::text[]) l (id, url, twin, title)
         on conflict (creator_id, site_id, url) do update
         set twin = excluded.twin, title = excluded.title, listed_round = excluded.listed_round",
    )
    .bind(creator)
    .bind(round.site)
    .bind(round.number)
    .bind(ids)
    .bind(urls)
    .bind(twins)
    .bind(titles)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Counts the newest pages that a list does not name as named, up to a number of pages: a feed has
/// only its last entries, and what it does not name any more is still there.
pub(crate) async fn keep_listed(tx: &mut TenantTx, round: &Round, most: usize) -> sqlx::Result<()> {
    sqlx::query(
        "update hub.site_pages set listed_round = $2
         where id in (
           select id from hub.site_pages where site_id = $1
           order by listed_round = $2 desc, id desc limit $3)",
    )
    .bind(round.site)
    .bind(round.number)
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// The next page that a round has to deal with, in the order of its list.
pub(crate) async fn next(tx: &mut TenantTx, round: &Round) -> sqlx::Result<Option<UnreadPage>> {
    let row = sqlx::query(
        "select id, url, twin, title, document_id, etag, last_modified from hub.site_pages
         where site_id = $1 and listed_round = $2 and read_round < $2 and not is_left_out
         order by id limit 1",
    )
    .bind(round.site)
    .bind(round.number)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(UnreadPage {
        id: row.try_get("id")?,
        url: row.try_get("url")?,
        twin: row.try_get("twin")?,
        title: row.try_get("title")?,
        document: row.try_get("document_id")?,
        validators: Validators {
            etag: row.try_get("etag")?,
            last_modified: row.try_get("last_modified")?,
        },
    }))
}

/// How many pages a round has listed and dealt with.
pub(crate) async fn progress(tx: &mut TenantTx, round: &Round) -> sqlx::Result<(i64, i64)> {
    let row = sqlx::query(
        "select count(*) as listed, count(*) filter (where read_round = $2) as read
         from hub.site_pages where site_id = $1 and listed_round = $2 and not is_left_out",
    )
    .bind(round.site)
    .bind(round.number)
    .fetch_one(tx.conn())
    .await?;
    Ok((row.try_get("listed")?, row.try_get("read")?))
}

/// The document of a page, locked until this transaction ends; none of a page that is not wanted
/// any more.
pub(crate) async fn hold(
    tx: &mut TenantTx,
    page: SitePageId,
) -> sqlx::Result<Option<Option<DocumentId>>> {
    let row = sqlx::query(
        "select document_id from hub.site_pages p where p.id = $1 and not p.is_left_out for update",
    )
    .bind(page)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| row.try_get("document_id")).transpose()
}

/// Records that a page was read into that document.
pub(crate) async fn stored(
    tx: &mut TenantTx,
    round: &Round,
    page: SitePageId,
    document: DocumentId,
    validators: &Validators,
) -> sqlx::Result<()> {
    sqlx::query(
        "update hub.site_pages
         set read_round = $2, document_id = $3, etag = $4, last_modified = $5, error_code = null,
             read_at = now()
         where id = $1",
    )
    .bind(page)
    .bind(round.number)
    .bind(document)
    .bind(validators.etag.as_deref())
    .bind(validators.last_modified.as_deref())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Records that a page is the same as before, or why it was not read: then what was read before
/// stays, and it is asked for as a whole the next time.
pub(crate) async fn dealt_with(
    tx: &mut TenantTx,
    round: &Round,
    page: SitePageId,
    error: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update hub.site_pages
         set read_round = $2, error_code = $3, read_at = now(),
             etag = case when $3 is null then etag end,
             last_modified = case when $3 is null then last_modified end
         where id = $1",
    )
    .bind(page)
    .bind(round.number)
    .bind(error)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Makes a round deal once more with the pages that failed for reasons that may pass.
pub(crate) async fn try_again(tx: &mut TenantTx, round: &Round) -> sqlx::Result<()> {
    let passing = FetchFailure::ALL
        .into_iter()
        .filter(|failure| failure.is_temporary());
    let passing: Vec<&str> = passing.map(FetchFailure::as_str).collect();
    sqlx::query(
        "update hub.site_pages set read_round = $2 - 1
         where site_id = $1 and read_round = $2 and error_code = any ($3)",
    )
    .bind(round.site)
    .bind(round.number)
    .bind(passing)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Parts a page from its document, which is being erased.
pub(crate) async fn part(tx: &mut TenantTx, page: SitePageId) -> sqlx::Result<()> {
    sqlx::query("update hub.site_pages set document_id = null where id = $1")
        .bind(page)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Of the pages of a round: the number of those with and without a document that was read, and why
/// the first of the others was not.
pub(crate) async fn outcome(
    tx: &mut TenantTx,
    round: &Round,
) -> sqlx::Result<(i64, Option<String>)> {
    let row = sqlx::query(
        "select count(*) filter (where error_code is null) as good,
                (array_agg(error_code order by id) filter (where error_code is not null))[1] as bad
         from hub.site_pages where site_id = $1 and listed_round = $2",
    )
    .bind(round.site)
    .bind(round.number)
    .fetch_one(tx.conn())
    .await?;
    Ok((row.try_get("good")?, row.try_get("bad")?))
}

/// Pages that a round's list does not name any more, with their documents.
pub(crate) async fn vanished(
    tx: &mut TenantTx,
    round: &Round,
    most: i64,
) -> sqlx::Result<Vec<(SitePageId, Option<DocumentId>)>> {
    let rows = sqlx::query(
        "select id, document_id from hub.site_pages
         where site_id = $1 and listed_round < $2 order by id limit $3 for update",
    )
    .bind(round.site)
    .bind(round.number)
    .bind(most)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("id")?, row.try_get("document_id")?)))
        .collect()
}

/// Deletes a page.
pub(crate) async fn remove(tx: &mut TenantTx, page: SitePageId) -> sqlx::Result<()> {
    sqlx::query("delete from hub.site_pages where id = $1")
        .bind(page)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Leaves the page of a document out from now on: a person has deleted the document.
pub(crate) async fn leave_out(tx: &mut TenantTx, document: DocumentId) -> sqlx::Result<()> {
    sqlx::query("update hub.site_pages set is_left_out = true where document_id = $1")
        .bind(document)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// A part of the pages of a site, in the order of its list.
pub(crate) async fn list(
    tx: &mut TenantTx,
    site: SiteId,
    part: Part,
) -> sqlx::Result<Vec<StoredPage>> {
    let rows = sqlx::query(
        "select id, url, document_id, is_left_out, error_code, read_at from hub.site_pages
         where site_id = $1 and ($2::uuid is null or id > $2) order by id limit $3",
    )
    .bind(site)
    .bind(part.after)
    .bind(part.limit)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> sqlx::Result<StoredPage> {
    let read_at: Option<jiff_sqlx::Timestamp> = row.try_get("read_at")?;
    Ok(StoredPage {
        id: row.try_get("id")?,
        url: row.try_get("url")?,
        document: row.try_get("document_id")?,
        is_left_out: row.try_get("is_left_out")?,
        error_code: row.try_get("error_code")?,
        read_at: read_at.map(jiff_sqlx::Timestamp::to_jiff),
    })
}
