//! Backups in a folder of a volume.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::fs;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::{Object, UploadError, missing, too_long};
use crate::error::{Code, Failure};
use crate::pieces::Piece;

/// Bytes that are read at a time.
const BUFFER: usize = 256 * 1024;
/// The end of the name of a file that is being written.
const UNFINISHED: &str = ".part";
/// The file that the process locks which writes.
const LOCK_FILE: &str = ".lock";

/// A folder of backups.
#[derive(Debug)]
pub struct Volume {
    root: PathBuf,
}

/// The turn of this process to write; it ends with the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Volume {
    /// Backups in that folder.
    pub const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn lock(&self, platform: &str) -> Result<Lock, Failure> {
        let folder = self.root.join(platform);
        let failed = |error: io::Error| Failure::of_target(&folder.display().to_string(), &error);
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let path = folder.join(LOCK_FILE);
        let options = File::options().create(true).append(true).open(path);
        let file = options.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Failure::new(
                Code::BackupRunning,
                "another backup is being written to this volume",
            )),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    pub(super) async fn list(&self, platform: &str) -> Result<Vec<Object>, Failure> {
        let mut objects = Vec::new();
        let folder = self.root.join(platform);
        for backup in entries(&folder).await? {
            let path = folder.join(&backup);
            if !path.is_dir() {
                continue;
            }
            for file in entries(&path).await? {
                let about = fs::metadata(path.join(&file)).await;
                let about = about.map_err(|error| Failure::of_target(&file, &error))?;
                let changed = about.modified().ok();
                let changed = changed.and_then(|time| Timestamp::try_from(time).ok());
                objects.push(Object {
                    key: format!("{platform}/{backup}/{file}"),
                    size: about.len(),
                    changed_at: changed.unwrap_or_default(),
                });
            }
        }
        Ok(objects)
    }

    pub(super) async fn read(&self, key: &str, most: u64) -> Result<Option<Bytes>, Failure> {
        let failed = |error: io::Error| Failure::of_target(key, &error);
        let file = match fs::File::open(self.root.join(key)).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut content = Vec::new();
        let read = file.take(most + 1).read_to_end(&mut content).await;
        read.map_err(failed)?;
        if content.len() as u64 > most {
            return Err(too_long(key));
        }
        Ok(Some(content.into()))
    }

    pub(super) async fn upload(
        &self,
        key: &str,
        pieces: mpsc::Receiver<Piece>,
    ) -> Result<(), UploadError> {
        let path = self.root.join(key);
        let unfinished = self.root.join(format!("{key}{UNFINISHED}"));
        let folder = path.parent().unwrap_or(&self.root);
        let stored = store(key, &path, &unfinished, folder, pieces).await;
        if stored.is_err() {
            let _ = fs::remove_file(&unfinished).await;
            let _ = fs::remove_dir(folder).await;
        }
        stored
    }

    pub(super) async fn download(
        &self,
        key: &str,
        pieces: mpsc::Sender<Piece>,
    ) -> Result<(), Failure> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => missing(key),
            _ => Failure::of_target(key, &error),
        };
        let mut file = fs::File::open(self.root.join(key)).await.map_err(failed)?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let length = file.read(&mut buffer).await.map_err(failed)?;
            let piece = match length {
                0 => Piece::End,
                _ => Piece::Data(Bytes::copy_from_slice(&buffer[..length])),
            };
            if pieces.send(piece).await.is_err() || length == 0 {
                return Ok(());
            }
        }
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), Failure> {
        let path = self.root.join(key);
        match fs::remove_file(&path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::of_target(key, &error))
            }
            _ => {
                // The folder goes with its last file.
                if let Some(folder) = path.parent() {
                    let _ = fs::remove_dir(folder).await;
                }
                Ok(())
            }
        }
    }
}

/// Writes a file, and gives it its name when it is on disk.
async fn store(
    key: &str,
    path: &Path,
    unfinished: &Path,
    folder: &Path,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<(), UploadError> {
    let failed = |error: io::Error| UploadError::Target(Failure::of_target(key, &error));
    fs::create_dir_all(folder).await.map_err(failed)?;
    let mut file = fs::File::create(unfinished).await.map_err(failed)?;
    loop {
        match pieces.recv().await {
            Some(Piece::Data(bytes)) => file.write_all(&bytes).await.map_err(failed)?,
            Some(Piece::End) => break,
            None => return Err(UploadError::Abandoned),
        }
    }
    file.flush().await.map_err(failed)?;
    file.sync_all().await.map_err(failed)?;
    fs::rename(unfinished, path).await.map_err(failed)?;
    sync(folder).await.map_err(failed)?;
    sync(folder.parent().unwrap_or(folder))
        .await
        .map_err(failed)
}

/// Names in a folder, sorted; none if there is no folder.
async fn entries(folder: &Path) -> Result<Vec<String>, Failure> {
    let failed = |error: io::Error| Failure::of_target(&folder.display().to_string(), &error);
    let mut reading = match fs::read_dir(folder).await {
        Ok(reading) => reading,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    while let Some(entry) = reading.next_entry().await.map_err(failed)? {
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// A new name in a folder is durable only after the folder itself is flushed.
async fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder).await?.sync_all().await
}
