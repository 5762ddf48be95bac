//! Auth's tenants API, called with the token that only the operator and auth know.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::Api;
use operator_core::api::tenant::Erasure;
use operator_core::plan::provisioning_secret;
use operator_core::tenant::{Account, Wish};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use shared_config::{Service, keys, wiring};
use tokio::sync::OnceCell;

use crate::error::describe;
use crate::seen::PlatformName;

/// Longer than any answer takes of an auth that is well.
const DEADLINE: Duration = Duration::from_secs(15);
/// Most UIDs of one list.
pub const LIST_MAX: usize = 100;

/// Why auth did not do it.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// It may later, and says when.
    #[error("auth service of platform {platform}: {text}")]
    Later {
        /// Whose auth.
        platform: String,
        /// The response's problem, or the transport error.
        text: String,
        /// How long it asked to wait before a retry.
        after: Option<Duration>,
    },
    /// The address of the owner has an account.
    #[error("the owner's email address already has an account")]
    OwnerTaken,
    /// It never will.
    #[error("{0}")]
    Refused(String),
}

/// Auth of every platform.
#[derive(Default)]
pub struct AuthApi {
    /// Where it is, instead of in the cluster: for an operator that runs outside of it.
    elsewhere: Option<String>,
    http: OnceCell<reqwest::Client>,
    tokens: Mutex<HashMap<PlatformName, String>>,
}

#[derive(Deserialize)]
struct Accounts {
    tenants: Vec<Account>,
}

impl AuthApi {
    /// Auth in the cluster, or at that URL.
    pub fn new(elsewhere: Option<String>) -> Self {
        Self {
            elsewhere: elsewhere.map(|url| url.trim_end_matches('/').to_owned()),
            ..Self::default()
        }
    }

    /// Makes an account as wished.
    pub async fn put(
        &self,
        client: &Client,
        platform: &PlatformName,
        uid: &str,
        wish: &Wish,
    ) -> Result<Account, AuthError> {
        let path = format!("/internal/v1/tenants/{uid}");
        let body = |request: RequestBuilder| request.json(wish);
        let answer = self
            .call(client, platform, Method::PUT, &path, body)
            .await?;
        read(platform, answer).await
    }

    /// One account, if it was made.
    pub async fn get(
        &self,
        client: &Client,
        platform: &PlatformName,
        uid: &str,
    ) -> Result<Option<Account>, AuthError> {
        Ok(self.list(client, platform, &[uid.to_owned()]).await?.pop())
    }

    /// Several accounts; those that nobody made are left out.
    pub async fn list(
        &self,
        client: &Client,
        platform: &PlatformName,
        uids: &[String],
    ) -> Result<Vec<Account>, AuthError> {
        let path = format!("/internal/v1/tenants?uids={}", uids.join(","));
        let same = |request| request;
        let answer = self
            .call(client, platform, Method::GET, &path, same)
            .await?;
        let Accounts { tenants } = read(platform, answer).await?;
        Ok(tenants)
    }

    /// Erases an account, or says how far that is.
    pub async fn erase(
        &self,
        client: &Client,
        platform: &PlatformName,
        uid: &str,
        creator: &str,
    ) -> Result<Erasure, AuthError> {
        let path = format!("/internal/v1/tenants/{uid}?confirm={creator}");
        let same = |request| request;
        let answer = self.call(client, platform, Method::DELETE, &path, same);
        read(platform, answer.await?).await
    }

    async fn call(
        &self,
        client: &Client,
        platform: &PlatformName,
        method: Method,
        path: &str,
        more: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, AuthError> {
        let token = self.token(client, platform).await?;
        let url = format!("{}{path}", self.address(platform));
        let later = |text: String| later(platform, text, None);
        let http = self
            .http
            .get_or_try_init(async || reqwest::Client::builder().timeout(DEADLINE).build());
        let http = http.await.map_err(|error| later(error.to_string()))?;
        let request = more(http.request(method, url).bearer_auth(token));
        let answer = request.send().await;
        let answer = answer.map_err(|error| later(chain(&error)))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        if answer.status() == StatusCode::UNAUTHORIZED {
            // It was made anew, perhaps: the next attempt reads it.
            self.forget(platform);
        }
        Err(refusal(platform, answer).await)
    }

    fn address(&self, platform: &PlatformName) -> String {
        self.elsewhere.clone().unwrap_or_else(|| {
            let PlatformName { namespace, name } = platform;
            let (auth, port) = (Service::Auth.name(), wiring::AUTH_INTERNAL_PORT);
            format!("http://{name}-{auth}.{namespace}.svc:{port}")
        })
    }

    async fn token(&self, client: &Client, platform: &PlatformName) -> Result<String, AuthError> {
        let known = self.tokens().get(platform).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &platform.namespace);
        let name = provisioning_secret(&platform.name);
        let found = secrets.get_opt(&name).await;
        let found = found.map_err(|error| later(platform, describe(&error), None))?;
        let value = found.as_ref().and_then(|secret| {
            let bytes = secret.data.as_ref()?.get(keys::PROVISIONING_TOKEN)?;
            String::from_utf8(bytes.0.clone()).ok()
        });
        let missing = format!("Secret {name} has no provisioning token yet");
        let value = value.ok_or_else(|| later(platform, missing, None))?;
        self.tokens().insert(platform.clone(), value.clone());
        Ok(value)
    }

    fn forget(&self, platform: &PlatformName) {
        self.tokens().remove(platform);
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, HashMap<PlatformName, String>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read<T: serde::de::DeserializeOwned>(
    platform: &PlatformName,
    answer: Response,
) -> Result<T, AuthError> {
    let body = answer.bytes().await;
    let body = body.map_err(|error| later(platform, chain(&error), None))?;
    serde_json::from_slice(&body).map_err(|error| later(platform, error.to_string(), None))
}

/// What a problem document says: its detail and its fields, never the whole body.
async fn refusal(platform: &PlatformName, answer: Response) -> AuthError {
    let status = answer.status();
    let wait = answer.headers().get(header::RETRY_AFTER);
    let wait = wait.and_then(|value| value.to_str().ok()?.parse().ok());
    let problem: Value = answer.json().await.unwrap_or_default();
    let word = |field: &str| problem[field].as_str().unwrap_or_default().to_owned();
    let fields = problem["errors"].as_array().into_iter().flatten();
    let fields = fields.filter_map(|one| {
        let (field, message) = (one["field"].as_str()?, one["message"].as_str()?);
        Some(format!("{field} {message}"))
    });
    let mut said = vec![word("code"), word("detail")];
    said.extend(fields);
    said.retain(|text| !text.is_empty());
    let said = format!("HTTP {}: {}", status.as_u16(), said.join("; "));
    match (status, word("code").as_str()) {
        (StatusCode::CONFLICT, "email_taken") => AuthError::OwnerTaken,
        (StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST, _) => AuthError::Refused(said),
        _ => later(platform, said, wait.map(Duration::from_secs)),
    }
}

fn later(platform: &PlatformName, text: String, after: Option<Duration>) -> AuthError {
    AuthError::Later {
        platform: platform.name.clone(),
        text,
        after,
    }
}

/// An error and what lies behind it; reqwest's own words name the URL only.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
