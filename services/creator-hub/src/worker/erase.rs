//! Removes a document from everywhere: ai-engine's index, its row, its file.

use std::time::Duration;

use shared_config::Service;
use shared_db::jobs::{self, ClaimedJob};
use shared_models::DocumentId;

use super::attempt::{self, Again, Ending, Fault};
use crate::files;
use crate::state::AppState;
use crate::store::documents::{self, processing};

/// How long to wait for a worker that still processes the document: it notices within a beat.
const ASIDE: Duration = Duration::from_secs(1);
/// Longest wait for ai-engine to forget.
const PATIENCE: Duration = Duration::from_mins(1);

/// Does one attempt. Erasing is never given up: what a creator deleted must go.
pub(super) async fn run(state: &AppState, claim: &ClaimedJob) -> sqlx::Result<Ending> {
    let mut tx = state.db.tenant(claim.creator).await?;
    let contended = jobs::has_running_sibling(&mut tx, claim).await?;
    if !contended {
        jobs::report_progress(&mut tx, claim, "erasing", 0).await?;
    }
    tx.commit().await?;
    if contended {
        return attempt::release(state, claim, ASIDE).await;
    }
    let forgotten = tokio::select! {
        forgotten = forget(state, claim) => forgotten,
        () = state.stop.cancelled() => {
            return attempt::release(state, claim, Duration::ZERO).await;
        }
    };
    match forgotten {
        Ok(()) => remove(state, claim).await,
        Err(fault) => fail(state, claim, fault).await,
    }
}

async fn forget(state: &AppState, claim: &ClaimedJob) -> Result<(), Fault> {
    let forgetting = state
        .ai
        .delete_from_index(claim.creator, DocumentId::from(claim.subject));
    let silent = |_| Fault::outage(Service::AiEngine.name(), &"it fell silent");
    // The lease is kept beside it, since forgetting reports no progress.
    let held = async {
        loop {
            tokio::time::sleep(super::BEAT).await;
            if let Err(error) = hold(state, claim).await {
                tracing::warn!(%error, "a lease was not renewed");
            }
        }
    };
    tokio::select! {
        forgotten = tokio::time::timeout(PATIENCE, forgetting) => Ok(forgotten.map_err(silent)??),
        never = held => never,
    }
}

async fn hold(state: &AppState, claim: &ClaimedJob) -> sqlx::Result<()> {
    let mut tx = state.db.tenant(claim.creator).await?;
    jobs::renew_lease(&mut tx, claim).await?;
    tx.commit().await
}

/// Row, file and job end together. The file stays when its content was uploaded anew meanwhile.
async fn remove(state: &AppState, claim: &ClaimedJob) -> sqlx::Result<Ending> {
    let mut tx = state.db.tenant(claim.creator).await?;
    if let Some(hash) = processing::remove(&mut tx, DocumentId::from(claim.subject)).await? {
        documents::lock_content(&mut tx, hash).await?;
        if documents::with_content(&mut tx, hash).await?.is_none()
            && let Err(error) = state.files.remove(claim.creator, hash).await
        {
            drop(tx);
            return fail(state, claim, Fault::outage(files::NAME, &error)).await;
        }
    }
    if !jobs::complete(&mut tx, claim).await? {
        return Ok(Ending::Lost);
    }
    tx.commit().await?;
    Ok(Ending::Succeeded)
}

async fn fail(state: &AppState, claim: &ClaimedJob, fault: Fault) -> sqlx::Result<Ending> {
    let fault = Fault {
        again: Again::Always,
        ..fault
    };
    let mut tx = state.db.tenant(claim.creator).await?;
    let ending = attempt::record(&mut tx, claim, &fault).await?;
    tx.commit().await?;
    Ok(ending)
}
