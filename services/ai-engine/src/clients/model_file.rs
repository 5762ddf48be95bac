//! Downloads a model file. Ollama needs the digest before the upload, so the file is read twice and
//! needs no disk space here.

use futures_util::{Stream, TryStreamExt as _};
use reqwest::{Body, Client};
use sha2::{Digest as _, Sha256};

/// A model file at a URL.
#[derive(Debug, Clone)]
pub(crate) struct ModelFile {
    http: Client,
    url: String,
}

impl ModelFile {
    /// Follows redirects, since hosts of model files use them.
    pub(crate) fn new(url: &str) -> reqwest::Result<Self> {
        Ok(Self {
            http: Client::builder().build()?,
            url: url.to_owned(),
        })
    }

    /// Reads the file and computes its digest in hex.
    pub(crate) async fn sha256(&self) -> reqwest::Result<String> {
        let add = |mut hasher: Sha256, chunk: bytes::Bytes| async move {
            hasher.update(&chunk);
            Ok(hasher)
        };
        let hasher = self.read().await?.try_fold(Sha256::new(), add).await?;
        Ok(format!("{:x}", hasher.finalize()))
    }

    /// Reads the file as the body of an upload.
    pub(crate) async fn body(&self) -> reqwest::Result<Body> {
        Ok(Body::wrap_stream(self.read().await?))
    }

    async fn read(
        &self,
    ) -> reqwest::Result<impl Stream<Item = reqwest::Result<bytes::Bytes>> + Send + use<>> {
        let response = self.http.get(&self.url).send().await?;
        Ok(response.error_for_status()?.bytes_stream())
    }
}
