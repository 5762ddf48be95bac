//! What a store of files can do.

use std::fmt::Debug;
use std::time::Duration;

use futures_util::future::BoxFuture;
use shared_models::CreatorId;
use tokio::io::AsyncRead;

use crate::error::BlobError;
use crate::key::BlobKey;

/// Files of tenants.
///
/// A file is put in its place before its row is committed. In between it has an unconfirmed marker,
/// so that the file can be found and removed if the process dies there.
pub trait BlobStore: Debug + Send + Sync {
    /// Begins to write a file, whose key may be unknown until it is complete.
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn PendingBlob>, BlobError>>;

    /// Removes the marker of a file whose row is committed, or that was removed.
    fn confirm(&self, key: BlobKey) -> BoxFuture<'_, Result<(), BlobError>>;

    /// Marks a file that is in its place as unconfirmed again, because its last row is about to be
    /// deleted: the sweep finds out whether it is still used.
    fn unconfirm(&self, key: BlobKey) -> BoxFuture<'_, Result<(), BlobError>>;

    /// Opens a file at an offset, to read it piece by piece.
    fn open(&self, key: BlobKey, offset: u64) -> BoxFuture<'_, Result<OpenBlob, BlobError>>;

    /// Opens a file so that another process can be given it.
    fn file(&self, key: BlobKey) -> BoxFuture<'_, Result<std::fs::File, BlobError>>;

    /// The length of a file in bytes.
    fn size(&self, key: BlobKey) -> BoxFuture<'_, Result<u64, BlobError>>;

    /// Removes a file. Idempotent.
    fn remove(&self, key: BlobKey) -> BoxFuture<'_, Result<(), BlobError>>;

    /// Removes all files of a tenant and returns their number.
    fn erase(&self, tenant: CreatorId) -> BoxFuture<'_, Result<u64, BlobError>>;

    /// Whether files can be written.
    fn check(&self) -> BoxFuture<'_, Result<(), BlobError>>;

    /// Removes files whose writing was interrupted that long ago, and returns the complete ones
    /// that are still unconfirmed.
    fn sweep(&self, older_than: Duration) -> BoxFuture<'_, Result<Vec<BlobKey>, BlobError>>;
}

/// A file that is open for reading.
pub struct OpenBlob {
    /// The length of the whole file in bytes.
    pub size: u64,
    /// Its bytes from the offset on, read as they are asked for.
    pub content: Box<dyn AsyncRead + Send + Unpin>,
}

/// A file that is being written; it is removed when dropped.
pub trait PendingBlob: Send {
    /// Appends.
    fn write<'a>(&'a mut self, chunk: &'a [u8]) -> BoxFuture<'a, Result<(), BlobError>>;

    /// Flushes the file to disk. Slow, so it is separate from [`PendingBlob::promote`].
    fn finish(&mut self) -> BoxFuture<'_, Result<(), BlobError>>;

    /// Moves the file to its place, with an unconfirmed marker. A file that is there is replaced;
    /// a reader that has it open reads the old one to its end.
    fn promote(self: Box<Self>, key: BlobKey) -> BoxFuture<'static, Result<(), BlobError>>;
}
