//! The locks that keep two migrations apart, waited for as long as the other one takes.

use std::time::{Duration, Instant};

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

/// Held by the administrator's session: one migration of a database at a time.
pub(super) const ADMINISTRATION: i64 = 7_305_128_944;
/// Held by the session that migrates. Its statement may outlive a killed process by some seconds,
/// while the administrator's idle session ends at once and lets the next migration begin.
pub(super) const MIGRATION: i64 = 7_305_128_947;

/// Between two tries. A queue inside of the server would end with `lock_timeout`, which is there
/// for tables that users wait for; here only another migration waits.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Between two lines of the log.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// The session that has a lock, as far as the server tells.
#[derive(Debug)]
struct Holder {
    pid: i32,
    role: Option<String>,
    address: Option<String>,
    seconds: Option<f64>,
}

/// Takes a lock for the session.
pub(super) async fn acquire(connection: &mut PgConnection, key: i64) -> sqlx::Result<()> {
    let mut logged: Option<Instant> = None;
    while !is_acquired(connection, key).await? {
        if logged.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) {
            log(holder(connection, key).await?.as_ref());
            logged = Some(Instant::now());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

async fn is_acquired(connection: &mut PgConnection, key: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar("select pg_try_advisory_lock($1)")
        .bind(key)
        .fetch_one(connection)
        .await
}

fn log(holder: Option<&Holder>) {
    if let Some(holder) = holder {
        tracing::info!(
            pid = holder.pid,
            role = holder.role,
            address = holder.address,
            connected_seconds = holder.seconds,
            "waiting for another migration of this database"
        );
    } else {
        // It ended between the two statements.
        tracing::info!("waiting for another migration of this database, which just ended");
    }
}

async fn holder(connection: &mut PgConnection, key: i64) -> sqlx::Result<Option<Holder>> {
    let row = sqlx::query(
        "select l.pid, a.usename::text as role, host(a.client_addr) as address,
                extract(epoch from clock_timestamp() - a.backend_start)::float8 as seconds
         from pg_locks l left join pg_stat_activity a on a.pid = l.pid
         where l.locktype = 'advisory' and l.granted and l.objsubid = 1
           and l.database = (select oid from pg_database where datname = current_database())
           and (l.classid::bigint << 32) | l.objid::bigint = $1",
    )
    .bind(key)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &PgRow) -> sqlx::Result<Holder> {
    Ok(Holder {
        pid: row.try_get("pid")?,
        role: row.try_get("role")?,
        address: row.try_get("address")?,
        seconds: row.try_get("seconds")?,
    })
}
