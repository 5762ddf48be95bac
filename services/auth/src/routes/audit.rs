//! The audit log: listed, verified and exported.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::{Page, PageRequest, UserId};
use shared_web::{ApiError, Paging, Permit, Problem, Query, permit};
use utoipa::ToSchema;
use uuid::Uuid;

use super::openapi_responses::{TokenErrors, UnavailableErrors};
use super::response::page_of;
use crate::app::audit::checkpoints::Checkpoint;
use crate::app::audit::verification::{self, ChainCheck, Start};
use crate::app::audit::{self, EntryRow, Filter, Period};
use crate::domain::audit::Action;
use crate::error::Error;
use crate::state::AppState;

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// The sequence number, without gaps.
    seq: i64,
    at: Timestamp,
    /// `user`, `api_key`, `service` or `nobody`.
    #[schema(example = "user")]
    actor_kind: String,
    actor: Option<Uuid>,
    #[schema(example = "api_key.created")]
    action: String,
    /// The id of the affected object.
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
        Self {
            seq,
            at,
            actor_kind,
            actor,
            action,
            target,
            ip,
            request_id,
            hash: hexadecimal(&hash),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.map(digit).collect()
}

/// The entries to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditFilter {
    /// Only entries of this action; a former name of an action finds the same entries.
    action: Option<String>,
    /// Only entries of this user.
    actor: Option<UserId>,
    /// Only entries at or after this time, RFC 3339.
    from: Option<Timestamp>,
    /// Only entries before this time, RFC 3339.
    to: Option<Timestamp>,
    /// Rows per page, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// The entries to export.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditPeriod {
    /// Only entries at or after this time, RFC 3339.
    from: Option<Timestamp>,
    /// Only entries before this time, RFC 3339.
    to: Option<Timestamp>,
}

impl AuditPeriod {
    /// Validates the period. Times before the epoch are replaced by it, because PostgreSQL cannot
    /// represent the oldest ones; no entry is older.
    fn parse(self) -> Result<Period, Error> {
        let clamp = |time: Option<Timestamp>| time.map(|time| time.max(Timestamp::UNIX_EPOCH));
        let Self { from, to } = self;
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            let refused = ApiError::unprocessable("invalid_query");
            return Err(refused.detail("from must not be after to").into());
        }
        Ok(Period {
            from: clamp(from),
            to: clamp(to),
        })
    }
}

/// Where a verification begins.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerificationStart {
    /// Verify the entries after this one, whose stored hash is trusted: the `last_seq` of a
    /// verification that was not complete.
    #[serde(default)]
    #[param(minimum = 0)]
    after: i64,
    /// Verify the entries after the newest checkpoint only; not together with `after`.
    #[serde(default)]
    from_checkpoint: bool,
}

impl VerificationStart {
    fn parse(self) -> Result<Start, Error> {
        let Self {
            after,
            from_checkpoint,
        } = self;
        let refused = |message| {
            let refused = ApiError::unprocessable("invalid_query");
            Err(refused.field("after", message).into())
        };
        if after < 0 {
            return refused("must not be negative");
        }
        if !from_checkpoint {
            return Ok(Start::After(after));
        }
        if after > 0 {
            return refused("must be absent with from_checkpoint");
        }
        Ok(Start::Checkpoint)
    }
}

/// A checkpoint: the hash of an entry, sealed by auth with a key that is not in the database.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditCheckpoint {
    /// The entry.
    seq: i64,
    /// The hash that it had when it was sealed, hexadecimal.
    hash: String,
    /// When it was sealed.
    sealed_at: Timestamp,
}

impl From<Checkpoint> for AuditCheckpoint {
    fn from(checkpoint: Checkpoint) -> Self {
        Self {
            seq: checkpoint.seq,
            hash: hexadecimal(&checkpoint.hash),
            sealed_at: checkpoint.created_at,
        }
    }
}

/// The result of a verification of the hash chain.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verification {
    /// Whether no verified entry was changed or is missing, and all agree with the checkpoints.
    intact: bool,
    /// The number of entries that were verified.
    entries: i64,
    /// The first entry that was changed, that follows a gap, that differs from its checkpoint, or
    /// that is missing at the end.
    broken_at: Option<i64>,
    /// The last entry that was verified.
    last_seq: i64,
    /// The hash of that entry, hexadecimal: store it elsewhere, and compare it with the export.
    last_hash: Option<String>,
    /// The newest checkpoint. Entries are sealed some minutes after they were written.
    checkpoint: Option<AuditCheckpoint>,
    /// Whether that is the last entry of the log. If not, repeat the request with `after`.
    complete: bool,
}

impl From<ChainCheck> for Verification {
    fn from(check: ChainCheck) -> Self {
        Self {
            intact: check.broken_at.is_none(),
            entries: check.entries,
            broken_at: check.broken_at,
            last_seq: check.last_seq,
            last_hash: check.last_hash.as_deref().map(hexadecimal),
            checkpoint: check.checkpoint.map(Into::into),
            complete: check.is_complete,
        }
    }
}

/// List the audit log, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditFilter),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "A page of entries", body = Page<AuditEntry>),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
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
    let period = AuditPeriod { from, to }.parse()?;
    let filter = Filter {
        action: action.as_deref().map(parse_action).transpose()?,
        actor: actor.map(|user| user.as_uuid()),
        period,
    };
    let page = PageRequest { limit, cursor };
    let rows = audit::list(&app, caller.tenant, filter, &paging, &page).await?;
    Ok(page_of(rows))
}

fn parse_action(name: &str) -> Result<Action, ApiError> {
    Action::from_name(name).ok_or_else(|| {
        ApiError::unprocessable("invalid_query").detail("the audit log has no such action")
    })
}

/// Verify the audit log by its hash chain and its checkpoints, for 20 seconds at most.
#[utoipa::path(get, path = "/audit/verification", tag = "audit", params(VerificationStart),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The result", body = Verification),
        (status = 409, description = "request_in_progress", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn verify_audit_log(
    State(app): State<AppState>,
    caller: Permit<permit::AuditRead>,
    Query(start): Query<VerificationStart>,
) -> Result<Json<Verification>, Error> {
    let check = verification::verify(&app, caller.tenant, start.parse()?).await?;
    Ok(Json(check.into()))
}

/// Export the audit log as NDJSON, oldest first.
#[utoipa::path(get, path = "/audit/export", tag = "audit", params(AuditPeriod),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "One entry per line", body = AuditEntry,
            content_type = "application/x-ndjson"),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn export_audit_log(
    State(app): State<AppState>,
    caller: Permit<permit::AuditRead>,
    Query(period): Query<AuditPeriod>,
) -> Result<Response, Error> {
    let batches = audit::export(&app, caller.tenant, period.parse()?).await?;
    let lines = batches.map(|batch| batch.map(to_ndjson));
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"audit.ndjson\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

fn to_ndjson(rows: Vec<EntryRow>) -> Bytes {
    let mut text = String::new();
    for entry in rows.into_iter().map(AuditEntry::from) {
        text.push_str(&serde_json::to_string(&entry).unwrap_or_default());
        text.push('\n');
    }
    Bytes::from(text)
}
