//! Where uploaded files are kept. A directory now; the trait is what another store has to offer.

mod directory;

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use futures_util::future::BoxFuture;
use shared_models::CreatorId;
use tokio::io::AsyncRead;

use crate::domain::content::ContentHash;

pub(crate) use directory::Directory;

/// The name of the file store in `/readyz` and in failures.
pub(crate) const NAME: &str = "files";

/// Files, each under its creator and named by its content.
///
/// A file is put in place before the row that speaks of it is committed. In between it is marked
/// as unsettled, so that a process that dies there leaves something that can be found and cleared.
pub(crate) trait FileStore: Debug + Send + Sync {
    /// Begins to take in a file.
    fn begin(&self) -> BoxFuture<'_, io::Result<Box<dyn Incoming>>>;

    /// Removes the mark of an unsettled file: its row is there, or the file is gone.
    fn settle(&self, creator: CreatorId, hash: ContentHash) -> BoxFuture<'_, io::Result<()>>;

    /// Opens a file to read it piece by piece.
    fn open(&self, creator: CreatorId, hash: ContentHash) -> BoxFuture<'_, io::Result<StoredFile>>;

    /// Reads a whole file into memory.
    fn read(&self, creator: CreatorId, hash: ContentHash) -> BoxFuture<'_, io::Result<Vec<u8>>>;

    /// Removes a file; one that is not there is success.
    fn remove(&self, creator: CreatorId, hash: ContentHash) -> BoxFuture<'_, io::Result<()>>;

    /// Removes every file of a creator, and says how many there were.
    fn erase(&self, creator: CreatorId) -> BoxFuture<'_, io::Result<u64>>;

    /// Whether files can be written.
    fn check(&self) -> BoxFuture<'_, io::Result<()>>;

    /// Removes uploads that broke off that long ago, and names the files that were left unsettled.
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

/// A file that is being taken in; dropped, it leaves nothing.
pub(crate) trait Incoming: Send {
    /// Appends.
    fn write<'a>(&'a mut self, chunk: &'a [u8]) -> BoxFuture<'a, io::Result<()>>;

    /// Makes what was written last. Slow, hence apart from [`Incoming::keep`].
    fn finish(&mut self) -> BoxFuture<'_, io::Result<()>>;

    /// Puts the file in its place, marked as unsettled.
    fn keep(
        self: Box<Self>,
        creator: CreatorId,
        hash: ContentHash,
    ) -> BoxFuture<'static, io::Result<()>>;
}
