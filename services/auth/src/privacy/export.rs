//! Prepares a copy of everything that the platform keeps of an account.
//!
//! The job checks that every service can give its part, and counts. The copy itself is made while
//! it is downloaded: no second copy of everything lies about for a week.

use shared_config::Service;
use shared_db::jobs::{self, Claim, Verdict};
use shared_models::{CopyFailureCode, CreatorId, Tally};

use super::peers::{self, PEERS, PeerError};
use super::worker::{Ending, save};
use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{self, Failure, Kind, PrivacyRow};

/// Attempts after which an export no longer waits for a service that is unavailable: about an hour,
/// since they are at most 15 seconds apart. Time in which auth itself is down does not count.
const OUTAGE_ATTEMPTS: i32 = 240;

/// Does one attempt.
pub(super) async fn run(app: &AppState, claim: &Claim) -> Result<Ending, Error> {
    let Some(mut request) = begin(app, claim).await? else {
        return Ok(Ending::Lost);
    };
    // An export that kills its worker would otherwise do so for ever.
    if claim.attempt > claim.max_attempts {
        let reason = "preparing the copy was interrupted too often";
        return fail(app, claim, &Failure::new("interrupted", reason), false).await;
    }
    for service in PEERS {
        let counted = count(app, service, claim.creator).await;
        let name = service.name().to_owned();
        let part = request.progress.entry(name.clone()).or_default();
        part.done = counted.is_ok();
        part.waits_for = counted.is_err().then_some(name);
        if let Ok(counts) = &counted {
            part.counts = counts.clone();
        }
        if !save(app, claim, &request.progress).await? {
            return Ok(Ending::Lost);
        }
        if let Err(cause) = counted {
            return after_failure(app, claim, service, cause).await;
        }
    }
    let mut tx = app.db.tenant(claim.creator).await?;
    privacy_requests::finish_export(&mut tx, request.id).await?;
    if !jobs::succeed(&mut tx, claim).await? {
        return Ok(Ending::Lost);
    }
    tx.commit().await?;
    Ok(Ending::Done)
}

/// Marks the request as running; none when nobody wants it any more.
async fn begin(app: &AppState, claim: &Claim) -> Result<Option<PrivacyRow>, Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let begun = privacy_requests::begin(&mut tx, Kind::Export, claim.subject).await?;
    if begun.is_none() {
        jobs::succeed(&mut tx, claim).await?;
    }
    tx.commit().await?;
    Ok(begun)
}

async fn count(app: &AppState, service: Service, creator: CreatorId) -> Result<Tally, PeerError> {
    let mut copy = peers::copy(app, service, creator).await?;
    let mut tally = Tally::default();
    while let Some(line) = copy.next().await? {
        tally.count(line.kind(), 1);
    }
    Ok(tally)
}

/// An outage is waited for, though not for ever; anything else is tried a few times.
async fn after_failure(
    app: &AppState,
    claim: &Claim,
    service: Service,
    cause: PeerError,
) -> Result<Ending, Error> {
    let name = service.name();
    if cause.is_outage() {
        if claim.attempt < OUTAGE_ATTEMPTS {
            return Ok(Ending::Waits(service, cause));
        }
        tracing::warn!(service = name, %cause, "an export waited too long");
        let reason = format!("{name} was not available for too long; ask for a new copy");
        let failure = Failure::new("dependency_unavailable", &reason);
        return fail(app, claim, &failure, false).await;
    }
    tracing::warn!(service = name, %cause, attempt = claim.attempt, "an export failed");
    let (failure, retry) = match cause.reported() {
        Some(reported) if reported.code == CopyFailureCode::LineTooLong => {
            let reason = format!("{name}: {}", reported.reason);
            (Failure::new("line_too_long", &reason), false)
        }
        _ => {
            let reason = format!("{name} did not give its part of the copy completely");
            (Failure::new("incomplete_part", &reason), true)
        }
    };
    fail(app, claim, &failure, retry).await
}

/// Records a failed attempt; the last one fails the request, too.
async fn fail(
    app: &AppState,
    claim: &Claim,
    failure: &Failure,
    retry: bool,
) -> Result<Ending, Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let Failure { code, reason } = failure;
    let verdict = jobs::fail(&mut tx, claim, code, reason, retry).await?;
    if verdict == Verdict::Failed {
        privacy_requests::fail(&mut tx, claim.subject, failure).await?;
    }
    tx.commit().await?;
    Ok(match verdict {
        Verdict::Retried => Ending::Retried,
        Verdict::Failed => Ending::Failed,
        Verdict::Lost => Ending::Lost,
    })
}
