//! The processing status of a document: read once, or streamed until it ends.

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
use shared_jobs::{JobRow, JobState};
use shared_models::{CreatorId, DocumentId};
use shared_web::{Id, Permit, Problem, permit};
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

use super::jobs::WorkError;
use crate::app::library;
use crate::domain::document::DocumentState;
use crate::domain::library::StoredDocument;
use crate::error::Error;
use crate::state::AppState;

/// How often the status of a streamed document is read without a notification.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The processing status of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct DocumentStatus {
    document_id: DocumentId,
    state: DocumentState,
    /// `queued`, `reading`, `indexing`, `retrying`, `done` or `failed`.
    stage: String,
    /// Progress in percent.
    progress: i16,
    /// Number of searchable passages.
    chunk_count: i32,
    /// Number of attempts started.
    attempts: i32,
    /// Why the document failed, or why the previous attempt did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WorkError>,
    updated_at: Timestamp,
}

impl DocumentStatus {
    fn of(row: StoredDocument, job: Option<JobRow>) -> Self {
        let (attempts, progress) = job
            .as_ref()
            .map_or((0, 0), |job| (job.attempts, job.progress));
        let step = match (row.state, &job) {
            (DocumentState::Ready, _) => "done",
            (DocumentState::Failed, _) => "failed",
            (_, Some(job)) if job.state == JobState::Queued && attempts > 0 => "retrying",
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

async fn load_status(
    app: &AppState,
    tenant: CreatorId,
    id: DocumentId,
) -> Result<DocumentStatus, Error> {
    let (row, job) = library::read_with_job(app, tenant, id).await?;
    Ok(DocumentStatus::of(row, job))
}

/// Read the processing status of a document.
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
    load_status(&app, caller.tenant, id).await.map(Json)
}

/// Stream the processing status of a document: a `progress` event for each change, then `done` or
/// `error`. The data of each event is the response of `status`; if the document was deleted, the
/// `error` has only its id.
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
    let first = load_status(&app, caller.tenant, id).await?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(follow(app, caller.tenant, id, first, sender));
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(alive))
}

/// Ends with the processing, the reader or this process; a reader can reconnect.
async fn follow(
    app: AppState,
    creator: CreatorId,
    id: DocumentId,
    first: DocumentStatus,
    sender: Sender<Result<Event, Infallible>>,
) {
    // Notifications come from the replica that runs the job; without Redis, polling is enough.
    let notifications = app.cache.subscribe(&Key::job_events(creator)).await;
    let mut notifications: BoxStream<'_, ()> = match notifications {
        Ok(notifications) => notifications.into_on_message().map(drop).boxed(),
        Err(_) => stream::pending().boxed(),
    };
    let mut last_sent = None;
    let mut now = Ok(first);
    loop {
        match now {
            Ok(status) if last_sent.as_ref() != Some(&status) => {
                let moving = status.state.is_moving();
                if sender.send(Ok(event(&status))).await.is_err() || !moving {
                    return;
                }
                last_sent = Some(status);
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
            Err(error) => tracing::warn!(%error, "status of a document not read; will retry"),
        }
        tokio::select! {
            Some(()) = notifications.next() => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = sender.closed() => return,
            () = app.stop.cancelled() => return,
        }
        now = load_status(&app, creator, id).await;
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
