//! Writes the lines of a copy into the body of an answer.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream, StreamExt as _};
use serde::Serialize;
use shared_models::RowCounts;
use shared_models::tenant_data::{END, FAILED, MAX_LINE_BYTES};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio_util::io::ReaderStream;

use super::{ExportError, ExportedLine};

/// Maximum number of bytes that wait for a slow reader. The writer waits when it is reached.
pub const QUEUE_BYTES: usize = 256 * 1024;
/// Bytes that are handed to the connection at a time.
const CHUNK_BYTES: usize = 32 * 1024;

/// Where the lines of a copy go.
#[derive(Debug)]
pub struct NdjsonWriter {
    queue: DuplexStream,
    /// Whether the last line was written; otherwise the response is incomplete.
    complete: Arc<AtomicBool>,
    written: RowCounts,
    /// Reused for each line.
    line: Vec<u8>,
    /// Whether the last line was written in part only; nothing may follow it.
    is_cut: bool,
    patience: Option<Duration>,
}

impl NdjsonWriter {
    /// The lines, and the answer that carries them (NDJSON).
    pub fn answer() -> (Self, Response) {
        let (queue, reader) = tokio::io::duplex(QUEUE_BYTES);
        let complete = Arc::<AtomicBool>::default();
        let body = Body::from_stream(body(reader, Arc::clone(&complete)));
        let kind = HeaderValue::from_static("application/x-ndjson");
        let response = ([(header::CONTENT_TYPE, kind)], body).into_response();
        let lines = Self {
            queue,
            complete,
            written: RowCounts::default(),
            line: Vec::new(),
            is_cut: false,
            patience: None,
        };
        (lines, response)
    }

    /// Aborts when the reader needs longer than this for [`CHUNK_BYTES`].
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Writes one.
    pub async fn write(&mut self, kind: &str, data: &impl Serialize) -> Result<(), ExportError> {
        self.begin(kind)?;
        serde_json::to_writer(&mut self.line, data).map_err(io::Error::other)?;
        self.finish(kind).await
    }

    /// Writes one whose data is JSON text already, without newlines between its members.
    pub async fn write_json(&mut self, kind: &str, data: &str) -> Result<(), ExportError> {
        self.begin(kind)?;
        self.line.extend_from_slice(data.as_bytes());
        self.finish(kind).await
    }

    /// Passes on what another service wrote.
    pub async fn pass(&mut self, line: &ExportedLine) -> Result<(), ExportError> {
        self.send(line.text()).await?;
        self.written.count(line.kind(), 1);
        Ok(())
    }

    /// Ends the copy: with the line `end` where it is complete; otherwise with a line that says
    /// what failed, and by breaking off.
    pub async fn end(mut self, copied: Result<(), ExportError>) {
        let ended = match copied {
            Ok(()) => {
                let written = std::mem::take(&mut self.written);
                self.write(END, &written).await
            }
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => self.complete.store(true, Ordering::Release),
            Err(error) => {
                tracing::warn!(%error, "export of a tenant interrupted");
                if !self.is_cut {
                    let _ = self.write(FAILED, &error.failure()).await;
                }
            }
        }
    }

    fn begin(&mut self, kind: &str) -> Result<(), ExportError> {
        self.line.clear();
        self.line.extend_from_slice(br#"{"kind":"#);
        serde_json::to_writer(&mut self.line, kind).map_err(io::Error::other)?;
        self.line.extend_from_slice(br#","data":"#);
        Ok(())
    }

    async fn finish(&mut self, kind: &str) -> Result<(), ExportError> {
        self.line.extend_from_slice(b"}\n");
        if self.line.len() > MAX_LINE_BYTES {
            return Err(ExportError::LineTooLong {
                kind: kind.to_owned(),
                bytes: self.line.len(),
            });
        }
        let line = std::mem::take(&mut self.line);
        self.send(&line).await?;
        self.line = line;
        self.written.count(kind, 1);
        Ok(())
    }

    async fn send(&mut self, line: &[u8]) -> Result<(), ExportError> {
        self.is_cut = true;
        for chunk in line.chunks(CHUNK_BYTES) {
            let written = self.queue.write_all(chunk);
            let written = match self.patience {
                Some(patience) => tokio::time::timeout(patience, written)
                    .await
                    .map_err(|_| ExportError::SlowReader)?,
                None => written.await,
            };
            written.map_err(|_| ExportError::NoReader)?;
        }
        self.is_cut = false;
        Ok(())
    }
}

/// What is queued, and an error at the end of a copy that is not complete. So it ends, too, when
/// the task that writes it panics.
fn body(
    reader: DuplexStream,
    complete: Arc<AtomicBool>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let ending = stream::once(async move {
        if complete.load(Ordering::Acquire) {
            return None;
        }
        // An error closes the connection at once. Before that, the connection gets a turn to send
        // the line that says what failed.
        tokio::task::yield_now().await;
        Some(Err(io::Error::other("the export was interrupted")))
    });
    let chunks = ReaderStream::with_capacity(reader, CHUNK_BYTES);
    chunks.chain(ending.filter_map(|end| async { end }))
}
