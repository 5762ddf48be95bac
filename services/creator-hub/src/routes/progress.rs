//! How far a document is: read once, or followed to the end.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _};
use jiff::Timestamp;
use serde::Serialize;
use shared_cache::Key;
use shared_db::jobs::{self, JobRow};
use shared_models::{CreatorId, DocumentId};
use shared_web::{Id, Permit, Problem, permit};
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

use super::jobs::WorkError;
use crate::domain::document::DocumentState;
use crate::error::Error;
use crate::state::AppState;
use crate::store::documents::{self, DocumentRow};

/// How often a followed document is looked at without a hint.
const LOOK: Duration = Duration::from_secs(1);

/// Where a document stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct DocumentStatus {
    document_id: DocumentId,
    state: DocumentState,
    /// `queued`, `reading`, `indexing`, `retrying`, `done` or `failed`.
    stage: String,
    /// 0 to 100.
    progress: i16,
    /// Passages that are searchable.
    chunk_count: i32,
    /// Attempts begun.
    attempts: i32,
    /// Why the document failed, or what the attempt before met.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WorkError>,
    updated_at: Timestamp,
}

impl DocumentStatus {
    fn of(row: DocumentRow, job: Option<JobRow>) -> Self {
        let (attempts, progress) = job
            .as_ref()
            .map_or((0, 0), |job| (job.attempts, job.progress));
        let step = match (row.state, &job) {
            (DocumentState::Ready, _) => "done",
            (DocumentState::Failed, _) => "failed",
            (_, Some(job)) if job.state == "queued" && attempts > 0 => "retrying",
            (_, Some(job)) => &job.stage,
            (_, None) => "queued",
        };
        let stage = step.to_owned();
        let last = job.and_then(|job| WorkError::of(job.error_code, job.error_reason));
        let error = match row.error {
            Some((code, reason)) => Some(WorkError { code, reason }),
            None => last.filter(|_| row.state.is_moving()),
        };
        let is_ready = row.state == DocumentState::Ready;
        Self {
            document_id: row.id,
            state: row.state,
            stage,
            progress: if is_ready { 100 } else { progress },
            chunk_count: row.chunk_count,
            attempts,
            error,
            updated_at: row.updated_at,
        }
    }
}

async fn look(app: &AppState, creator: CreatorId, id: DocumentId) -> Result<DocumentStatus, Error> {
    let mut tx = app.db.tenant_read(creator).await?;
    let row = documents::find(&mut tx, id)
        .await?
        .ok_or(Error::UnknownDocument)?;
    let job = jobs::newest(&mut tx, id.as_uuid()).await?;
    Ok(DocumentStatus::of(row, job))
}

/// Read where a document stands.
#[utoipa::path(
    get, path = "/documents/{id}/status", tag = "documents", security(("bearer" = [])),
    params(("id" = DocumentId, Path)),
    responses(
        (status = 200, body = DocumentStatus), (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 404, description = "unknown_document", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn read_status(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    Id(id): Id<DocumentId>,
) -> Result<Json<DocumentStatus>, Error> {
    look(&app, caller.tenant, id).await.map(Json)
}

/// Follow a document: a `progress` event for each change, then `done` or `error`. The data of each
/// is what `status` answers; that of an `error` may lack the document, when it was deleted.
#[utoipa::path(
    get, path = "/documents/{id}/events", tag = "documents", security(("bearer" = [])),
    params(("id" = DocumentId, Path)),
    responses(
        (status = 200, content_type = "text/event-stream", body = DocumentStatus),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, description = "unknown_document", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn follow_document(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    Id(id): Id<DocumentId>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let first = look(&app, caller.tenant, id).await?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(follow(app, caller.tenant, id, first, sender));
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(alive))
}

/// Ends with the work, with the reader, or with this process; the reader then asks again.
async fn follow(
    app: AppState,
    creator: CreatorId,
    id: DocumentId,
    first: DocumentStatus,
    sender: Sender<Result<Event, Infallible>>,
) {
    // Hints come from whichever replica does the work; without Redis the looks have to do.
    let hints = app.cache.subscribe(&Key::job_events(creator)).await;
    let mut hints: BoxStream<'_, ()> = match hints {
        Ok(hints) => hints.into_on_message().map(drop).boxed(),
        Err(_) => stream::pending().boxed(),
    };
    let mut told = None;
    let mut now = Ok(first);
    loop {
        match now {
            Ok(status) if told.as_ref() != Some(&status) => {
                let moving = status.state.is_moving();
                if sender.send(Ok(event(&status))).await.is_err() || !moving {
                    return;
                }
                told = Some(status);
            }
            Ok(_) => {}
            Err(Error::UnknownDocument) => {
                let reason = "the document was deleted".to_owned();
                let error = WorkError {
                    code: "unknown_document".to_owned(),
                    reason,
                };
                let gone = serde_json::json!({ "document_id": id, "error": error });
                let _ = sender
                    .send(Ok(Event::default().event("error").data(gone.to_string())))
                    .await;
                return;
            }
            Err(error) => tracing::warn!(%error, "progress was not read"),
        }
        tokio::select! {
            Some(()) = hints.next() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = sender.closed() => return,
            () = app.stop.cancelled() => return,
        }
        now = look(&app, creator, id).await;
    }
}

fn event(status: &DocumentStatus) -> Event {
    let name = match status.state {
        DocumentState::Ready => "done",
        DocumentState::Failed => "error",
        DocumentState::Pending | DocumentState::Processing => "progress",
    };
    let data = serde_json::to_string(status).unwrap_or_default();
    Event::default().event(name).data(data)
}
