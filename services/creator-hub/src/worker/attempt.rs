//! How an attempt ends, and how that is written down.

use std::time::Duration;

use shared_ai_client::AiError;
use shared_config::Service;
use shared_db::TenantTx;
use shared_db::jobs::{self, ClaimedJob, FailureOutcome};

use crate::state::AppState;

/// Longest wait for a dependency that is away: it is often back soon.
const OUTAGE_WAIT: Duration = Duration::from_secs(30);

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Done.
    Succeeded,
    /// Failed for good.
    Failed,
    /// Another attempt follows.
    Retried,
    /// Given back untouched.
    Released,
    /// Nobody wants it any more.
    Cancelled,
    /// Another worker has it by now.
    Lost,
}

impl Ending {
    /// The word of logs and metrics.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Retried => "retried",
            Self::Released => "released",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }
}

/// Whether another attempt can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// No: it would end the same way.
    Never,
    /// Perhaps: a few times.
    Few,
    /// Yes: something that is needed is away, and will be back.
    Always,
}

/// Why an attempt failed.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) code: String,
    /// For the creator: no addresses, no file names of ours.
    pub(super) reason: String,
    pub(super) again: Again,
}

impl Fault {
    pub(super) fn new(code: &str, reason: &str, again: Again) -> Self {
        Self {
            code: code.to_owned(),
            reason: reason.to_owned(),
            again,
        }
    }

    /// Something that is needed is away. Its own words are for the log.
    pub(super) fn outage(dependency: &str, cause: &dyn std::fmt::Display) -> Self {
        tracing::warn!(dependency, %cause, "a job waits");
        let reason = format!("{dependency} is not available; another attempt follows");
        Self::new("dependency_unavailable", &reason, Again::Always)
    }
}

impl From<AiError> for Fault {
    fn from(error: AiError) -> Self {
        let service = Service::AiEngine.name();
        match error {
            AiError::Unavailable { dependency, cause } => Self::outage(&dependency, &cause),
            AiError::NoToken(cause) => {
                tracing::error!(%cause, "cannot sign a token for ai-engine");
                let reason = "the platform failed; another attempt follows";
                Self::new("internal", reason, Again::Few)
            }
            AiError::Stalled(_) => Self::outage(service, &"it sends nothing"),
            // The text itself may be the cause, so attempts are limited.
            AiError::Malformed { cause, .. } => {
                tracing::warn!(cause, "response of ai-engine ended early");
                let reason = "ai-engine broke off before it was done";
                Self::new("ai_engine_interrupted", reason, Again::Few)
            }
            AiError::Refused { status: 429, .. } => Self::outage(service, &"it is busy"),
            AiError::Refused { status, code, .. }
                if status >= 500 || matches!(status, 401 | 403) =>
            {
                tracing::error!(status, code, "ai-engine failed");
                let reason = "ai-engine failed; this is not the document's fault";
                Self::new("ai_engine_failed", reason, Again::Few)
            }
            AiError::Refused { status: 413, .. } => {
                let reason = "the text is too large to be made searchable; split it";
                Self::new("document_too_large", reason, Again::Never)
            }
            AiError::Refused { code, detail, .. } => Self::new(&code, &detail, Again::Never),
        }
    }
}

/// Records a failed attempt on the job.
pub(super) async fn record(
    tx: &mut TenantTx,
    claim: &ClaimedJob,
    fault: &Fault,
) -> sqlx::Result<Ending> {
    let Fault {
        code,
        reason,
        again,
    } = fault;
    if *again == Again::Always {
        let ours = jobs::reschedule(tx, claim, code, reason, OUTAGE_WAIT).await?;
        return Ok(if ours { Ending::Retried } else { Ending::Lost });
    }
    let verdict = jobs::fail(tx, claim, code, reason, *again == Again::Few).await?;
    Ok(match verdict {
        FailureOutcome::Retried => Ending::Retried,
        FailureOutcome::Failed => Ending::Failed,
        FailureOutcome::Lost => Ending::Lost,
    })
}

/// Gives the job back untouched.
pub(super) async fn release(
    state: &AppState,
    claim: &ClaimedJob,
    wait: Duration,
) -> sqlx::Result<Ending> {
    let mut tx = state.db.tenant(claim.creator).await?;
    let ours = jobs::release(&mut tx, claim, wait).await?;
    tx.commit().await?;
    Ok(if ours { Ending::Released } else { Ending::Lost })
}

/// Ends a job that nobody here can do.
pub(super) async fn give_up(
    state: &AppState,
    claim: &ClaimedJob,
    code: &str,
) -> sqlx::Result<Ending> {
    tracing::error!(kind = claim.kind, "a job of a kind that is not known");
    let fault = Fault::new(code, "this version does not know what to do", Again::Never);
    let mut tx = state.db.tenant(claim.creator).await?;
    let ending = record(&mut tx, claim, &fault).await?;
    tx.commit().await?;
    Ok(ending)
}
