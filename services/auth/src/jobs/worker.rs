//! Runs privacy jobs: leases them, renews the leases, and records the outcomes.

use std::time::Duration;

use shared_db::TenantTx;
use shared_db::jobs::{self, ClaimedJob};
use tokio_util::sync::CancellationToken;

use super::{QUEUE, erasure, export};
use crate::clients::tenant_data::{TenantDataError, TenantDataService};
use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{self, Kind, Progress};

/// How often the worker polls for jobs that become due without a wake-up: delayed jobs, retries and
/// expired leases.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// How often a lease is renewed: several times before it expires.
const LEASE_RENEWAL_INTERVAL: Duration = Duration::from_secs(8);
/// Wait before another attempt when a service is unavailable.
const OUTAGE_BACKOFF: Duration = Duration::from_secs(15);

/// The outcome of an attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The job is completed; that is recorded already.
    Done,
    /// The job continues after this time.
    Continue(Duration),
    /// A service is unavailable.
    Waiting(TenantDataService, TenantDataError),
    /// The attempt failed and another one follows; that is recorded already.
    Retried,
    /// The request has failed; that is recorded already.
    Failed,
    /// The lease was lost, or the request was cancelled.
    Lost,
}

/// Runs jobs until `stop`.
pub(crate) async fn run(app: AppState, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match stop.run_until_cancelled(run_next(&app)).await {
            Some(Ok(true)) => continue,
            Some(Ok(false)) | None => {}
            // The job is claimed again when its lease has expired.
            Some(Err(error)) => tracing::warn!(%error, "privacy job interrupted"),
        }
        tokio::select! {
            () = app.privacy.woken() => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Runs one job that is due; false when there is none.
async fn run_next(app: &AppState) -> Result<bool, Error> {
    let Some(claim) = jobs::claim(&app.db, QUEUE).await? else {
        return Ok(false);
    };
    let outcome = tokio::select! {
        outcome = attempt(app, &claim) => outcome?,
        // Returns when the lease is lost; this also cancels the attempt.
        () = renew_lease(app, &claim) => Outcome::Lost,
    };
    let label = match outcome {
        Outcome::Done => "succeeded",
        Outcome::Continue(delay) => {
            let mut tx = app.db.tenant(claim.creator).await?;
            jobs::release(&mut tx, &claim, delay).await?;
            tx.commit().await?;
            "continued"
        }
        Outcome::Waiting(service, cause) => {
            let name = service.name();
            tracing::warn!(service = name, %cause, "privacy job rescheduled: service unavailable");
            reschedule(app, &claim, service).await?;
            "waiting"
        }
        Outcome::Retried => "retried",
        Outcome::Failed => "failed",
        Outcome::Lost => "lost",
    };
    let kind = &claim.kind;
    tracing::info!(job = %claim.id, kind, outcome = label, "privacy job attempt finished");
    metrics::counter!("auth_privacy_attempts_total", "outcome" => label).increment(1);
    Ok(true)
}

async fn attempt(app: &AppState, claim: &ClaimedJob) -> Result<Outcome, Error> {
    if claim.kind == Kind::Erasure.as_str() {
        erasure::run(app, claim).await
    } else if claim.kind == Kind::Export.as_str() {
        export::run(app, claim).await
    } else {
        let mut tx = app.db.tenant(claim.creator).await?;
        let reason = "this version does not know this kind of job";
        jobs::fail(&mut tx, claim, "unknown_job_kind", reason, false).await?;
        tx.commit().await?;
        Ok(Outcome::Lost)
    }
}

async fn renew_lease(app: &AppState, claim: &ClaimedJob) {
    loop {
        tokio::time::sleep(LEASE_RENEWAL_INTERVAL).await;
        match renew_lease_once(app, claim).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "job lease not renewed"),
        }
    }
}

async fn renew_lease_once(app: &AppState, claim: &ClaimedJob) -> sqlx::Result<bool> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let is_held = jobs::renew_lease(&mut tx, claim).await?;
    tx.commit().await?;
    Ok(is_held)
}

async fn reschedule(
    app: &AppState,
    claim: &ClaimedJob,
    service: TenantDataService,
) -> Result<(), Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let reason = format!(
        "{} is not available; another attempt follows",
        service.name()
    );
    jobs::reschedule(
        &mut tx,
        claim,
        "dependency_unavailable",
        &reason,
        OUTAGE_BACKOFF,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Stores the progress of a request; false when the lease was lost.
pub(super) async fn save_progress(
    app: &AppState,
    claim: &ClaimedJob,
    progress: &Progress,
) -> Result<bool, Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let is_held = write(&mut tx, claim, progress).await?;
    if is_held {
        tx.commit().await?;
    }
    Ok(is_held)
}

async fn write(tx: &mut TenantTx, claim: &ClaimedJob, progress: &Progress) -> sqlx::Result<bool> {
    let done = progress.values().filter(|part| part.done).count();
    let percent = i16::try_from(done * 20).unwrap_or(100).min(90);
    if !jobs::report_progress(tx, claim, "running", percent).await? {
        return Ok(false);
    }
    privacy_requests::save(tx, claim.subject, progress).await?;
    Ok(true)
}
