//! Reads the text of a document from creator-hub, one range of bytes at a time.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use shared_ai_client::TextArtefact;
use shared_config::Service;
use shared_hub_client::{HubClient, HubError};
use shared_models::limits::TEXT_WINDOW_BYTES;
use shared_models::{CreatorId, DocumentId, Retry};

use crate::app::index::ingest_error::IngestError;

/// Between attempts to read on after a broken connection, while none brings a byte.
const RETRY_BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(200))
    .with_max_times(4);

/// A text that is read piece by piece.
pub(crate) trait TextSource: Send {
    /// The length of the whole text in bytes.
    fn size(&self) -> u64;

    /// The next piece; none at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, IngestError>> + Send;
}

/// The text that creator-hub stores of a document. Each piece is one request, so that no connection
/// is open while the piece before it is embedded.
pub(crate) struct StoredText {
    hub: HubClient,
    tenant: CreatorId,
    document: DocumentId,
    text: TextArtefact,
    offset: u64,
    hasher: Sha256,
}

impl StoredText {
    pub(crate) fn new(
        hub: HubClient,
        tenant: CreatorId,
        document: DocumentId,
        text: TextArtefact,
    ) -> Self {
        Self {
            hub,
            tenant,
            document,
            text,
            offset: 0,
            hasher: Sha256::new(),
        }
    }

    /// Reads the bytes up to `end`. After a broken connection it goes on where it stopped.
    async fn read_to(&mut self, end: u64) -> Result<Bytes, HubError> {
        let mut read = BytesMut::new();
        let mut waits = RETRY_BACKOFF.build();
        while self.offset < end {
            let before = self.offset;
            let error = match self.read_range(end, &mut read).await {
                Ok(()) if self.offset == end => break,
                Ok(()) => HubError::malformed(Service::CreatorHub, &"the range ended early"),
                Err(error) => error,
            };
            if self.offset > before {
                waits = RETRY_BACKOFF.build();
            }
            let wait = waits.next().filter(|_| error.retry() != Retry::Never);
            let Some(wait) = wait else {
                return Err(error);
            };
            tracing::debug!(%error, offset = self.offset, "reading of a text resumes");
            tokio::time::sleep(wait).await;
        }
        Ok(read.freeze())
    }

    async fn read_range(&mut self, end: u64, read: &mut BytesMut) -> Result<(), HubError> {
        let (tenant, document, hash) = (self.tenant, self.document, self.text.hash);
        let range = self.hub.read_text(tenant, document, hash, self.offset, end);
        let mut range = range.await?;
        while let Some(chunk) = range.next().await {
            let chunk = chunk?;
            // A server that sends more than was asked for must not fill the memory.
            let rest = usize::try_from(end - self.offset).unwrap_or(usize::MAX);
            let chunk = chunk.slice(..chunk.len().min(rest));
            self.offset += chunk.len() as u64;
            self.hasher.update(&chunk);
            read.extend_from_slice(&chunk);
            if self.offset == end {
                break;
            }
        }
        Ok(())
    }
}

impl TextSource for StoredText {
    fn size(&self) -> u64 {
        self.text.size
    }

    async fn next(&mut self) -> Result<Option<Bytes>, IngestError> {
        let size = self.text.size;
        if self.offset < size {
            let end = size.min(self.offset + TEXT_WINDOW_BYTES);
            return Ok(Some(self.read_to(end).await?));
        }
        let digest: [u8; 32] = self.hasher.clone().finalize().into();
        if self.text.hash == digest.into() {
            Ok(None)
        } else {
            Err(IngestError::TextDamaged)
        }
    }
}
