//! How a failed call of ai-engine ends the attempt of a job.

use shared_ai_client::AiError;
use shared_config::Service;
use shared_jobs::JobError;
use shared_models::Retry;

/// The failure as the owner of the job sees it; the cause is logged.
pub(crate) fn job_error(error: AiError) -> JobError {
    let service = Service::AiEngine.name();
    match error {
        AiError::Unavailable { dependency, cause } => JobError::unavailable(&dependency, &cause),
        AiError::Stalled(_) => JobError::unavailable(service, &"it sends nothing"),
        AiError::Refused { status: 429, .. } => JobError::unavailable(service, &"it is busy"),
        AiError::Refused { status: 413, .. } => {
            let reason = "the text is too large to be indexed; split it";
            JobError::new("document_too_large", reason, Retry::Never)
        }
        AiError::Refused {
            status: status @ (401 | 403 | 500..),
            code,
            ..
        } => {
            tracing::error!(status, code, "ai-engine failed");
            let reason = "ai-engine failed; this is not the document's fault";
            JobError::new("ai_engine_failed", reason, Retry::Limited)
        }
        AiError::Refused { code, detail, .. } => JobError::new(&code, detail, Retry::Never),
        // The text itself may be the cause, so attempts are limited.
        AiError::Malformed { cause, .. } => {
            tracing::warn!(cause, "response of ai-engine ended early");
            let reason = "ai-engine stopped before the document was indexed";
            JobError::new("ai_engine_interrupted", reason, Retry::Limited)
        }
        AiError::NoToken(cause) => JobError::internal(&cause),
    }
}
