//! A job without its types, so that kinds can be kept in one map.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared_db::TenantTx;
use shared_models::Retry;

use crate::context::JobContext;
use crate::job::{Job, JobError, Outcome};

/// A [`Job`] without its types, so that kinds can be kept in one map.
pub(crate) trait ErasedJob: Send + Sync {
    fn name(&self) -> &'static str;
    fn timeout(&self) -> Duration;
    fn never_fails(&self) -> bool;
    fn drain(&self) -> Duration;
    fn run<'a>(&'a self, context: &'a JobContext) -> BoxFuture<'a, Result<Outcome, JobError>>;
    fn on_failure<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        context: &'a JobContext,
        error: &'a JobError,
        failed: bool,
    ) -> Pin<Box<dyn Future<Output = sqlx::Result<()>> + Send + 'a>>;
}

impl<J: Job> ErasedJob for J {
    fn name(&self) -> &'static str {
        J::KIND
    }

    fn timeout(&self) -> Duration {
        J::TIMEOUT
    }

    fn never_fails(&self) -> bool {
        J::NEVER_FAILS
    }

    fn drain(&self) -> Duration {
        J::DRAIN_TIMEOUT
    }

    fn run<'a>(&'a self, context: &'a JobContext) -> BoxFuture<'a, Result<Outcome, JobError>> {
        Box::pin(async move { Job::run(self, context, payload(&context.job.payload)?).await })
    }

    fn on_failure<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        context: &'a JobContext,
        error: &'a JobError,
        failed: bool,
    ) -> Pin<Box<dyn Future<Output = sqlx::Result<()>> + Send + 'a>> {
        Box::pin(Job::on_failure(self, tx, context, error, failed))
    }
}

/// Reads a payload; one that is empty is `()`, too.
fn payload<P: DeserializeOwned>(stored: &Value) -> Result<P, JobError> {
    let empty = stored.as_object().is_some_and(serde_json::Map::is_empty);
    let parsed = P::deserialize(stored);
    let parsed = if empty {
        parsed.or_else(|_| P::deserialize(Value::Null))
    } else {
        parsed
    };
    parsed.map_err(|error| {
        let reason = format!("the payload of the job is invalid: {error}");
        JobError::new("invalid_payload", reason, Retry::Never)
    })
}
