//! Starts the child process that reads an untrusted file, and survives whatever it does: hanging,
//! crashing, writing too much or something else than a document.

use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use sha2::{Digest as _, Sha256};
use shared_ai_client::TextArtefact;
use shared_blobs::{BlobError, PendingBlob};
use shared_document::{MAX_LINE, ReadFailure, Record, Summary, Warning};
use shared_extract::child;
use shared_models::limits::DOCUMENT_BYTES;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use crate::domain::extraction::{End, failure_of};

/// The longest time to read one file. The child's limit of CPU time does not cover waiting.
const WALL_TIMEOUT: Duration = Duration::from_mins(1);
/// Bytes that are read from it at once.
const PIECE: usize = 64 * 1024;
/// Bytes that are kept of its standard error.
const MAX_STDERR: usize = 4 * 1024;

/// The extracted text of a file.
#[derive(Debug)]
pub(crate) struct DocumentText {
    pub(crate) text: TextArtefact,
    pub(crate) warnings: Vec<Warning>,
    /// The title that the file itself names.
    pub(crate) title: Option<String>,
}

/// Where the lines of a text go.
pub(crate) enum TextSink {
    /// A file of the store.
    File(Box<dyn PendingBlob>),
    /// Memory, up to a number of bytes; a longer text is dropped.
    Memory {
        bytes: Option<Vec<u8>>,
        limit: usize,
    },
}

impl TextSink {
    pub(crate) const fn memory(limit: usize) -> Self {
        let bytes = Some(Vec::new());
        Self::Memory { bytes, limit }
    }

    /// The text in memory; none if it was too long.
    pub(crate) fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Memory { bytes, .. } => bytes,
            Self::File(_) => None,
        }
    }

    async fn write(&mut self, lines: &[u8]) -> Result<(), BlobError> {
        match self {
            Self::File(file) => file.write(lines).await,
            Self::Memory { bytes, limit } => {
                if let Some(kept) = bytes {
                    if kept.len() + lines.len() > *limit {
                        *bytes = None;
                    } else {
                        kept.extend_from_slice(lines);
                    }
                }
                Ok(())
            }
        }
    }
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the file: {}", .0.as_str())]
    File(ReadFailure),
    #[error("the file store: {0}")]
    Store(#[from] BlobError),
    #[error("the child process that reads files: {0}")]
    Child(io::Error),
}

/// Starts the process.
#[derive(Debug, Clone)]
pub(crate) struct Extractor {
    program: PathBuf,
}

impl Extractor {
    pub(crate) const fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Extracts the text of a file and writes its lines to `sink`.
    pub(crate) async fn read(
        &self,
        file: File,
        extension: &str,
        sink: &mut TextSink,
    ) -> Result<DocumentText, ReadError> {
        // Without the environment, which holds the secrets of this process.
        let mut process = Command::new(&self.program)
            .args([child::COMMAND, extension])
            .env_clear()
            .stdin(Stdio::from(file))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(ReadError::Child)?;
        let _group = Group::of(process.id());
        let lines = process.stdout.take().ok_or_else(no_pipe)?;
        let stderr = process.stderr.take().ok_or_else(no_pipe)?;
        let work = async {
            let (read, stderr) = tokio::join!(receive(lines, sink), read_stderr(stderr));
            let status = match &read {
                Ok(_) => process.wait().await.map_err(ReadError::Child)?,
                // Its output is closed; the group is killed below.
                Err(_) => ExitStatus::default(),
            };
            judge(read?, status, &stderr)
        };
        let done = timeout(WALL_TIMEOUT, work).await;
        done.unwrap_or(Err(ReadError::File(ReadFailure::TimedOut)))
    }
}

fn no_pipe() -> ReadError {
    ReadError::Child(io::Error::other("no pipe"))
}

/// The process group of the child; killed on drop.
struct Group(Option<Pid>);

impl Group {
    fn of(leader: Option<u32>) -> Self {
        let id = leader.and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // An error means that none is left.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// How the lines ended.
#[derive(Debug)]
enum Received {
    Whole(Summary, TextArtefact),
    Failed(ReadFailure),
    /// Without a last line.
    Broken,
}

/// Reads the lines; one that is not part of a document is an error.
async fn receive(
    mut lines: impl AsyncRead + Unpin,
    sink: &mut TextSink,
) -> Result<Received, ReadError> {
    let (mut piece, mut rest) = (vec![0; PIECE], Vec::new());
    let (mut hasher, mut size, mut last) = (Sha256::new(), 0, None);
    loop {
        let read = lines.read(&mut piece).await.map_err(ReadError::Child)?;
        if read == 0 {
            break;
        }
        rest.extend_from_slice(&piece[..read]);
        let end = memchr::memrchr(b'\n', &rest).map_or(0, |at| at + 1);
        let whole = &rest[..end];
        for line in whole
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            match (Record::parse(line), &last) {
                (Ok(Record::Block(_)), None) => {}
                (Ok(line), None) => last = Some(line),
                _ => return Err(ReadError::File(ReadFailure::ReaderFailed)),
            }
        }
        size += whole.len() as u64;
        if size > DOCUMENT_BYTES {
            return Err(ReadError::File(ReadFailure::TooMuchText));
        }
        hasher.update(whole);
        sink.write(whole).await?;
        rest.drain(..end);
        if rest.len() > MAX_LINE {
            return Err(ReadError::File(ReadFailure::ReaderFailed));
        }
    }
    Ok(match last {
        Some(Record::Summary(summary)) => {
            let digest: [u8; 32] = hasher.finalize().into();
            let hash = digest.into();
            Received::Whole(summary, TextArtefact { hash, size })
        }
        Some(Record::Failure(failure)) => Received::Failed(failure),
        _ => Received::Broken,
    })
}

/// Reads to the end, so that the process never waits for a reader, and keeps the last bytes.
async fn read_stderr(mut pipe: impl AsyncRead + Unpin) -> String {
    let (mut piece, mut stderr) = (vec![0; MAX_STDERR], Vec::new());
    while let Ok(read) = pipe.read(&mut piece).await {
        if read == 0 {
            break;
        }
        stderr.extend_from_slice(&piece[..read]);
        let surplus = stderr.len().saturating_sub(MAX_STDERR);
        stderr.drain(..surplus);
    }
    String::from_utf8_lossy(&stderr).into_owned()
}

fn judge(read: Received, status: ExitStatus, stderr: &str) -> Result<DocumentText, ReadError> {
    tracing::debug!(%status, stderr, "child process that reads a file has ended");
    match read {
        Received::Whole(summary, text) if status.success() => Ok(DocumentText {
            text,
            warnings: summary.warnings,
            title: summary.title,
        }),
        Received::Failed(failure) => Err(ReadError::File(failure)),
        Received::Whole(..) | Received::Broken => {
            tracing::warn!(%status, stderr, "child process that reads a file ended early");
            let end = match status.signal() {
                Some(signal) => End::Signalled(signal),
                None => End::Exited(status.code().unwrap_or_default()),
            };
            Err(ReadError::File(failure_of(end, stderr)))
        }
    }
}
