//! Files in a directory: `<root>/<tenant>/<name>`, and `<root>/.incoming` for files being written.
//! A marker there is an empty file named `<tenant>_<name>`.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use shared_models::CreatorId;
use tokio::fs::{self, File};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _, BufWriter};
use uuid::Uuid;

use crate::error::BlobError;
use crate::key::BlobKey;
use crate::store::{BlobStore, OpenBlob, PendingBlob};

/// Bytes buffered between two writes to disk.
const BUFFER: usize = 256 * 1024;

/// A directory of files.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Files below that folder, which is created with the first file.
    pub const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn incoming(&self) -> PathBuf {
        self.root.join(".incoming")
    }

    fn marker(&self, key: BlobKey) -> PathBuf {
        let BlobKey { tenant, name } = key;
        self.incoming().join(format!("{tenant}_{name}"))
    }

    fn folder(&self, tenant: CreatorId) -> PathBuf {
        self.root.join(tenant.to_string())
    }

    fn place(&self, key: BlobKey) -> PathBuf {
        self.folder(key.tenant).join(key.name.to_string())
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

    async fn clear(&self, older_than: Duration) -> io::Result<Vec<BlobKey>> {
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
                Some(key) => unconfirmed.push(key),
                None => absent_is_fine(fs::remove_file(entry.path()).await)?,
            }
        }
        Ok(unconfirmed)
    }

    async fn erase_tenant(&self, tenant: CreatorId) -> io::Result<u64> {
        // Names begin with the tenant's id in one folder and with anything in the other.
        let marks = clear_names(&self.incoming(), &format!("{tenant}_")).await?;
        let files = clear_names(&self.folder(tenant), "").await?;
        match fs::remove_dir(self.folder(tenant)).await {
            // A concurrent upload has just put its file there.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            result => absent_is_fine(result)?,
        }
        Ok(marks + files)
    }
}

impl BlobStore for Directory {
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn PendingBlob>, BlobError>> {
        async { Ok(Box::new(self.create_part().await?) as Box<dyn PendingBlob>) }.boxed()
    }

    fn confirm(&self, key: BlobKey) -> BoxFuture<'_, Result<(), BlobError>> {
        async move { Ok(absent_is_fine(fs::remove_file(self.marker(key)).await)?) }.boxed()
    }

    fn unconfirm(&self, key: BlobKey) -> BoxFuture<'_, Result<(), BlobError>> {
        async move {
            fs::create_dir_all(self.incoming()).await?;
            File::create(self.marker(key)).await?;
            Ok(sync(&self.incoming()).await?)
        }
        .boxed()
    }

    fn open(&self, key: BlobKey, offset: u64) -> BoxFuture<'_, Result<OpenBlob, BlobError>> {
        async move {
            let mut file = File::open(self.place(key)).await?;
            let size = file.metadata().await?.len();
            file.seek(SeekFrom::Start(offset)).await?;
            let content = Box::new(file);
            Ok(OpenBlob { size, content })
        }
        .boxed()
    }

    fn file(&self, key: BlobKey) -> BoxFuture<'_, Result<std::fs::File, BlobError>> {
        async move { Ok(File::open(self.place(key)).await?.into_std().await) }.boxed()
    }

    fn size(&self, key: BlobKey) -> BoxFuture<'_, Result<u64, BlobError>> {
        async move { Ok(fs::metadata(self.place(key)).await?.len()) }.boxed()
    }

    fn remove(&self, key: BlobKey) -> BoxFuture<'_, Result<(), BlobError>> {
        async move {
            absent_is_fine(fs::remove_file(self.place(key)).await)?;
            // Remove the folder with its last file; a folder that is not empty stays.
            let _ = fs::remove_dir(self.folder(key.tenant)).await;
            Ok(())
        }
        .boxed()
    }

    fn erase(&self, tenant: CreatorId) -> BoxFuture<'_, Result<u64, BlobError>> {
        async move { Ok(self.erase_tenant(tenant).await?) }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), BlobError>> {
        async {
            let mut probe = self.create_part().await?;
            probe.file.write_all(b"x").await?;
            Ok(probe.file.flush().await?)
        }
        .boxed()
    }

    fn sweep(&self, older_than: Duration) -> BoxFuture<'_, Result<Vec<BlobKey>, BlobError>> {
        async move { Ok(self.clear(older_than).await?) }.boxed()
    }
}

/// A file that is being written.
struct PartFile {
    file: BufWriter<File>,
    path: PathBuf,
    store: Directory,
}

impl PendingBlob for PartFile {
    fn write<'a>(&'a mut self, chunk: &'a [u8]) -> BoxFuture<'a, Result<(), BlobError>> {
        async { Ok(self.file.write_all(chunk).await?) }.boxed()
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<(), BlobError>> {
        async {
            self.file.flush().await?;
            Ok(self.file.get_ref().sync_all().await?)
        }
        .boxed()
    }

    fn promote(self: Box<Self>, key: BlobKey) -> BoxFuture<'static, Result<(), BlobError>> {
        async move {
            let (store, folder) = (&self.store, self.store.folder(key.tenant));
            File::create(store.marker(key)).await?;
            sync(&store.incoming()).await?;
            fs::create_dir_all(&folder).await?;
            fs::rename(&self.path, store.place(key)).await?;
            sync(&folder).await?;
            Ok(sync(&store.root).await?)
        }
        .boxed()
    }
}

/// Removes an interrupted file; a promoted one has left this path.
impl Drop for PartFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A new name in a folder is durable only after the folder itself is flushed.
async fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder).await?.sync_all().await
}

fn marked(name: &str) -> Option<BlobKey> {
    let (tenant, name) = name.split_once('_')?;
    let (tenant, name) = (tenant.parse().ok()?, name.parse().ok()?);
    Some(BlobKey { tenant, name })
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
