//! creator-hub's internal endpoints, as the other services call them.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderName, StatusCode, header};
use reqwest::{Client, Method};
use shared_config::Service;
use shared_models::{CollectionId, ContentHash, CreatorId, DocumentId};
use shared_rpc::{RpcClient, RpcError, TokenSource};

/// The route of a document's text, below creator-hub's prefix. The hash is that of the text: a text
/// that was extracted again has another route.
pub const TEXT_ROUTE: &str = "/internal/v1/documents/{id}/texts/{hash}";

/// The route of the original file of a document that visitors may open, below creator-hub's prefix.
/// The query may name `collections`, separated by commas: the document must be in one of them.
pub const ORIGINAL_ROUTE: &str = "/internal/v1/documents/{id}/original";

/// Longest time for one range of a text.
const RANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a call can end in.
pub type HubError = RpcError;

/// The bytes of a range, as they arrive. A broken connection is an error after the bytes that
/// arrived before it.
pub type TextRange = Pin<Box<dyn Stream<Item = Result<Bytes, HubError>> + Send>>;

/// The original file of a document, as it is sent to a browser.
pub struct Original {
    /// `Content-Type`, `Content-Disposition`, `Content-Length` and what protects the browser.
    pub headers: HeaderMap,
    /// The bytes, as they arrive.
    pub content: TextRange,
}

/// The headers of an original file that are passed on.
const ORIGINAL_HEADERS: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LENGTH,
    header::CONTENT_SECURITY_POLICY,
    header::X_CONTENT_TYPE_OPTIONS,
];

/// Calls creator-hub on behalf of a tenant.
#[derive(Debug, Clone)]
pub struct HubClient(RpcClient);

impl HubClient {
    /// A client of the creator-hub at that base URL.
    pub fn new(base_url: &str, http: Client, tokens: Arc<dyn TokenSource>) -> Self {
        Self(RpcClient::new(Service::CreatorHub, base_url, http, tokens))
    }

    /// Reads the bytes from `start` up to and without `end` of a document's text.
    pub async fn read_text(
        &self,
        tenant: CreatorId,
        document: DocumentId,
        hash: ContentHash,
        start: u64,
        end: u64,
    ) -> Result<TextRange, HubError> {
        let path = TEXT_ROUTE
            .replace("{id}", &document.to_string())
            .replace("{hash}", &hash.to_string());
        let range = format!("bytes={start}-{}", end.saturating_sub(1));
        let request = self.0.request(Method::GET, &path, Some(tenant))?;
        let request = request.header(header::RANGE, range).timeout(RANGE_TIMEOUT);
        let response = self.0.send(request).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            let cause = format!("status {} instead of 206", response.status());
            return Err(RpcError::malformed(Service::CreatorHub, &cause));
        }
        Ok(bytes(response))
    }

    /// Opens the original file of a document that visitors may open. Refused with 404 if it is not
    /// public, or in none of the collections if there are any.
    pub async fn open_original(
        &self,
        tenant: CreatorId,
        document: DocumentId,
        collections: &[CollectionId],
    ) -> Result<Original, HubError> {
        let path = ORIGINAL_ROUTE.replace("{id}", &document.to_string());
        let collections: Vec<String> = collections.iter().map(ToString::to_string).collect();
        let request = self.0.request(Method::GET, &path, Some(tenant))?;
        let request = request.query(&[("collections", collections.join(","))]);
        let response = self.0.send(request).await?;
        let headers = ORIGINAL_HEADERS.into_iter().filter_map(|name| {
            let value = response.headers().get(&name)?.clone();
            Some((name, value))
        });
        Ok(Original {
            headers: headers.collect(),
            content: bytes(response),
        })
    }
}

/// The bytes of a response, as they arrive.
fn bytes(response: reqwest::Response) -> TextRange {
    let chunk = |chunk: Result<Bytes, reqwest::Error>| {
        chunk.map_err(|cause| RpcError::transport(Service::CreatorHub, &cause))
    };
    Box::pin(response.bytes_stream().map(chunk))
}
