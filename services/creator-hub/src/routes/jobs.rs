//! Background jobs.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared_jobs::JobRow;
use shared_models::JobId;
use shared_web::{Id, Permit, Problem, permit};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::library;
use crate::error::Error;
use crate::state::AppState;

/// A background job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Job {
    id: JobId,
    /// `ingest_document` or `erase_document`.
    kind: String,
    /// The document that it is about.
    document_id: Uuid,
    /// `queued`, `running`, `succeeded` or `failed`.
    #[schema(value_type = String)]
    state: &'static str,
    /// The current step.
    stage: String,
    /// Progress in percent.
    progress: i16,
    /// Number of attempts started.
    attempts: i32,
    /// The last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WorkError>,
}

/// Why a job or a document failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct WorkError {
    /// A stable code.
    pub(crate) code: String,
    /// For a person.
    pub(crate) reason: String,
}

impl WorkError {
    pub(crate) fn of(code: Option<String>, reason: Option<String>) -> Option<Self> {
        let reason = reason.unwrap_or_default();
        code.map(|code| Self { code, reason })
    }
}

impl Job {
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
            state: state.as_str(),
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
    let row = library::read_job(&app, caller.tenant, id).await?;
    Ok(Json(row.into()))
}
