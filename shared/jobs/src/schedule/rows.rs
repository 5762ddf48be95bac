//! `platform.schedules`, by the definer functions that each see the caller's own rows only.

use std::time::Duration;

use shared_db::Db;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::rows::interval;

/// Claimed work goes to another replica when its lease is not renewed for this long.
pub(super) const LEASE_TTL: Duration = Duration::from_mins(1);

/// Work that this replica runs.
#[derive(Debug, Clone)]
pub(super) struct ClaimedWork {
    pub(super) name: String,
    /// Failures since the last success.
    pub(super) failures: i32,
    token: Uuid,
}

pub(super) async fn register(
    db: &Db,
    known: impl Iterator<Item = (&'static str, Duration)> + Send,
) -> sqlx::Result<()> {
    let (names, intervals): (Vec<&str>, Vec<PgInterval>) =
        known.map(|(name, every)| (name, interval(every))).unzip();
    let mut tx = db.system().await?;
    sqlx::query("select platform.register_schedules($1, $2)")
        .bind(names)
        .bind(intervals)
        .execute(tx.conn())
        .await?;
    tx.commit().await
}

pub(super) async fn claim(db: &Db, names: Vec<&str>) -> sqlx::Result<Option<ClaimedWork>> {
    let token = Uuid::new_v4();
    let mut tx = db.system().await?;
    let row = sqlx::query("select name, failures from platform.claim_schedule($1, $2, $3)")
        .bind(names)
        .bind(interval(LEASE_TTL))
        .bind(token)
        .fetch_optional(tx.conn())
        .await?;
    tx.commit().await?;
    let claimed = |row: PgRow| -> sqlx::Result<ClaimedWork> {
        Ok(ClaimedWork {
            name: row.try_get("name")?,
            failures: row.try_get("failures")?,
            token,
        })
    };
    row.map(claimed).transpose()
}

/// Lets the lease end after `ttl`; false when it was lost.
pub(super) async fn renew(db: &Db, work: &ClaimedWork, ttl: Duration) -> sqlx::Result<bool> {
    let mut tx = db.system().await?;
    let renewed = sqlx::query_scalar("select platform.renew_schedule($1, $2, $3)")
        .bind(&work.name)
        .bind(interval(ttl))
        .bind(work.token)
        .fetch_one(tx.conn())
        .await?;
    tx.commit().await?;
    Ok(renewed)
}

/// Records the end of a run; the next one is due after `wait`.
pub(super) async fn finish(
    db: &Db,
    work: &ClaimedWork,
    wait: Duration,
    error: Option<&str>,
) -> sqlx::Result<bool> {
    let mut tx = db.system().await?;
    let finished = sqlx::query_scalar("select platform.finish_schedule($1, $2, $3, $4, $5)")
        .bind(&work.name)
        .bind(work.token)
        .bind(interval(wait))
        .bind(error.is_none())
        .bind(error)
        .fetch_one(tx.conn())
        .await?;
    tx.commit().await?;
    Ok(finished)
}

/// Scheduled work as an operator of the platform sees it.
#[derive(Debug, Clone)]
pub struct ScheduleRow {
    /// Its name.
    pub name: String,
    /// When it is due, RFC 3339.
    pub next_run_at: String,
    /// Whether a replica runs it now.
    pub running: bool,
    /// How the last run ended; none before the first one has.
    pub succeeded: Option<bool>,
    /// How long the last run took, seconds.
    pub seconds: Option<f64>,
    /// Failures since the last success.
    pub failures: i32,
    /// Why the last run failed.
    pub error: Option<String>,
}

/// The scheduled work of the service that `db` is connected as.
pub async fn list(db: &Db) -> sqlx::Result<Vec<ScheduleRow>> {
    let mut tx = db.system().await?;
    let rows = sqlx::query(
        r#"select name,
                  to_char(next_run_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as due,
                  coalesce(lease_until > now(), false) as running, succeeded, error_reason,
                  consecutive_failures,
                  extract(epoch from finished_at - started_at)::float8 as seconds
           from platform.list_schedules()"#,
    )
    .fetch_all(tx.conn())
    .await?;
    tx.commit().await?;
    rows.iter().map(schedule_row).collect()
}

fn schedule_row(row: &PgRow) -> sqlx::Result<ScheduleRow> {
    Ok(ScheduleRow {
        name: row.try_get("name")?,
        next_run_at: row.try_get("due")?,
        running: row.try_get("running")?,
        succeeded: row.try_get("succeeded")?,
        seconds: row.try_get("seconds")?,
        failures: row.try_get("consecutive_failures")?,
        error: row.try_get("error_reason")?,
    })
}
