//! The rows of events, cursors, backlog and failures.

use std::time::Duration;

use jiff::Timestamp;
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx};
use serde_json::Value;
use shared_db::{Db, TenantTx};
use shared_models::{CreatorId, Event, EventType};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::subscription::{EventError, Start};

/// Another worker may serve a tenant when the one that serves it has been silent for this long. A
/// turn is shorter than that, so leases are not renewed.
const LEASE_TTL: Duration = Duration::from_secs(30);
/// Longest stored reason of a failure, characters.
const MAX_REASON: usize = 2_000;

/// Inserts an event; it gets its position at the commit.
pub(crate) async fn insert(tx: &mut TenantTx, event: &Event) -> sqlx::Result<()> {
    let payload = event.payload();
    let payload = payload.map_err(|error| sqlx::Error::Encode(error.into()))?;
    let event_type = event.event_type();
    sqlx::query(
        "insert into platform.events (creator_id, id, type, version, payload)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(tx.creator())
    .bind(Uuid::now_v7())
    .bind(event_type.as_str())
    .bind(event_type.version())
    .bind(payload)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Makes a subscription known, so that publishers note events for it.
pub(crate) async fn register(
    db: &Db,
    name: &str,
    types: &[EventType],
    start: Start,
) -> sqlx::Result<()> {
    let types: Vec<&str> = types.iter().map(|known| known.as_str()).collect();
    let mut tx = db.system().await?;
    sqlx::query("select platform.register_subscription($1, $2, $3)")
        .bind(name)
        .bind(types)
        .bind(start == Start::Beginning)
        .execute(tx.conn())
        .await?;
    tx.commit().await
}

/// A tenant whose events a worker delivers to one subscription.
#[derive(Debug)]
pub(crate) struct BacklogTurn {
    pub(crate) tenant: CreatorId,
    pub(crate) subscription: &'static str,
    /// Leases in a row that have expired.
    pub(crate) interruptions: i32,
    /// The types of all versions of the service that run.
    types: Vec<String>,
    token: Uuid,
}

/// Claims the tenant that has waited longest.
pub(crate) async fn claim(
    db: &Db,
    subscription: &'static str,
) -> sqlx::Result<Option<BacklogTurn>> {
    let token = Uuid::new_v4();
    let mut tx = db.system().await?;
    let row = sqlx::query("select * from platform.claim_event_backlog($1, $2, $3)")
        .bind(subscription)
        .bind(interval(LEASE_TTL))
        .bind(token)
        .fetch_optional(tx.conn())
        .await?;
    tx.commit().await?;
    let turn = |row: PgRow| -> sqlx::Result<BacklogTurn> {
        Ok(BacklogTurn {
            tenant: row.try_get("creator_id")?,
            subscription,
            interruptions: row.try_get("interruptions")?,
            types: row.try_get("types")?,
            token,
        })
    };
    row.map(turn).transpose()
}

/// A stored event that was not decoded yet.
#[derive(Debug)]
pub(crate) struct StoredEvent {
    pub(crate) id: Uuid,
    pub(crate) position: i64,
    pub(crate) name: String,
    pub(crate) version: i16,
    pub(crate) payload: Value,
    pub(crate) source: String,
    pub(crate) occurred_at: Timestamp,
}

/// The next events of a tenant for a subscription.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The position of the subscription.
    pub(crate) position: i64,
    /// Failures at the first event so far, those that count and those that do not.
    pub(crate) attempts: i32,
    pub(crate) outages: i32,
    /// The last position of the tenant: no event up to it is missing, unless the batch is full.
    pub(crate) newest: i64,
    pub(crate) events: Vec<StoredEvent>,
}

/// Reads the next events in one statement, since `newest` must be of the same moment as they are.
/// `None` when the tenant is gone.
pub(crate) async fn read_batch(
    db: &Db,
    turn: &BacklogTurn,
    limit: i64,
) -> sqlx::Result<Option<Batch>> {
    let mut tx = db.tenant_read(turn.tenant).await?;
    let rows = sqlx::query(
        "select c.position as reached, c.attempts, c.outages, s.last_position,
                e.id, e.position, e.type, e.version, e.payload, e.source, e.occurred_at
         from platform.event_cursors c
         join platform.event_streams s using (creator_id)
         left join lateral (
           select * from platform.events e
           where e.creator_id = c.creator_id and e.position > c.position and e.type = any($3)
           order by e.position limit $4) e on true
         where c.creator_id = $1 and c.service = current_user and c.subscription = $2
         order by e.position",
    )
    .bind(turn.tenant)
    .bind(turn.subscription)
    .bind(&turn.types)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let mut events = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(id) = row.try_get("id")? {
            events.push(stored_event(id, row)?);
        }
    }
    Ok(Some(Batch {
        position: first.try_get("reached")?,
        attempts: first.try_get("attempts")?,
        outages: first.try_get("outages")?,
        newest: first.try_get("last_position")?,
        events,
    }))
}

fn stored_event(id: Uuid, row: &PgRow) -> sqlx::Result<StoredEvent> {
    let occurred_at: SqlTimestamp = row.try_get("occurred_at")?;
    Ok(StoredEvent {
        id,
        position: row.try_get("position")?,
        name: row.try_get("type")?,
        version: row.try_get("version")?,
        payload: row.try_get("payload")?,
        source: row.try_get("source")?,
        occurred_at: occurred_at.to_jiff(),
    })
}

