//! `/livez` reports that the process answers, `/readyz` the state of each dependency.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, join_all};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest wait for one dependency.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Checks a dependency; the error says what is wrong.
type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The readiness checks of a service.
#[derive(Clone, Default)]
pub struct Checks(Vec<(&'static str, Check)>);

impl std::fmt::Debug for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl Checks {
    /// Adds a dependency by name.
    #[must_use]
    pub fn with<F, E>(mut self, name: &'static str, ask: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, Result<(), E>> + Send + Sync + 'static,
        E: std::fmt::Display + 'static,
    {
        let check: Check = Arc::new(move || {
            let answer = ask();
            Box::pin(async move { answer.await.map_err(|error| error.to_string()) })
        });
        self.0.push((name, check));
        self
    }

    /// Checks all dependencies at the same time.
    pub async fn run(&self) -> Readiness {
        let asked = self.0.iter().map(|(name, check)| async move {
            let started = Instant::now();
            let answer = tokio::time::timeout(CHECK_TIMEOUT, check()).await;
            let problem = match answer {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                Err(_) => Some(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
            };
            let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            if let Some(problem) = &problem {
                tracing::warn!(dependency = name, problem, "dependency not ready");
            }
            DependencyState {
                name: (*name).to_owned(),
                ready: problem.is_none(),
                milliseconds,
            }
        });
        let checks = join_all(asked).await;
        Readiness {
            ready: checks.iter().all(|check| check.ready),
            checks,
        }
    }
}

/// The response of `/readyz`. Error messages of dependencies are only in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Whether every dependency answers.
    pub ready: bool,
    /// Each dependency.
    pub checks: Vec<DependencyState>,
}

/// One dependency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DependencyState {
    /// Its name.
    pub name: String,
    /// Whether it answers.
    pub ready: bool,
    /// How long the answer took.
    pub milliseconds: u64,
}

impl IntoResponse for Readiness {
    fn into_response(self) -> Response {
        let status = if self.ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, Json(self)).into_response()
    }
}
