//! Where backups are: a folder of a volume, or a bucket of S3-compatible storage.

mod s3;
mod volume;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::error::{Code, Failure};
use crate::format::BackupName;
use crate::pieces::Piece;

pub use s3::{S3, S3Settings};
pub use volume::{Lock, Volume};

/// A stored object: a file of a volume, or an object of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its path, below the target.
    pub key: String,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last written.
    pub changed_at: Timestamp,
}

/// Why an upload did not end.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// Its source has ended without [`Piece::End`]: the source knows why.
    #[error("the source of an upload was interrupted")]
    Abandoned,
    /// The target has failed.
    #[error(transparent)]
    Target(#[from] Failure),
}

/// The place of backups.
#[derive(Debug)]
pub enum Target {
    /// A folder.
    Volume(Volume),
    /// A bucket.
    S3(Box<S3>),
}

impl Target {
    /// Takes the turn of this process to write, where others could write at the same time.
    pub fn lock(&self, platform: &str) -> Result<Option<Lock>, Failure> {
        match self {
            Self::Volume(volume) => volume.lock(platform).map(Some),
            Self::S3(_) => Ok(None),
        }
    }

    /// Whether [`Target::lock`] keeps all other writers out.
    pub const fn is_exclusive(&self) -> bool {
        matches!(self, Self::Volume(_))
    }

    /// All objects of a platform.
    pub async fn list(&self, platform: &str) -> Result<Vec<Object>, Failure> {
        match self {
            Self::Volume(volume) => volume.list(platform).await,
            Self::S3(bucket) => bucket.list(platform).await,
        }
    }

    /// A small object; none if there is none, and an error if it is longer than `most`.
    pub async fn read(&self, key: &str, most: u64) -> Result<Option<Bytes>, Failure> {
        match self {
            Self::Volume(volume) => volume.read(key, most).await,
            Self::S3(bucket) => bucket.read(key, most).await,
        }
    }

    /// Stores an object piece by piece. It is there when it is complete, and not before.
    pub async fn upload(
        &self,
        key: &str,
        pieces: mpsc::Receiver<Piece>,
    ) -> Result<(), UploadError> {
        match self {
            Self::Volume(volume) => volume.upload(key, pieces).await,
            Self::S3(bucket) => bucket.upload(key, pieces).await,
        }
    }

    /// Stores a small object.
    pub async fn write(&self, key: &str, content: Bytes) -> Result<(), Failure> {
        let (sender, receiver) = crate::pieces::channel();
        let sent = async {
            let _ = sender.send(Piece::Data(content)).await;
            let _ = sender.send(Piece::End).await;
        };
        let (uploaded, ()) = tokio::join!(self.upload(key, receiver), sent);
        uploaded.map_err(|error| match error {
            UploadError::Target(failure) => failure,
            UploadError::Abandoned => Failure::new(Code::Internal, error.to_string()),
        })
    }

    /// Sends an object piece by piece, for as long as there is a receiver.
    pub async fn download(&self, key: &str, pieces: mpsc::Sender<Piece>) -> Result<(), Failure> {
        match self {
            Self::Volume(volume) => volume.download(key, pieces).await,
            Self::S3(bucket) => bucket.download(key, pieces).await,
        }
    }

    /// Deletes an object; that there is none is fine.
    pub async fn delete(&self, key: &str) -> Result<(), Failure> {
        match self {
            Self::Volume(volume) => volume.delete(key).await,
            Self::S3(bucket) => bucket.delete(key).await,
        }
    }
}

/// The path of a file of a backup.
pub fn key(platform: &str, backup: &BackupName, file: &str) -> String {
    format!("{platform}/{backup}/{file}")
}

fn missing(key: &str) -> Failure {
    let detail = format!("{key}: the backup lacks this part");
    Failure::new(Code::BackupTruncated, detail)
}

fn too_long(key: &str) -> Failure {
    let detail = format!("{key} is longer than any that this program writes");
    Failure::new(Code::BackupForeign, detail)
}