/// Moves the position from one event to the next; false when another worker has done so. The row
/// stays locked until the end of the transaction, so that no two workers handle one event.
pub(crate) async fn advance(
    tx: &mut TenantTx,
    turn: &BacklogTurn,
    from: i64,
    to: i64,
) -> sqlx::Result<bool> {
    sqlx::query("select platform.move_event_cursor($1, $2, $3, $4)")
        .bind(turn.subscription)
        .bind(turn.token)
        .bind(from)
        .bind(to)
        .fetch_one(tx.conn())
        .await?
        .try_get(0)
}

/// Counts a failure at the next event. An outage does not count towards the last attempt.
pub(crate) async fn count_failure(
    tx: &mut TenantTx,
    turn: &BacklogTurn,
    position: i64,
    is_outage: bool,
) -> sqlx::Result<()> {
    sqlx::query("select platform.count_event_failure($1, $2, $3)")
        .bind(turn.subscription)
        .bind(position)
        .bind(is_outage)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Keeps a copy of an event that is not delivered.
pub(crate) async fn set_aside(
    tx: &mut TenantTx,
    turn: &BacklogTurn,
    event: &StoredEvent,
    error: &EventError,
    attempts: i32,
) -> sqlx::Result<()> {
    let reason: String = error.reason.chars().take(MAX_REASON).collect();
    sqlx::query(
        "insert into platform.event_failures
           (creator_id, subscription, event_id, position, type, version, payload, attempts, code,
            reason, source, occurred_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(turn.tenant)
    .bind(turn.subscription)
    .bind(event.id)
    .bind(event.position)
    .bind(&event.name)
    .bind(event.version)
    .bind(&event.payload)
    .bind(attempts)
    .bind(&error.code)
    .bind(reason)
    .bind(&event.source)
    .bind(event.occurred_at.to_sqlx())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Takes an event that was set aside out of the failures, unless the transaction is rolled back.
pub(crate) async fn take_failure(
    tx: &mut TenantTx,
    subscription: &str,
    event: Uuid,
) -> sqlx::Result<Option<StoredEvent>> {
    let row = sqlx::query("select * from platform.take_event_failure($1, $2)")
        .bind(subscription)
        .bind(event)
        .fetch_optional(tx.conn())
        .await?;
    row.map(|row| stored_event(event, &row)).transpose()
}

/// An event that was set aside, for the person who decides what becomes of it.
#[derive(Debug)]
pub(crate) struct FailureRow {
    pub(crate) tenant: CreatorId,
    pub(crate) subscription: String,
    pub(crate) event: Uuid,
    pub(crate) name: String,
    pub(crate) attempts: i32,
    pub(crate) code: String,
    pub(crate) reason: String,
    pub(crate) minutes_ago: i32,
}

/// Lists what the subscriptions of this service have set aside, newest first.
pub(crate) async fn list_failures(db: &Db, most: i32) -> sqlx::Result<Vec<FailureRow>> {
    let mut tx = db.system().await?;
    let rows = sqlx::query(
        "select creator_id, subscription, event_id, type, attempts, code, reason,
                (extract(epoch from now() - failed_at) / 60)::int as minutes_ago
         from platform.list_event_failures($1)",
    )
    .bind(most)
    .fetch_all(tx.conn())
    .await?;
    tx.commit().await?;
    let failure = |row: &PgRow| -> sqlx::Result<FailureRow> {
        Ok(FailureRow {
            tenant: row.try_get("creator_id")?,
            subscription: row.try_get("subscription")?,
            event: row.try_get("event_id")?,
            name: row.try_get("type")?,
            attempts: row.try_get("attempts")?,
            code: row.try_get("code")?,
            reason: row.try_get("reason")?,
            minutes_ago: row.try_get("minutes_ago")?,
        })
    };
    rows.iter().map(failure).collect()
}

/// Ends a turn with events left; the tenant may be claimed again after `delay`. `delivered` is the
/// time of the last delivered event, if any: those that are left are younger.
pub(crate) async fn release(
    tx: &mut TenantTx,
    turn: &BacklogTurn,
    delay: Duration,
    delivered: Option<Timestamp>,
) -> sqlx::Result<()> {
    sqlx::query("select platform.release_event_backlog($1, $2, $3, $4)")
        .bind(turn.subscription)
        .bind(turn.token)
        .bind(interval(delay))
        .bind(delivered.map(ToSqlx::to_sqlx))
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Ends a turn with no event up to `reached` left.
pub(crate) async fn finish_turn(
    tx: &mut TenantTx,
    turn: &BacklogTurn,
    reached: i64,
) -> sqlx::Result<()> {
    sqlx::query("select platform.settle_event_backlog($1, $2, $3)")
        .bind(turn.subscription)
        .bind(turn.token)
        .bind(reached)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// How far a subscription is behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lag {
    pub(crate) seconds: f64,
    pub(crate) pending: i64,
}

/// Reads the lag of a subscription.
pub(crate) async fn lag(db: &Db, subscription: &str) -> sqlx::Result<Lag> {
    let query = || {
        sqlx::query("select seconds, pending from platform.event_lag($1)")
            .bind(subscription.to_owned())
    };
    let row = db.look_up(query).await?.ok_or(sqlx::Error::RowNotFound)?;
    Ok(Lag {
        seconds: row.try_get("seconds")?,
        pending: row.try_get("pending")?,
    })
}

fn interval(duration: Duration) -> PgInterval {
    let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    PgInterval {
        months: 0,
        days: 0,
        microseconds,
    }
}
