//! Reads the lines of a copy as they come from another service.

use std::borrow::Cow;
use std::pin::Pin;

use axum::body::Bytes;
use bytes::BytesMut;
use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use serde::de::IgnoredAny;
use shared_models::ExportFailure;
use shared_models::tenant_data::{END, FAILED, MAX_LINE_BYTES};

/// Why a copy cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum LineError<E> {
    /// The connection failed.
    #[error(transparent)]
    Stream(E),
    /// A line is longer than [`MAX_LINE_BYTES`].
    #[error("a line is longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// A line is not what a line of a copy should be.
    #[error("a line cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The writer could not complete the copy, and said why.
    #[error("{}", .0.reason)]
    Failed(ExportFailure),
    /// There is no last line.
    #[error("the export ended early")]
    BrokeOff,
}

/// A line as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedLine {
    kind: String,
    text: Bytes,
}

impl ExportedLine {
    /// What it is.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The line with its newline.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
}

/// The lines in a stream of bytes. It never has more in memory than one line and one chunk.
#[derive(Debug)]
pub struct LineReader<S> {
    chunks: Pin<Box<S>>,
    buffer: BytesMut,
    /// So many bytes of the buffer have no newline.
    searched: usize,
}

/// A line without its data, which is checked to be JSON but not kept.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(rename = "data")]
    _data: IgnoredAny,
}

#[derive(Deserialize)]
struct Failed {
    data: ExportFailure,
}

impl<E, S: Stream<Item = Result<Bytes, E>>> LineReader<S> {
    /// The lines in that stream.
    pub fn new(chunks: S) -> Self {
        Self {
            chunks: Box::pin(chunks),
            buffer: BytesMut::new(),
            searched: 0,
        }
    }

    /// The next line; none after the line `end`. A copy without that line is an error.
    pub async fn next(&mut self) -> Result<Option<ExportedLine>, LineError<E>> {
        loop {
            let unsearched = &self.buffer[self.searched..];
            if let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') {
                let length = self.searched + at + 1;
                self.searched = 0;
                if length > MAX_LINE_BYTES {
                    return Err(LineError::TooLong);
                }
                return parse(self.buffer.split_to(length).freeze());
            }
            self.searched = self.buffer.len();
            if self.searched >= MAX_LINE_BYTES {
                return Err(LineError::TooLong);
            }
            match self.chunks.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => return Err(LineError::Stream(error)),
                None => return Err(LineError::BrokeOff),
            }
        }
    }
}

fn parse<E>(text: Bytes) -> Result<Option<ExportedLine>, LineError<E>> {
    let head: Head<'_> = serde_json::from_slice(&text)?;
    match head.kind.as_ref() {
        END => Ok(None),
        FAILED => {
            let failed: Failed = serde_json::from_slice(&text)?;
            Err(LineError::Failed(failed.data))
        }
        kind => {
            let kind = kind.to_owned();
            Ok(Some(ExportedLine { kind, text }))
        }
    }
}
