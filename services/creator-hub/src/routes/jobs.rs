//! Long work, as its creator sees it.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared_db::jobs::{self, JobRow};
use shared_models::JobId;
use shared_web::{Id, Permit, Problem, permit};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::job::JobKind;
use crate::error::Error;
use crate::state::AppState;

/// A piece of long work.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Job {
    id: JobId,
    /// `ingest_document` or `erase_document`.
    kind: String,
    /// The document that it is about.
    document_id: Uuid,
    /// `queued`, `running`, `succeeded` or `failed`.
    state: String,
    /// The step that it stands at.
    stage: String,
    /// 0 to 100.
    progress: i16,
    /// Attempts begun.
    attempts: i32,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WorkError>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct WorkError {
    /// A stable word.
    pub(crate) code: String,
    /// For a person.
    pub(crate) reason: String,
}

impl WorkError {
    /// Out of the two columns of a row.
    pub(crate) fn of(code: Option<String>, reason: Option<String>) -> Option<Self> {
        let reason = reason.unwrap_or_default();
        code.map(|code| Self { code, reason })
    }
}

impl Job {
    /// Its id, for its address.
    pub(crate) const fn id(&self) -> JobId {
        self.id
    }
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        let JobRow {
            id,
            kind,
            subject,
            state,
            stage,
            progress,
            attempts,
            error_code,
            error_reason,
        } = row;
        let error = WorkError::of(error_code, error_reason);
        Self {
            id,
            kind,
            document_id: subject,
            state,
            stage,
            progress,
            attempts,
            error,
        }
    }
}

/// Read a job.
#[utoipa::path(
    get, path = "/jobs/{id}", tag = "jobs", security(("bearer" = [])),
    params(("id" = JobId, Path)),
    responses(
        (status = 200, body = Job), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, description = "unknown_job", body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn read_job(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    Id(id): Id<JobId>,
) -> Result<Json<Job>, Error> {
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let row = jobs::find(&mut tx, id).await?.ok_or(Error::UnknownJob)?;
    // Jobs of other services are theirs to show.
    JobKind::from_name(&row.kind).ok_or(Error::UnknownJob)?;
    Ok(Json(row.into()))
}
