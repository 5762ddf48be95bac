//! `auth.privacy_requests`: requested exports and erasures of accounts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use serde::{Deserialize, Serialize};
use shared_db::{Db, TenantTx};
use shared_models::{CreatorId, RowCounts, UserId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

/// How long a finished export can be downloaded.
pub(crate) const EXPORT_TTL: Duration = Duration::from_hours(7 * 24);

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Export,
    Erasure,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Erasure => "erasure",
        }
    }
}

/// The state of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It has not begun.
    Waiting,
    /// It is being processed, or waits for a service that is unavailable.
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// The progress of one service.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct Part {
    /// The service has nothing left to do.
    pub(crate) done: bool,
    /// Exported or erased records by kind.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub(crate) counts: RowCounts,
    /// The service that the request waits for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) waits_for: Option<String>,
}

/// The progress of each service, by name.
pub(crate) type Progress = BTreeMap<String, Part>;

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PrivacyFailure)]
pub(crate) struct Failure {
    /// The stable code.
    #[schema(example = "dependency_unavailable")]
    pub(crate) code: String,
    /// The explanation for people, without internal hosts and paths.
    pub(crate) reason: String,
}

impl Failure {
    pub(crate) fn new(code: &str, reason: &str) -> Self {
        Self {
            code: code.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct PrivacyRow {
    pub(crate) id: Uuid,
    pub(crate) state: State,
    pub(crate) requested_by: Option<UserId>,
    pub(crate) progress: Progress,
    pub(crate) error: Option<Failure>,
    pub(crate) due_at: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl TryFrom<PgRow> for PrivacyRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let name: String = row.try_get("state")?;
        let state = serde_json::from_value(serde_json::Value::String(name));
        let time = |name| -> sqlx::Result<Option<Timestamp>> {
            let time: Option<jiff_sqlx::Timestamp> = row.try_get(name)?;
            Ok(time.map(jiff_sqlx::Timestamp::to_jiff))
        };
        let Json(progress) = row.try_get("progress")?;
        let code: Option<String> = row.try_get("error_code")?;
        let reason: Option<String> = row.try_get("error_reason")?;
        let error = code.zip(reason);
        Ok(Self {
            id: row.try_get("id")?,
            state: state.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            requested_by: row.try_get("requested_by")?,
            progress,
            error: error.map(|(code, reason)| Failure { code, reason }),
            due_at: time("due_at")?.unwrap_or(Timestamp::UNIX_EPOCH),
            created_at: time("created_at")?.unwrap_or(Timestamp::UNIX_EPOCH),
            finished_at: time("finished_at")?,
            expires_at: time("expires_at")?,
        })
    }
}

/// Records a request. Call [`lock`] first, so that there is one open request of a kind.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    kind: Kind,
    by: Option<UserId>,
    delay: Duration,
) -> sqlx::Result<PrivacyRow> {
    sqlx::query(
        "insert into auth.privacy_requests (creator_id, id, kind, requested_by, due_at)
         values ($1, $2, $3, $4, now() + make_interval(secs => $5)) returning *",
    )
    .bind(tx.creator())
    .bind(Uuid::now_v7())
    .bind(kind.as_str())
    .bind(by)
    .bind(delay.as_secs_f64())
    .fetch_one(tx.conn())
    .await?
    .try_into()
}

/// Lets one transaction at a time create a request of a tenant.
pub(crate) async fn lock(tx: &mut TenantTx) -> sqlx::Result<()> {
    let creator = tx.creator().to_string();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('privacy ' || $1, 0))")
        .bind(creator)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// The newest request of a kind that is waiting or running.
pub(crate) async fn find_open(tx: &mut TenantTx, kind: Kind) -> sqlx::Result<Option<PrivacyRow>> {
    let row = sqlx::query(
        "select * from auth.privacy_requests
         where creator_id = $1 and kind = $2 and state in ('waiting', 'running')
         order by id desc limit 1",
    )
    .bind(tx.creator())
    .bind(kind.as_str())
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Reads a request.
pub(crate) async fn find(
    tx: &mut TenantTx,
    kind: Kind,
    id: Uuid,
) -> sqlx::Result<Option<PrivacyRow>> {
    let row = sqlx::query(
        "select * from auth.privacy_requests where creator_id = $1 and kind = $2 and id = $3",
    )
    .bind(tx.creator())
    .bind(kind.as_str())
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Lists requests, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    kind: Kind,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<PrivacyRow>> {
    let rows = sqlx::query(
        "select * from auth.privacy_requests
         where creator_id = $1 and kind = $2 and ($3::uuid is null or id < $3)
         order by id desc limit $4",
    )
    .bind(tx.creator())
    .bind(kind.as_str())
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Marks a request as running; none when it was cancelled.
pub(crate) async fn begin(
    tx: &mut TenantTx,
    kind: Kind,
    id: Uuid,
) -> sqlx::Result<Option<PrivacyRow>> {
    let row = sqlx::query(
        "update auth.privacy_requests set state = 'running'
         where creator_id = $1 and kind = $2 and id = $3 and state in ('waiting', 'running')
         returning *",
    )
    .bind(tx.creator())
    .bind(kind.as_str())
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Cancels a request that has not begun; false when it has.
pub(crate) async fn cancel(tx: &mut TenantTx, id: Uuid) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update auth.privacy_requests set state = 'cancelled', finished_at = now()
         where creator_id = $1 and id = $2 and state = 'waiting'",
    )
    .bind(tx.creator())
    .bind(id)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes a request due now that was due later.
pub(crate) async fn make_due(tx: &mut TenantTx, id: Uuid) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.privacy_requests set due_at = now()
         where creator_id = $1 and id = $2 and due_at > now()",
    )
    .bind(tx.creator())
    .bind(id)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Runs the job of a waiting request now.
pub(crate) async fn run_now(tx: &mut TenantTx, id: Uuid) -> sqlx::Result<()> {
    sqlx::query(
        "update platform.jobs set run_at = now()
         where creator_id = $1 and subject_id = $2 and state = 'queued'",
    )
    .bind(tx.creator())
    .bind(id)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Stores the progress.
pub(crate) async fn save(tx: &mut TenantTx, id: Uuid, progress: &Progress) -> sqlx::Result<()> {
    sqlx::query("update auth.privacy_requests set progress = $3 where creator_id = $1 and id = $2")
        .bind(tx.creator())
        .bind(id)
        .bind(Json(progress))
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Marks an export as ready for download.
pub(crate) async fn finish_export(tx: &mut TenantTx, id: Uuid) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.privacy_requests
         set state = 'succeeded', finished_at = now(),
             expires_at = now() + make_interval(secs => $3)
         where creator_id = $1 and id = $2",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(EXPORT_TTL.as_secs_f64())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Marks a request as failed.
pub(crate) async fn fail(tx: &mut TenantTx, id: Uuid, failure: &Failure) -> sqlx::Result<()> {
    sqlx::query(
        "update auth.privacy_requests
         set state = 'failed', finished_at = now(), error_code = $3, error_reason = left($4, 2000)
         where creator_id = $1 and id = $2",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(&failure.code)
    .bind(&failure.reason)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Suspends the account of this transaction's tenant while it is being erased.
pub(crate) async fn suspend(tx: &mut TenantTx) -> sqlx::Result<()> {
    sqlx::query(
        "insert into platform.tenant_settings as s (creator_id, plan, suspended_at)
         select c.creator_id, c.plan, now() from auth.creators c where c.creator_id = $1
         on conflict (creator_id) do update
         set suspended_at = coalesce(s.suspended_at, now()), updated_at = now()",
    )
    .bind(tx.creator())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// The record that an account was erased.
#[derive(Debug, Clone)]
pub(crate) struct ErasedRow {
    pub(crate) request: Uuid,
    pub(crate) progress: Progress,
    pub(crate) finished_at: Timestamp,
}

/// Records that this transaction's tenant was erased.
pub(crate) async fn record_erasure(
    tx: &mut TenantTx,
    id: Uuid,
    requested_at: Timestamp,
    progress: &Progress,
) -> sqlx::Result<()> {
    sqlx::query("select auth.record_erasure($1, $2, $3)")
        .bind(id)
        .bind(requested_at.to_sqlx())
        .bind(Json(progress))
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// The record that a tenant was erased.
pub(crate) async fn find_erasure(db: &Db, creator: CreatorId) -> sqlx::Result<Option<ErasedRow>> {
    let sql = "select * from auth.find_erasure($1)";
    let row = db.look_up(|| sqlx::query(sql).bind(creator)).await?;
    let parse = |row: PgRow| -> sqlx::Result<ErasedRow> {
        let finished_at: jiff_sqlx::Timestamp = row.try_get("finished_at")?;
        let Json(progress) = row.try_get("report")?;
        Ok(ErasedRow {
            request: row.try_get("request_id")?,
            progress,
            finished_at: finished_at.to_jiff(),
        })
    };
    row.map(parse).transpose()
}
