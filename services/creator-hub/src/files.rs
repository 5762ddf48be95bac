//! The store of uploaded files: a trait, implemented by a directory.

mod directory;

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use futures_util::future::BoxFuture;
use shared_models::CreatorId;
use tokio::io::AsyncRead;

use crate::domain::content::ContentHash;

pub(crate) use directory::Directory;

/// The name of the file store in `/readyz` and in errors.
pub(crate) const NAME: &str = "files";

/// Files, each under its tenant and named by the hash of its content.
///
/// A file is put in its place before its row is committed. In between it has an unconfirmed marker,
/// so that the file can be found and removed if the process dies there.
pub(crate) trait FileStore: Debug + Send + Sync {
    /// Begins to receive a file.
    fn begin(&self) -> BoxFuture<'_, io::Result<Box<dyn PendingUpload>>>;

    /// Removes the marker of a file whose row is committed, or that was removed.
    fn confirm(&self, creator: CreatorId, hash: ContentHash) -> BoxFuture<'_, io::Result<()>>;

    /// Opens a file to read it piece by piece.
    fn open(&self, creator: CreatorId, hash: ContentHash) -> BoxFuture<'_, io::Result<StoredFile>>;

    /// Reads a whole file into memory.
    fn read(&self, creator: CreatorId, hash: ContentHash) -> BoxFuture<'_, io::Result<Vec<u8>>>;

    /// Removes a file. Idempotent.
    fn remove(&self, creator: CreatorId, hash: ContentHash) -> BoxFuture<'_, io::Result<()>>;

    /// Removes all files of a tenant and returns their number.
    fn erase(&self, creator: CreatorId) -> BoxFuture<'_, io::Result<u64>>;

    /// Whether files can be written.
    fn check(&self) -> BoxFuture<'_, io::Result<()>>;

    /// Removes uploads interrupted that long ago, and returns the files that are still unconfirmed.
    fn sweep(
        &self,
        older_than: Duration,
    ) -> BoxFuture<'_, io::Result<Vec<(CreatorId, ContentHash)>>>;
}

/// A file that is open for reading.
pub(crate) struct StoredFile {
    /// Its length in bytes.
    pub(crate) size: u64,
    /// Its bytes, read as they are asked for.
    pub(crate) content: Box<dyn AsyncRead + Send + Unpin>,
}

/// A file that is being received; it is removed when dropped.
pub(crate) trait PendingUpload: Send {
    /// Appends.
    fn write<'a>(&'a mut self, chunk: &'a [u8]) -> BoxFuture<'a, io::Result<()>>;

    /// Flushes the file to disk. Slow, so it is separate from [`PendingUpload::promote`].
    fn finish(&mut self) -> BoxFuture<'_, io::Result<()>>;

    /// Moves the file to its place, with an unconfirmed marker.
    fn promote(
        self: Box<Self>,
        creator: CreatorId,
        hash: ContentHash,
    ) -> BoxFuture<'static, io::Result<()>>;
}
