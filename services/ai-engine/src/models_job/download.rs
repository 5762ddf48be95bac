//! Hands a model file from an address to Ollama, which asks for its digest in advance: so the file
//! is read twice, and needs no disk of ours.

use futures_util::{Stream, TryStreamExt as _};
use reqwest::{Body, Client};
use sha2::{Digest as _, Sha256};

/// A file at an address.
#[derive(Debug, Clone)]
pub struct Remote {
    http: Client,
    url: String,
}

impl Remote {
    /// The file at that address; redirects are followed, as file hosts ask for it.
    pub fn at(url: &str) -> reqwest::Result<Self> {
        Ok(Self {
            http: Client::builder().build()?,
            url: url.to_owned(),
        })
    }

    /// Reads the file for its digest, in hex.
    pub async fn sha256(&self) -> reqwest::Result<String> {
        let add = |mut hasher: Sha256, chunk: bytes::Bytes| async move {
            hasher.update(&chunk);
            Ok(hasher)
        };
        let hasher = self.read().await?.try_fold(Sha256::new(), add).await?;
        Ok(format!("{:x}", hasher.finalize()))
    }

    /// Reads the file as the body of an upload.
    pub async fn body(&self) -> reqwest::Result<Body> {
        Ok(Body::wrap_stream(self.read().await?))
    }

    async fn read(
        &self,
    ) -> reqwest::Result<impl Stream<Item = reqwest::Result<bytes::Bytes>> + Send + use<>> {
        let response = self.http.get(&self.url).send().await?;
        Ok(response.error_for_status()?.bytes_stream())
    }
}
