//! Downloads a model file and learns its digest on the way, since Ollama asks for it in advance.

use std::path::PathBuf;

use futures_util::StreamExt as _;
use reqwest::Client;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

/// What a download can end in.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The address does not answer, or answers with a failure.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// The file cannot be kept. The Job needs a writable temporary folder.
    #[error("{}: {cause}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
}

/// A downloaded file; removed when dropped.
#[derive(Debug)]
pub struct Downloaded {
    /// Where it lies.
    pub path: PathBuf,
    /// Its digest in hex.
    pub sha256: String,
}

impl Drop for Downloaded {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Downloads into the temporary folder.
pub async fn download(model: &str, url: &str) -> Result<Downloaded, DownloadError> {
    tracing::info!(model, "downloading");
    let response = Client::builder().build()?.get(url).send().await?;
    let mut body = response.error_for_status()?.bytes_stream();
    let name = format!("model-{}.gguf", uuid::Uuid::new_v4().simple());
    let mut downloaded = Downloaded {
        path: std::env::temp_dir().join(name),
        sha256: String::new(),
    };
    let path = downloaded.path.clone();
    let failed = |cause| DownloadError::File {
        path: path.clone(),
        cause,
    };
    let mut file = File::create(&path).await.map_err(failed)?;
    let mut hasher = Sha256::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        hasher.update(&chunk);
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    let hex = |byte: &u8| format!("{byte:02x}");
    downloaded.sha256 = hasher.finalize().iter().map(hex).collect();
    Ok(downloaded)
}
