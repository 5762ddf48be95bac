//! What a kind of background work implements, and how an attempt can end.

use std::future::Future;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use shared_db::TenantTx;
use shared_models::Retry;

use crate::context::JobContext;

/// A kind of background work.
pub trait Job: Send + Sync + 'static {
    /// The kind, stable in the database, at most 60 characters.
    const KIND: &'static str;
    /// Longest attempt; it then fails as `timed_out` and may be retried.
    const TIMEOUT: Duration;
    /// Work that must be done whatever happens: it never fails permanently, and every failure is
    /// retried like an unavailable dependency.
    const NEVER_FAILS: bool = false;
    /// How long an attempt may go on when the process stops, before its job goes back to the queue.
    const DRAIN_TIMEOUT: Duration = Duration::ZERO;
    /// What the work needs beside its subject. `()` and an empty struct are `{}`.
    type Payload: Serialize + DeserializeOwned + Send;

    /// Does one attempt. It is dropped when the lease is lost, so effects that must not happen
    /// twice belong into the transaction of [`JobContext::complete`].
    fn run(
        &self,
        context: &JobContext,
        payload: Self::Payload,
    ) -> impl Future<Output = Result<Outcome, JobError>> + Send;

    /// Records a failure elsewhere, in the transaction that records it on the job; `failed` is
    /// false while another attempt follows.
    fn on_failure(
        &self,
        tx: &mut TenantTx,
        context: &JobContext,
        error: &JobError,
        failed: bool,
    ) -> impl Future<Output = sqlx::Result<()>> + Send {
        let _ = (tx, context, error, failed);
        async { Ok(()) }
    }
}

/// How an attempt ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The runner completes the job.
    Done,
    /// The job was completed in the transaction of its effect.
    Completed,
    /// The work is no longer wanted; the runner completes the job.
    Cancelled,
    /// Not finished: the same attempt continues after this time.
    Continue(Duration),
    /// Another worker has the job by now.
    LeaseLost,
}

impl Outcome {
    /// The label of logs and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Done | Self::Completed => "succeeded",
            Self::Cancelled => "cancelled",
            Self::Continue(_) => "continued",
            Self::LeaseLost => "lost",
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct JobError {
    /// A stable code.
    pub code: String,
    /// For the owner of the job: no addresses or file names of the platform.
    pub reason: String,
    /// Whether another attempt follows.
    pub retry: Retry,
    /// When it follows; none for the engine's own delay, which doubles with each attempt.
    pub retry_after: Option<Duration>,
}

impl JobError {
    /// A failure with that code.
    pub fn new(code: &str, reason: impl Into<String>, retry: Retry) -> Self {
        Self {
            code: code.to_owned(),
            reason: reason.into(),
            retry,
            retry_after: None,
        }
    }

    /// Another attempt follows after this time.
    #[must_use]
    pub const fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// A dependency is unavailable. The cause is logged here and not shown to the owner.
    pub fn unavailable(dependency: &str, cause: &dyn std::fmt::Display) -> Self {
        tracing::warn!(dependency, %cause, "job waits: dependency unavailable");
        let reason = format!("{dependency} is unavailable; another attempt follows");
        Self::new("dependency_unavailable", reason, Retry::UntilAvailable)
    }

    /// A fault of the platform. The cause is logged here and not shown to the owner.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "job failed: internal error");
        let reason = "the platform failed; another attempt follows";
        Self::new("internal", reason, Retry::Limited)
    }
}

/// An unavailable database is waited for; any other database error is a fault of the platform.
impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        if shared_db::is_unavailable(&error) {
            Self::unavailable("postgres", &error)
        } else {
            Self::internal(&error)
        }
    }
}
