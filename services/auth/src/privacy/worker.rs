//! Does privacy requests: claims jobs, keeps their leases, and records how they ended.

use std::time::Duration;

use shared_config::Service;
use shared_db::TenantTx;
use shared_db::jobs::{self, Claim};
use tokio_util::sync::CancellationToken;

use super::peers::PeerError;
use super::{QUEUE, erasure, export};
use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{self, Kind, Progress};

/// How often the worker looks for what nobody woke it for: graces that end, retries, lost leases.
const LOOK: Duration = Duration::from_secs(2);
/// How often a lease is renewed: several times within its life.
const BEAT: Duration = Duration::from_secs(8);
/// Longest wait for a service that is away.
const OUTAGE_WAIT: Duration = Duration::from_secs(15);

/// What became of an attempt.
#[derive(Debug)]
pub(super) enum Ending {
    /// Done; the job is written off already.
    Done,
    /// Another look is needed after that time.
    Again(Duration),
    /// A service is away.
    Waits(Service, PeerError),
    /// The attempt failed and another one follows; that is recorded already.
    Retried,
    /// The request has failed for good; that is recorded already.
    Failed,
    /// Somebody else has the job by now, or nobody wants it any more.
    Lost,
}

/// Works until told to stop.
pub(crate) async fn run(app: AppState, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match stop.run_until_cancelled(step(&app)).await {
            Some(Ok(true)) => continue,
            Some(Ok(false)) | None => {}
            // What was claimed is taken up again when its lease has run out.
            Some(Err(error)) => tracing::warn!(%error, "a privacy request waits"),
        }
        tokio::select! {
            () = app.privacy.woken.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Does one job that is due; false when there is none.
pub(super) async fn step(app: &AppState) -> Result<bool, Error> {
    let Some(claim) = jobs::claim(&app.db, QUEUE).await? else {
        return Ok(false);
    };
    let ending = tokio::select! {
        ending = attempt(app, &claim) => ending?,
        // Ends when the job is no longer ours: then the work stops, too.
        () = keep(app, &claim) => Ending::Lost,
    };
    let word = match ending {
        Ending::Done => "succeeded",
        Ending::Again(wait) => {
            let mut tx = app.db.tenant(claim.creator).await?;
            jobs::release(&mut tx, &claim, wait).await?;
            tx.commit().await?;
            "continued"
        }
        Ending::Waits(service, cause) => {
            tracing::warn!(service = service.name(), %cause, "a privacy request waits");
            postpone(app, &claim, service).await?;
            "waits"
        }
        Ending::Retried => "retried",
        Ending::Failed => "failed",
        Ending::Lost => "lost",
    };
    tracing::info!(job = %claim.id, kind = claim.kind, ending = word, "a privacy request");
    metrics::counter!("auth_privacy_attempts_total", "ending" => word).increment(1);
    Ok(true)
}

async fn attempt(app: &AppState, claim: &Claim) -> Result<Ending, Error> {
    if claim.kind == Kind::Erasure.as_str() {
        erasure::run(app, claim).await
    } else if claim.kind == Kind::Export.as_str() {
        export::run(app, claim).await
    } else {
        let mut tx = app.db.tenant(claim.creator).await?;
        let reason = "this version does not know what to do";
        jobs::fail(&mut tx, claim, "unknown_job_kind", reason, false).await?;
        tx.commit().await?;
        Ok(Ending::Lost)
    }
}

async fn keep(app: &AppState, claim: &Claim) {
    loop {
        tokio::time::sleep(BEAT).await;
        match hold(app, claim).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "a lease was not renewed"),
        }
    }
}

async fn hold(app: &AppState, claim: &Claim) -> sqlx::Result<bool> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let ours = jobs::hold(&mut tx, claim).await?;
    tx.commit().await?;
    Ok(ours)
}

async fn postpone(app: &AppState, claim: &Claim, service: Service) -> Result<(), Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let reason = format!(
        "{} is not available; another attempt follows",
        service.name()
    );
    jobs::postpone(
        &mut tx,
        claim,
        "dependency_unavailable",
        &reason,
        OUTAGE_WAIT,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Keeps how far a request is, as long as its job is ours.
pub(super) async fn save(
    app: &AppState,
    claim: &Claim,
    progress: &Progress,
) -> Result<bool, Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let ours = write(&mut tx, claim, progress).await?;
    if ours {
        tx.commit().await?;
    }
    Ok(ours)
}

async fn write(tx: &mut TenantTx, claim: &Claim, progress: &Progress) -> sqlx::Result<bool> {
    let done = progress.values().filter(|part| part.done).count();
    let percent = i16::try_from(done * 20).unwrap_or(100).min(90);
    if !jobs::advance(tx, claim, "running", percent).await? {
        return Ok(false);
    }
    privacy_requests::save(tx, claim.subject, progress).await?;
    Ok(true)
}
