//! The one writer of this process: Chroma is eleven times slower when several write at once.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::collections::Collections;
use super::{Chroma, ChromaError, Record};

/// Vectors of one call: the fastest size, and far below Chroma's limits.
pub const BATCH: usize = 250;
/// Writes that wait; whoever comes then waits to get in.
const QUEUE: usize = 32;
/// Tries of one write while Chroma does not answer.
const TRIES: u32 = 3;

/// What is to be written.
#[derive(Debug)]
pub(super) enum Change {
    Add(Vec<Record>),
    Delete(Vec<String>),
}

#[derive(Debug)]
struct Job {
    collection: String,
    dimension: usize,
    change: Change,
    reply: oneshot::Sender<Result<(), ChromaError>>,
}

/// Hands changes to the writer.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the writer; it ends with the last handle.
    pub(super) fn start(chroma: Chroma, collections: Collections) -> Self {
        let (jobs, mut waiting) = mpsc::channel::<Job>(QUEUE);
        tokio::spawn(async move {
            while let Some(job) = waiting.recv().await {
                // Whoever asked may be gone by now: then nobody wants the change.
                if job.reply.is_closed() {
                    continue;
                }
                let written = write(&chroma, &collections, &job).await;
                let _ = job.reply.send(written);
            }
        });
        Self { jobs }
    }

    /// Writes, and waits until it is done.
    pub(super) async fn write(
        &self,
        collection: String,
        dimension: usize,
        change: Change,
    ) -> Result<(), ChromaError> {
        let (reply, done) = oneshot::channel();
        let job = Job {
            collection,
            dimension,
            change,
            reply,
        };
        let sent = self.jobs.send(job).await;
        sent.map_err(|_| ChromaError::WriterGone)?;
        done.await.map_err(|_| ChromaError::WriterGone)?
    }
}

async fn write(chroma: &Chroma, collections: &Collections, job: &Job) -> Result<(), ChromaError> {
    let mut attempt = 1;
    loop {
        let id = collections.id(&job.collection, job.dimension).await;
        let written = match id {
            Ok(id) => apply(chroma, &id, &job.change).await,
            Err(error) => Err(error),
        };
        match written {
            // Safe to repeat: `add` leaves what is there, `delete` what is gone.
            Err(ChromaError::Unreachable(_)) if attempt < TRIES => {
                tokio::time::sleep(Duration::from_millis(200) * attempt).await;
            }
            Err(ChromaError::NotFound(_)) if attempt < TRIES => {
                collections.forget(&job.collection);
            }
            other => return other,
        }
        attempt += 1;
    }
}

async fn apply(chroma: &Chroma, id: &str, change: &Change) -> Result<(), ChromaError> {
    match change {
        Change::Add(records) => {
            for batch in records.chunks(BATCH) {
                chroma.add(id, batch).await?;
            }
        }
        Change::Delete(ids) => {
            for batch in ids.chunks(BATCH) {
                chroma.delete(id, batch).await?;
            }
        }
    }
    Ok(())
}
