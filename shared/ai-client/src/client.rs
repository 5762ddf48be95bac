//! ai-engine's endpoints, as the other services call them.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use reqwest::{Client, Method};
use shared_config::Service;
use shared_models::{CreatorId, DocumentId, VisitorId};
use shared_rpc::{RpcClient, RpcError, TokenSource, lines, sse};

use crate::access::SetDocumentAccess;
use crate::answer::{AnswerEvent, Question, VISITOR};
use crate::qa::QaPairChanges;
use crate::search::{SearchRequest, SearchResults};

/// Longest wait for a search.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(10);

/// What a call can end in.
pub type AiError = RpcError;

/// A stream of events.
pub type Events<T> = Pin<Box<dyn Stream<Item = Result<T, AiError>> + Send>>;

/// Calls ai-engine on behalf of a tenant.
#[derive(Debug, Clone)]
pub struct AiClient(RpcClient);

impl AiClient {
    /// A client of the ai-engine at that base URL.
    pub fn new(base_url: &str, http: Client, tokens: Arc<dyn TokenSource>) -> Self {
        Self(RpcClient::new(Service::AiEngine, base_url, http, tokens))
    }

    /// Deletes a document's text and vectors from the index. Idempotent.
    pub async fn delete_from_index(
        &self,
        tenant: CreatorId,
        document: DocumentId,
    ) -> Result<(), AiError> {
        let path = format!("/internal/v1/documents/{document}");
        let request = self.0.request(Method::DELETE, &path, Some(tenant))?;
        self.0.send(request).await.map(|_| ())
    }

    /// Applies who may see documents. Idempotent.
    pub async fn set_document_access(
        &self,
        tenant: CreatorId,
        access: &SetDocumentAccess,
    ) -> Result<(), AiError> {
        let path = "/internal/v1/document-access";
        let request = self.0.request(Method::PUT, path, Some(tenant))?;
        self.0.send(request.json(access)).await.map(|_| ())
    }

    /// Applies changes of question-and-answer pairs. Idempotent.
    pub async fn set_qa_pairs(
        &self,
        tenant: CreatorId,
        changes: &QaPairChanges,
    ) -> Result<(), AiError> {
        let path = "/internal/v1/qa-pairs";
        let request = self.0.request(Method::PUT, path, Some(tenant))?;
        self.0.send(request.json(changes)).await.map(|_| ())
    }

    /// Asks a question of a visitor; dropping the stream stops the model.
    pub async fn answer(
        &self,
        tenant: CreatorId,
        visitor: VisitorId,
        question: &Question,
    ) -> Result<Events<AnswerEvent>, AiError> {
        let request = self.0.request(Method::POST, "/v1/answers", Some(tenant))?;
        let request = request.header(VISITOR, visitor.to_string());
        let response = self.0.send(request.json(question)).await?;
        let lines = Box::pin(lines(response.bytes_stream()));
        let events = sse::events(lines).map(|event| {
            let event = event.map_err(|error| malformed(&error))?;
            let tagged = format!(r#"{{"event":"{}","data":{}}}"#, event.name, event.data);
            serde_json::from_str(&tagged).map_err(|error| malformed(&error))
        });
        Ok(Box::pin(events))
    }

    /// Searches a tenant's knowledge.
    pub async fn search(
        &self,
        tenant: CreatorId,
        search: &SearchRequest,
    ) -> Result<SearchResults, AiError> {
        let request = self.0.request(Method::POST, "/v1/search", Some(tenant))?;
        self.0
            .fetch(request.json(search).timeout(SEARCH_TIMEOUT))
            .await
    }
}

fn malformed(cause: &impl ToString) -> AiError {
    AiError::malformed(Service::AiEngine, cause)
}
