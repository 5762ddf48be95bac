//! Prepares an export of everything that the platform stores about an account.
//!
//! The job checks that every service can export its part, and counts the records. The export itself
//! is produced while it is downloaded, so that no second copy of all data is stored for a week.

use shared_db::jobs::{self, ClaimedJob, FailureOutcome};
use shared_models::{CopyFailureCode, CreatorId, RowCounts};

use super::worker::{Outcome, save_progress};
use crate::clients::tenant_data::{self, TenantDataError, TenantDataService};
use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{self, Failure, Kind, PrivacyRow};

/// Attempts after which an export no longer waits for an unavailable service: about an hour, since
/// they are at most 15 seconds apart. Time in which auth itself is down does not count.
const MAX_OUTAGE_ATTEMPTS: i32 = 240;

/// Runs one attempt.
pub(super) async fn run(app: &AppState, claim: &ClaimedJob) -> Result<Outcome, Error> {
    let Some(mut request) = begin(app, claim).await? else {
        return Ok(Outcome::Lost);
    };
    // An export that kills its worker would otherwise be retried forever.
    if claim.attempt > claim.max_attempts {
        let reason = "preparing the export was interrupted too often";
        return fail(app, claim, &Failure::new("interrupted", reason), false).await;
    }
    for service in TenantDataService::ALL {
        let counted = count(app, service, claim.creator).await;
        let name = service.name().to_owned();
        let part = request.progress.entry(name.clone()).or_default();
        part.done = counted.is_ok();
        part.waits_for = counted.is_err().then_some(name);
        if let Ok(counts) = &counted {
            part.counts = counts.clone();
        }
        if !save_progress(app, claim, &request.progress).await? {
            return Ok(Outcome::Lost);
        }
        if let Err(cause) = counted {
            return after_failure(app, claim, service, cause).await;
        }
    }
    let mut tx = app.db.tenant(claim.creator).await?;
    privacy_requests::finish_export(&mut tx, request.id).await?;
    if !jobs::complete(&mut tx, claim).await? {
        return Ok(Outcome::Lost);
    }
    tx.commit().await?;
    Ok(Outcome::Done)
}

/// Marks the request as running; none when it was cancelled.
async fn begin(app: &AppState, claim: &ClaimedJob) -> Result<Option<PrivacyRow>, Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let started = privacy_requests::begin(&mut tx, Kind::Export, claim.subject).await?;
    if started.is_none() {
        jobs::complete(&mut tx, claim).await?;
    }
    tx.commit().await?;
    Ok(started)
}

async fn count(
    app: &AppState,
    service: TenantDataService,
    creator: CreatorId,
) -> Result<RowCounts, TenantDataError> {
    let mut records = tenant_data::export(app, service, creator).await?;
    let mut counts = RowCounts::default();
    while let Some(record) = records.next().await? {
        counts.count(record.kind(), 1);
    }
    Ok(counts)
}

/// Waits for an unavailable service for a limited time; retries other failures a few times.
async fn after_failure(
    app: &AppState,
    claim: &ClaimedJob,
    service: TenantDataService,
    cause: TenantDataError,
) -> Result<Outcome, Error> {
    let name = service.name();
    if cause.is_outage() {
        if claim.attempt < MAX_OUTAGE_ATTEMPTS {
            return Ok(Outcome::Waiting(service, cause));
        }
        tracing::warn!(service = name, %cause, "export failed: service unavailable for too long");
        let reason = format!("{name} was not available for too long; request a new export");
        let failure = Failure::new("dependency_unavailable", &reason);
        return fail(app, claim, &failure, false).await;
    }
    tracing::warn!(service = name, %cause, attempt = claim.attempt, "export attempt failed");
    let (failure, retry) = match cause.reported() {
        Some(reported) if reported.code == CopyFailureCode::LineTooLong => {
            let reason = format!("{name}: {}", reported.reason);
            (Failure::new("line_too_long", &reason), false)
        }
        _ => {
            let reason = format!("{name} did not export its part completely");
            (Failure::new("incomplete_part", &reason), true)
        }
    };
    fail(app, claim, &failure, retry).await
}

/// Records a failed attempt; the last one also fails the request.
async fn fail(
    app: &AppState,
    claim: &ClaimedJob,
    failure: &Failure,
    retry: bool,
) -> Result<Outcome, Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let Failure { code, reason } = failure;
    let outcome = jobs::fail(&mut tx, claim, code, reason, retry).await?;
    if outcome == FailureOutcome::Failed {
        privacy_requests::fail(&mut tx, claim.subject, failure).await?;
    }
    tx.commit().await?;
    Ok(match outcome {
        FailureOutcome::Retried => Outcome::Retried,
        FailureOutcome::Failed => Outcome::Failed,
        FailureOutcome::Lost => Outcome::Lost,
    })
}
