//! The calls that other services make.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use shared_config::Service;
use shared_models::DocumentId;

use crate::answer::{AnswerEvent, Question};
use crate::ingestion::{IngestionEvent, NewIngestion};
use crate::lines::lines;
use crate::search::{SearchRequest, SearchResults};

/// What a call can end in.
#[derive(Debug, thiserror::Error)]
pub enum AiError {
    /// ai-engine, or what it needs, does not answer; try again later.
    #[error("{dependency} is not available: {cause}")]
    Unavailable {
        /// Which of them.
        dependency: String,
        /// What was heard.
        cause: String,
    },
    /// ai-engine refused the request.
    #[error("ai-engine refused the request: {code}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stable word of the problem document.
        code: String,
        /// What went wrong, for a person.
        detail: String,
    },
    /// The stream broke or held something unknown.
    #[error("the answer of ai-engine broke off: {0}")]
    Broken(String),
}

/// A stream of events.
pub type Events<T> = Pin<Box<dyn Stream<Item = Result<T, AiError>> + Send>>;

impl AiError {
    /// Which dependency is away, if one is.
    pub fn dependency(&self) -> Option<&str> {
        match self {
            Self::Unavailable { dependency, .. } => Some(dependency),
            Self::Refused { .. } | Self::Broken(_) => None,
        }
    }
}

/// Calls ai-engine on behalf of a tenant; every call takes the token that proves it.
#[derive(Debug, Clone)]
pub struct AiClient {
    base: String,
    http: Client,
}

impl AiClient {
    /// A client of the ai-engine at that base URL.
    pub fn new(base: &str, http: Client) -> Self {
        Self {
            base: format!("{base}{}", Service::AiEngine.prefix()),
            http,
        }
    }

    /// Makes a document searchable; the events tell how far it is.
    pub async fn ingest(
        &self,
        token: &str,
        document: DocumentId,
        ingestion: &NewIngestion,
    ) -> Result<Events<IngestionEvent>, AiError> {
        let url = format!("{}/internal/v1/documents/{document}", self.base);
        let response = send(self.http.put(url).bearer_auth(token).json(ingestion)).await?;
        let events = lines(response.bytes_stream()).map(|line| {
            let line = line.map_err(|error| AiError::Broken(error.to_string()))?;
            serde_json::from_str(&line).map_err(|error| AiError::Broken(error.to_string()))
        });
        Ok(Box::pin(events))
    }

    /// Forgets a document: its text and its vectors. Forgetting it twice is success.
    pub async fn forget(&self, token: &str, document: DocumentId) -> Result<(), AiError> {
        let url = format!("{}/internal/v1/documents/{document}", self.base);
        send(self.http.delete(url).bearer_auth(token))
            .await
            .map(|_| ())
    }

    /// Asks a question; dropping the stream stops the model.
    pub async fn answer(
        &self,
        token: &str,
        question: &Question,
    ) -> Result<Events<AnswerEvent>, AiError> {
        let url = format!("{}/v1/answers", self.base);
        let response = send(self.http.post(url).bearer_auth(token).json(question)).await?;
        let lines = lines(response.bytes_stream())
            .map_err(|error| AiError::Broken(error.to_string()))
            .boxed();
        Ok(Box::pin(server_sent(lines)))
    }

    /// Searches a creator's knowledge.
    pub async fn search(
        &self,
        token: &str,
        request: &SearchRequest,
    ) -> Result<SearchResults, AiError> {
        let url = format!("{}/v1/search", self.base);
        let call = self.http.post(url).bearer_auth(token).json(request);
        let response = send(call.timeout(Duration::from_secs(10))).await?;
        response
            .json()
            .await
            .map_err(|error| AiError::Broken(error.to_string()))
    }
}

/// The parts of a problem document that a caller acts on.
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: Option<String>,
    dependency: Option<String>,
}

/// ai-engine itself does not answer.
fn away(cause: &reqwest::Error) -> AiError {
    AiError::Unavailable {
        dependency: Service::AiEngine.name().to_owned(),
        cause: cause.to_string(),
    }
}

async fn send(request: RequestBuilder) -> Result<Response, AiError> {
    let response = request.send().await.map_err(|cause| away(&cause))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let problem: Option<Problem> = response.json().await.ok();
    let (code, detail, dependency) = problem.map_or_else(
        || ("unknown".to_owned(), String::new(), None),
        |problem| {
            let detail = problem.detail.unwrap_or_default();
            (problem.code, detail, problem.dependency)
        },
    );
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::BAD_GATEWAY {
        return Err(AiError::Unavailable {
            dependency: dependency.unwrap_or_else(|| Service::AiEngine.name().to_owned()),
            cause: detail,
        });
    }
    Err(AiError::Refused {
        status: status.as_u16(),
        code,
        detail,
    })
}

/// Reads server-sent events: `event:` and `data:` lines, an empty line ends one.
fn server_sent(
    lines: Pin<Box<dyn Stream<Item = Result<String, AiError>> + Send>>,
) -> impl Stream<Item = Result<AnswerEvent, AiError>> + Send {
    let start = (lines, String::new(), String::new());
    futures_util::stream::unfold(start, |(mut lines, mut name, mut data)| async move {
        loop {
            let line = match lines.next().await? {
                Ok(line) => line,
                Err(error) => return Some((Err(error), (lines, name, data))),
            };
            if let Some(value) = line.strip_prefix("event:") {
                value.trim().clone_into(&mut name);
            } else if let Some(value) = line.strip_prefix("data:") {
                data.push_str(value.strip_prefix(' ').unwrap_or(value));
            } else if line.is_empty() && !name.is_empty() {
                let text = format!(r#"{{"event":"{name}","data":{data}}}"#);
                let event = serde_json::from_str(&text);
                let event = event.map_err(|error| AiError::Broken(error.to_string()));
                return Some((event, (lines, String::new(), String::new())));
            }
        }
    })
}
