//! Files in a directory: `<root>/<tenant>/<sha256>`, and `<root>/.incoming` for files being
//! received. A marker there is an empty file named `<tenant>_<sha256>`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use shared_models::CreatorId;
use tokio::fs::{self, File};
use tokio::io::{AsyncWriteExt as _, BufWriter};
use uuid::Uuid;

use super::{FileStore, PendingUpload, StoredFile};
use crate::domain::content::ContentHash;

/// Bytes buffered between two writes to disk.
const BUFFER: usize = 256 * 1024;

/// A directory of files.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Files below that folder, which is created with the first file.
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn incoming(&self) -> PathBuf {
        self.root.join(".incoming")
    }

    fn marker(&self, creator: CreatorId, hash: ContentHash) -> PathBuf {
        self.incoming().join(format!("{creator}_{hash}"))
    }

    fn folder(&self, creator: CreatorId) -> PathBuf {
        self.root.join(creator.to_string())
    }

    fn place(&self, creator: CreatorId, hash: ContentHash) -> PathBuf {
        self.folder(creator).join(hash.to_string())
    }

    async fn create_part(&self) -> io::Result<PartFile> {
        fs::create_dir_all(self.incoming()).await?;
        let path = self.incoming().join(Uuid::new_v4().to_string());
        let file = File::options()
            .write(true)
            .create_new(true)
            .open(&path)
            .await?;
        let file = BufWriter::with_capacity(BUFFER, file);
        Ok(PartFile {
            file,
            path,
            store: self.clone(),
        })
    }

    async fn clear(&self, older_than: Duration) -> io::Result<Vec<(CreatorId, ContentHash)>> {
        let mut unconfirmed = Vec::new();
        let mut entries = match fs::read_dir(self.incoming()).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(unconfirmed),
            Err(error) => return Err(error),
        };
        while let Some(entry) = entries.next_entry().await? {
            // Another replica may have finished it in the meantime.
            let Ok(about) = entry.metadata().await else {
                continue;
            };
            let age = about.modified()?.elapsed().unwrap_or_default();
            if age < older_than {
                continue;
            }
            match marked(&entry.file_name().to_string_lossy()) {
                Some(file) => unconfirmed.push(file),
                None => absent_is_fine(fs::remove_file(entry.path()).await)?,
            }
        }
        Ok(unconfirmed)
    }
}

impl FileStore for Directory {
    fn begin(&self) -> BoxFuture<'_, io::Result<Box<dyn PendingUpload>>> {
        async { Ok(Box::new(self.create_part().await?) as Box<dyn PendingUpload>) }.boxed()
    }

    fn confirm(&self, creator: CreatorId, hash: ContentHash) -> BoxFuture<'_, io::Result<()>> {
        async move { absent_is_fine(fs::remove_file(self.marker(creator, hash)).await) }.boxed()
    }

    fn open(&self, creator: CreatorId, hash: ContentHash) -> BoxFuture<'_, io::Result<StoredFile>> {
        async move {
            let file = File::open(self.place(creator, hash)).await?;
            let size = file.metadata().await?.len();
            let content = Box::new(file);
            Ok(StoredFile { size, content })
        }
        .boxed()
    }

    fn read(&self, creator: CreatorId, hash: ContentHash) -> BoxFuture<'_, io::Result<Vec<u8>>> {
        fs::read(self.place(creator, hash)).boxed()
    }

    fn remove(&self, creator: CreatorId, hash: ContentHash) -> BoxFuture<'_, io::Result<()>> {
        async move {
            absent_is_fine(fs::remove_file(self.place(creator, hash)).await)?;
            // Remove the folder with its last file; a folder that is not empty stays.
            let _ = fs::remove_dir(self.folder(creator)).await;
            Ok(())
        }
        .boxed()
    }

    fn erase(&self, creator: CreatorId) -> BoxFuture<'_, io::Result<u64>> {
        async move {
            // Names begin with the tenant's id in one folder and are hashes in the other.
            let marks = clear_names(&self.incoming(), &format!("{creator}_")).await?;
            let files = clear_names(&self.folder(creator), "").await?;
            match fs::remove_dir(self.folder(creator)).await {
                // A concurrent upload has just put its file there.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                result => absent_is_fine(result)?,
            }
            Ok(marks + files)
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, io::Result<()>> {
        async {
            let mut probe = self.create_part().await?;
            probe.file.write_all(b"x").await?;
            probe.file.flush().await
        }
        .boxed()
    }

    fn sweep(
        &self,
        older_than: Duration,
    ) -> BoxFuture<'_, io::Result<Vec<(CreatorId, ContentHash)>>> {
        self.clear(older_than).boxed()
    }
}

/// A file that is being received.
struct PartFile {
    file: BufWriter<File>,
    path: PathBuf,
    store: Directory,
}

impl PendingUpload for PartFile {
    fn write<'a>(&'a mut self, chunk: &'a [u8]) -> BoxFuture<'a, io::Result<()>> {
        self.file.write_all(chunk).boxed()
    }

    fn finish(&mut self) -> BoxFuture<'_, io::Result<()>> {
        async {
            self.file.flush().await?;
            self.file.get_ref().sync_all().await
        }
        .boxed()
    }

    fn promote(
        self: Box<Self>,
        creator: CreatorId,
        hash: ContentHash,
    ) -> BoxFuture<'static, io::Result<()>> {
        async move {
            let (store, folder) = (&self.store, self.store.folder(creator));
            File::create(store.marker(creator, hash)).await?;
            sync(&store.incoming()).await?;
            fs::create_dir_all(&folder).await?;
            fs::rename(&self.path, store.place(creator, hash)).await?;
            sync(&folder).await?;
            sync(&store.root).await
        }
        .boxed()
    }
}

/// Removes an interrupted upload; a promoted file has left this path.
impl Drop for PartFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A new name in a folder is durable only after the folder itself is flushed.
async fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder).await?.sync_all().await
}

fn marked(name: &str) -> Option<(CreatorId, ContentHash)> {
    let (creator, hash) = name.split_once('_')?;
    Some((creator.parse().ok()?, hash.parse().ok()?))
}

/// Removes the files of a folder whose names have that prefix, and counts them.
async fn clear_names(folder: &Path, start: &str) -> io::Result<u64> {
    let mut entries = match fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut cleared = 0;
    while let Some(entry) = entries.next_entry().await? {
        if entry.file_name().to_string_lossy().starts_with(start) {
            absent_is_fine(fs::remove_file(entry.path()).await)?;
            cleared += 1;
        }
    }
    Ok(cleared)
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests;
