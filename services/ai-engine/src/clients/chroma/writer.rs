//! The single writer of this process: concurrent writes make Chroma eleven times slower.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use tokio::sync::{mpsc, oneshot};

use super::collections::Collections;
use super::{Chroma, ChromaError, Record};

/// Vectors in one call: the fastest size, and far below Chroma's limits.
const BATCH_SIZE: usize = 250;
/// When the queue is full, further callers wait until there is room.
const MAX_QUEUED: usize = 32;
/// Between attempts of one write while Chroma is unavailable.
const RETRY_BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(200))
    .with_max_times(2);

#[derive(Debug)]
pub(super) enum WriteOperation {
    Add(Vec<Record>),
    Delete(Vec<String>),
}

#[derive(Debug)]
struct WriteRequest {
    collection: String,
    dimension: usize,
    operation: WriteOperation,
    reply: oneshot::Sender<Result<(), ChromaError>>,
}

/// A handle that sends requests to the writer task.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    requests: mpsc::Sender<WriteRequest>,
}

impl Writer {
    /// Starts the task; it stops when the last handle is dropped.
    pub(super) fn start(chroma: Chroma, collections: Collections) -> Self {
        let (requests, mut queue) = mpsc::channel::<WriteRequest>(MAX_QUEUED);
        tokio::spawn(async move {
            while let Some(request) = queue.recv().await {
                // The caller was cancelled while the request was queued.
                if request.reply.is_closed() {
                    continue;
                }
                let result = write(&chroma, &collections, &request).await;
                let _ = request.reply.send(result);
            }
        });
        Self { requests }
    }

    /// Queues a write and waits for its result.
    pub(super) async fn write(
        &self,
        collection: String,
        dimension: usize,
        operation: WriteOperation,
    ) -> Result<(), ChromaError> {
        let (reply, done) = oneshot::channel();
        let request = WriteRequest {
            collection,
            dimension,
            operation,
            reply,
        };
        let sent = self.requests.send(request).await;
        sent.map_err(|_| ChromaError::WriterStopped)?;
        done.await.map_err(|_| ChromaError::WriterStopped)?
    }
}

async fn write(
    chroma: &Chroma,
    collections: &Collections,
    request: &WriteRequest,
) -> Result<(), ChromaError> {
    let attempt = || async {
        let id = collections.id(&request.collection, request.dimension);
        let written = apply(chroma, &id.await?, &request.operation).await;
        if let Err(ChromaError::NotFound(_)) = written {
            collections.invalidate(&request.collection);
        }
        written
    };
    attempt
        .retry(RETRY_BACKOFF)
        // Safe to repeat: `add` ignores existing ids, `delete` ignores missing ones.
        .when(|error| {
            matches!(
                error,
                ChromaError::Unreachable(_) | ChromaError::NotFound(_)
            )
        })
        .await
}

async fn apply(chroma: &Chroma, id: &str, operation: &WriteOperation) -> Result<(), ChromaError> {
    match operation {
        WriteOperation::Add(records) => {
            for batch in records.chunks(BATCH_SIZE) {
                chroma.add(id, batch).await?;
            }
        }
        WriteOperation::Delete(ids) => {
            for batch in ids.chunks(BATCH_SIZE) {
                chroma.delete(id, batch).await?;
            }
        }
    }
    Ok(())
}
