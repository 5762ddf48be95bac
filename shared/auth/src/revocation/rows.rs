//! The rows of `platform.revocations`, by its definer functions.

use std::time::Duration;

use serde::Deserialize;
use shared_db::{Db, Effect, SystemTx, TenantTx};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::{RevocationPublisher, Subject};

/// Rows of one page.
const PAGE: i32 = 5_000;

/// Revokes subjects, or lifts their revocations, in the transaction of the change that this follows
/// from. After the commit every service is told, before `commit` returns if Redis answers soon.
#[derive(Debug)]
#[must_use = "apply it to a transaction"]
pub struct RecordRevocations {
    pub(super) publisher: RevocationPublisher,
    pub(super) subjects: Vec<Subject>,
    pub(super) lift: bool,
    /// How long a credential of the subjects could live.
    pub(super) lifetime: Duration,
}

impl RecordRevocations {
    async fn insert(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let (kinds, ids) = parts(self.subjects.iter().copied());
        sqlx::query("select platform.record_revocations($1, $2, $3, $4)")
            .bind(kinds)
            .bind(ids)
            .bind(self.lift)
            .bind(self.lifetime.as_secs_f64())
            .execute(connection)
            .await
            .map(|_| ())
    }
}

impl Effect<TenantTx> for RecordRevocations {
    type Output = ();

    async fn write(self, tx: &mut TenantTx) -> sqlx::Result<()> {
        if self.subjects.is_empty() {
            return Ok(());
        }
        self.insert(tx.conn()).await?;
        tx.after_commit_await(move || self.publisher.publish_after_commit());
        Ok(())
    }
}

impl Effect<SystemTx> for RecordRevocations {
    type Output = ();

    async fn write(self, tx: &mut SystemTx) -> sqlx::Result<()> {
        if self.subjects.is_empty() {
            return Ok(());
        }
        self.insert(tx.conn()).await?;
        tx.after_commit_await(move || self.publisher.publish_after_commit());
        Ok(())
    }
}

/// A row. Times are milliseconds since the epoch, by the clock of the database.
#[derive(Debug, Clone, Copy)]
pub(super) struct RevocationRow {
    pub(super) subject: Subject,
    pub(super) lifted: bool,
    pub(super) version: i64,
    /// Credentials issued until then are ended.
    pub(super) at: i64,
    /// When it no longer matters.
    pub(super) until: i64,
}

impl RevocationRow {
    /// None for a kind of a newer version, whose credentials this version does not accept either.
    fn from_row(row: &PgRow) -> sqlx::Result<Option<Self>> {
        let subject = Subject::from_parts(row.try_get("kind")?, row.try_get("subject_id")?);
        let Some(subject) = subject else {
            return Ok(None);
        };
        Ok(Some(Self {
            subject,
            lifted: row.try_get("lifted")?,
            version: row.try_get("version")?,
            at: row.try_get("at_ms")?,
            until: row.try_get("until_ms")?,
        }))
    }
}

/// Reads all rows that still matter, page by page.
pub(super) async fn load_live(db: &Db) -> sqlx::Result<Vec<RevocationRow>> {
    let mut tx = db.system().await?;
    let (mut rows, mut after) = (Vec::new(), (String::new(), Uuid::nil()));
    loop {
        let page = sqlx::query(
            "select kind, subject_id, lifted, version, at_ms, until_ms
             from platform.live_revocations($1, $2, $3)",
        )
        .bind(&after.0)
        .bind(after.1)
        .bind(PAGE)
        .fetch_all(tx.conn())
        .await?;
        for row in &page {
            rows.extend(RevocationRow::from_row(row)?);
        }
        match page.last() {
            Some(last) if page.len() == usize::try_from(PAGE).unwrap_or_default() => {
                after = (last.try_get("kind")?, last.try_get("subject_id")?);
            }
            _ => return Ok(rows),
        }
    }
}

/// Reads the oldest rows that Redis does not have yet, at most so many. A response waits for this,
/// so it is one round trip: one row of arrays.
pub(super) async fn list_unpublished(db: &Db, page: i32) -> sqlx::Result<Vec<RevocationRow>> {
    let query = || {
        sqlx::query(
            "select coalesce(array_agg(to_jsonb(r)), '{}') as found
             from platform.unpublished_revocations($1) r",
        )
        .bind(page)
    };
    let row = db.look_up(query).await?.ok_or(sqlx::Error::RowNotFound)?;
    let found: Vec<Json<UnpublishedRow>> = row.try_get("found")?;
    Ok(found
        .into_iter()
        .filter_map(|Json(row)| row.parse())
        .collect())
}

/// A row as JSON.
#[derive(Debug, Deserialize)]
struct UnpublishedRow {
    kind: String,
    subject_id: Uuid,
    lifted: bool,
    version: i64,
    at_ms: i64,
    until_ms: i64,
}

impl UnpublishedRow {
    fn parse(self) -> Option<RevocationRow> {
        Some(RevocationRow {
            subject: Subject::from_parts(&self.kind, self.subject_id)?,
            lifted: self.lifted,
            version: self.version,
            at: self.at_ms,
            until: self.until_ms,
        })
    }
}

/// Stores the times of these rows, and whether Redis has them. It may be repeated, and is one round
/// trip for the same reason.
pub(super) async fn record_published(
    db: &Db,
    rows: &[RevocationRow],
    published: bool,
) -> sqlx::Result<()> {
    let (kinds, ids) = parts(rows.iter().map(|row| row.subject));
    let versions: Vec<i64> = rows.iter().map(|row| row.version).collect();
    let times: Vec<i64> = rows.iter().map(|row| row.at).collect();
    let query = || {
        sqlx::query("select platform.settle_revocations($1, $2, $3, $4, $5)")
            .bind(&kinds)
            .bind(&ids)
            .bind(&versions)
            .bind(&times)
            .bind(published)
    };
    db.look_up(query).await.map(|_| ())
}

/// What still has to reach Redis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backlog {
    /// How long the oldest row has waited; none when nothing waits.
    pub(super) waiting: Option<Duration>,
    /// The newest version that was published.
    pub(super) newest: i64,
}

/// Reads the backlog.
pub(super) async fn backlog(db: &Db) -> sqlx::Result<Backlog> {
    let query =
        || sqlx::query("select waiting_seconds, newest_version from platform.revocation_backlog()");
    let row = db.look_up(query).await?.ok_or(sqlx::Error::RowNotFound)?;
    let seconds: Option<f64> = row.try_get("waiting_seconds")?;
    let waiting = |seconds: f64| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
    Ok(Backlog {
        waiting: seconds.map(waiting),
        newest: row.try_get("newest_version")?,
    })
}

fn parts(subjects: impl Iterator<Item = Subject>) -> (Vec<&'static str>, Vec<Uuid>) {
    subjects.map(Subject::parts).unzip()
}
