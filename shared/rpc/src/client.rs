//! Sends a request to one service, with a token, and reads failures into [`RpcError`].

use std::sync::Arc;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use shared_config::Service;
use shared_models::CreatorId;

use crate::error::{ProblemDocument, RpcError};
use crate::token_source::TokenSource;

/// Calls one service. Clones share the connection pool.
#[derive(Debug, Clone)]
pub struct RpcClient {
    target: Service,
    base_url: String,
    http: reqwest::Client,
    tokens: Arc<dyn TokenSource>,
}

impl RpcClient {
    /// A client of `target` at `base_url`, such as `http://ai-engine:8003`.
    pub fn new(
        target: Service,
        base_url: &str,
        http: reqwest::Client,
        tokens: Arc<dyn TokenSource>,
    ) -> Self {
        Self {
            target,
            base_url: format!("{base_url}{}", target.prefix()),
            http,
            tokens,
        }
    }

    /// The called service.
    pub const fn target(&self) -> Service {
        self.target
    }

    /// A request to a path below the service's prefix, on behalf of a tenant or of none.
    pub fn request(
        &self,
        method: Method,
        path: &str,
        tenant: Option<CreatorId>,
    ) -> Result<RequestBuilder, RpcError> {
        let token = self.tokens.token(self.target, tenant)?;
        let url = format!("{}{path}", self.base_url);
        Ok(self.http.request(method, url).bearer_auth(token))
    }

    /// Sends a request. Anything but a 2xx status is an error.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, RpcError> {
        let response = request.send().await;
        let response = response.map_err(|cause| RpcError::transport(self.target, &cause))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(response).await)
    }

    /// Sends a request and reads the JSON of the response.
    pub async fn fetch<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, RpcError> {
        read_json(self.target, self.send(request).await?).await
    }

    async fn refusal(&self, response: Response) -> RpcError {
        let (service, status) = (self.target, response.status());
        let problem: Option<ProblemDocument> = response.json().await.ok();
        let (code, detail, dependency) = problem.map_or_else(
            || ("unknown".to_owned(), String::new(), None),
            |problem| {
                let detail = problem.detail.unwrap_or_default();
                (problem.code, detail, problem.dependency)
            },
        );
        let unavailable = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::BAD_GATEWAY];
        if unavailable.contains(&status) {
            return RpcError::Unavailable {
                dependency: dependency.unwrap_or_else(|| service.name().to_owned()),
                cause: detail,
            };
        }
        RpcError::Refused {
            service,
            status: status.as_u16(),
            code,
            detail,
        }
    }
}

/// Reads the JSON body of a response.
pub async fn read_json<T: DeserializeOwned>(
    service: Service,
    response: Response,
) -> Result<T, RpcError> {
    let body = response.json().await;
    body.map_err(|cause| RpcError::malformed(service, &cause))
}
