//! The audit log: read, verified, exported.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_db::Db;
use shared_models::{CreatorId, Page, PageRequest, UserId};
use shared_web::{ApiError, Paging, Permit, Problem, Query, permit};
use utoipa::ToSchema;
use uuid::Uuid;

use super::refusals::{TokenRefused, Unavailable};
use crate::audit::Action;
use crate::error::Error;
use crate::state::AppState;
use crate::store::audit_log::{self, EntryRow, Filter, Period, Walk};

/// Entries read at once for an export.
const BATCH: i64 = 500;

/// One entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// Its number, without gaps.
    seq: i64,
    at: Timestamp,
    /// `user`, `api_key`, `service` or `nobody`.
    #[schema(example = "user")]
    actor_kind: String,
    actor: Option<Uuid>,
    #[schema(example = "api_key.made")]
    action: String,
    /// The id of what it was done to.
    target: Option<String>,
    ip: Option<String>,
    request_id: Option<String>,
    /// SHA-256 over this entry and the hash of the one before, hexadecimal.
    hash: String,
}

impl From<EntryRow> for AuditEntry {
    fn from(row: EntryRow) -> Self {
        let EntryRow {
            seq,
            at,
            actor_kind,
            actor,
            action,
            target,
            ip,
            request_id,
            hash,
        } = row;
        let hash = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
        Self {
            seq,
            at,
            actor_kind,
            actor,
            action,
            target,
            ip,
            request_id,
            hash: hash.map(digit).collect(),
        }
    }
}

/// Which entries to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditFilter {
    /// Entries of that action only.
    action: Option<String>,
    /// Entries of that user only.
    actor: Option<UserId>,
    /// Entries of that time or later only, RFC 3339.
    from: Option<Timestamp>,
    /// Entries before that time only, RFC 3339.
    to: Option<Timestamp>,
    /// Rows per page, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which entries to export.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditPeriod {
    /// Entries of that time or later only, RFC 3339.
    from: Option<Timestamp>,
    /// Entries before that time only, RFC 3339.
    to: Option<Timestamp>,
}

impl AuditPeriod {
    /// The period, if it is one. No entry is older than the epoch, and PostgreSQL has no times as
    /// old as some that can be written.
    fn checked(self) -> Result<Period, Error> {
        let known = |time: Option<Timestamp>| time.map(|time| time.max(Timestamp::UNIX_EPOCH));
        let Self { from, to } = self;
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            let refused = ApiError::unprocessable("invalid_query");
            return Err(refused.detail("from lies after to").into());
        }
        let (from, to) = (known(from), known(to));
        Ok(Period { from, to })
    }
}

/// What a walk over the chain found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verification {
    /// Whether every entry is what it was and none is missing between them.
    intact: bool,
    /// Entries there are.
    entries: i64,
    /// The first entry that is not what it was, or that follows a gap.
    broken_at: Option<i64>,
}

/// List the audit log, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditFilter),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Page<AuditEntry>),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn list_audit_log(
    State(app): State<AppState>,
    caller: Permit<permit::AuditRead>,
    paging: Paging,
    Query(query): Query<AuditFilter>,
) -> Result<Json<Page<AuditEntry>>, Error> {
    let AuditFilter {
        action,
        actor,
        from,
        to,
        limit,
        cursor,
    } = query;
    let period = AuditPeriod { from, to }.checked()?;
    if action
        .as_deref()
        .is_some_and(|word| Action::from_name(word).is_none())
    {
        let refused = ApiError::unprocessable("invalid_query");
        return Err(refused.detail("action is none that the log has").into());
    }
    let window = paging.window(&PageRequest { limit, cursor })?;
    let before = window
        .after
        .map(|cursor| i64::try_from(cursor.as_u128()).unwrap_or(i64::MAX));
    let filter = Filter {
        action: action.as_deref(),
        actor: actor.map(|user| user.as_uuid()),
        period,
    };
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = audit_log::list(&mut tx, filter, before, window.limit + 1).await?;
    let rows = rows.into_iter().map(AuditEntry::from).collect();
    // The log is ordered by number, so its cursor carries one.
    Ok(Json(paging.page(rows, window, |entry: &AuditEntry| {
        Uuid::from_u128(u128::from(entry.seq.unsigned_abs()))
    })))
}

/// Verify the chain of the audit log.
#[utoipa::path(get, path = "/audit/verification", tag = "audit", security(("bearer" = [])),
    responses((status = 200, body = Verification), TokenRefused, Unavailable))]
pub(crate) async fn verify_audit_log(
    State(app): State<AppState>,
    caller: Permit<permit::AuditRead>,
) -> Result<Json<Verification>, Error> {
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let Walk { entries, broken_at } = audit_log::verify(&mut tx).await?;
    Ok(Json(Verification {
        intact: broken_at.is_none(),
        entries,
        broken_at,
    }))
}

/// Export the audit log, oldest first: one JSON object a line.
#[utoipa::path(get, path = "/audit/export", tag = "audit", params(AuditPeriod),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "One entry a line", body = AuditEntry,
            content_type = "application/x-ndjson"),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn export_audit_log(
    State(app): State<AppState>,
    caller: Permit<permit::AuditRead>,
    Query(period): Query<AuditPeriod>,
) -> Result<Response, Error> {
    let period = period.checked()?;
    // The first batch is read before the answer begins: what fails here is told with a status.
    let first = batch(&app.db, caller.tenant, period, 0).await?;
    let lines = lines(app.db, caller.tenant, period, first);
    let kind = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"audit.ndjson\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((kind, Body::from_stream(lines)).into_response())
}

async fn batch(
    db: &Db,
    creator: CreatorId,
    period: Period,
    after: i64,
) -> sqlx::Result<Vec<EntryRow>> {
    let mut tx = db.tenant_read(creator).await?;
    audit_log::after(&mut tx, period, after, BATCH).await
}

/// Batch after batch. One that cannot be read breaks the answer off: half a log must not look
/// like a whole one.
fn lines(
    db: Db,
    creator: CreatorId,
    period: Period,
    first: Vec<EntryRow>,
) -> impl Stream<Item = Result<Bytes, sqlx::Error>> {
    stream::try_unfold(Some(first), move |rows| {
        let db = db.clone();
        async move {
            let Some(rows) = rows.filter(|rows| !rows.is_empty()) else {
                return Ok(None);
            };
            let last = rows.last().map_or(0, |row| row.seq);
            let more = i64::try_from(rows.len()) == Ok(BATCH);
            let mut text = String::new();
            for entry in rows.into_iter().map(AuditEntry::from) {
                text.push_str(&serde_json::to_string(&entry).unwrap_or_default());
                text.push('\n');
            }
            let next = if more {
                Some(batch(&db, creator, period, last).await?)
            } else {
                None
            };
            Ok(Some((Bytes::from(text), next)))
        }
    })
}
