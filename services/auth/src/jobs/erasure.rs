//! Erases an account everywhere, itself last.

use std::time::Duration;

use shared_auth::Subject;
use shared_config::Service;
use shared_db::jobs::{self, ClaimedJob};
use shared_db::tenant_data;
use shared_models::RowCounts;

use super::peers::{self, PEERS};
use super::worker::{Ending, save};
use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{self, Kind, PrivacyRow};

/// After something was erased all services are asked once more, so much later: what was under way
/// when they were emptied has ended by then.
const SECOND_LOOK: Duration = Duration::from_secs(3);
/// The kind of what comes and goes by itself.
const KEYS: &str = "redis.keys";

/// Does one attempt. Each step may be repeated: a service that was emptied has nothing left.
pub(super) async fn run(app: &AppState, claim: &ClaimedJob) -> Result<Ending, Error> {
    let Some(mut request) = begin(app, claim).await? else {
        return Ok(Ending::Lost);
    };
    // Nothing new comes from now on; told again at each attempt, since Redis may forget.
    app.revoke(Subject::Tenant(claim.creator)).await?;
    let mut found = 0;
    for service in PEERS {
        let part = request
            .progress
            .entry(service.name().to_owned())
            .or_default();
        match peers::erase(app, service, claim.creator).await {
            Ok(erased) => {
                found += lasting(&erased);
                part.counts.add(&erased);
                part.done = lasting(&erased) == 0;
                part.waits_for = None;
            }
            Err(cause) => {
                part.done = false;
                part.waits_for = Some(service.name().to_owned());
                save(app, claim, &request.progress).await?;
                return Ok(Ending::Waits(service, cause));
            }
        }
        if !save(app, claim, &request.progress).await? {
            return Ok(Ending::Lost);
        }
    }
    if found > 0 {
        return Ok(Ending::Again(SECOND_LOOK));
    }
    finish(app, claim, request).await
}

/// Shuts the account; none when the request was cancelled, or is gone.
async fn begin(app: &AppState, claim: &ClaimedJob) -> Result<Option<PrivacyRow>, Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let begun = privacy_requests::begin(&mut tx, Kind::Erasure, claim.subject).await?;
    if begun.is_some() {
        privacy_requests::shut(&mut tx).await?;
    } else {
        jobs::complete(&mut tx, claim).await?;
    }
    tx.commit().await?;
    Ok(begun)
}

/// Erases what auth has, and what all services share, with the job itself; the proof stays. All of
/// it in one transaction: the proof is there if and only if the tenant is not.
async fn finish(app: &AppState, claim: &ClaimedJob, request: PrivacyRow) -> Result<Ending, Error> {
    let mut own = RowCounts::default();
    own.count(KEYS, forget_keys(app, claim).await?);
    let mut tx = app.db.tenant(claim.creator).await?;
    if !jobs::renew_lease(&mut tx, claim).await? {
        return Ok(Ending::Lost);
    }
    own.add(&tenant_data::erase(&mut tx, Service::Auth).await?);
    let PrivacyRow {
        id,
        mut progress,
        created_at,
        ..
    } = request;
    let part = progress.entry(Service::Auth.name().to_owned()).or_default();
    part.counts.add(&own);
    part.done = true;
    privacy_requests::record(&mut tx, id, created_at, &progress).await?;
    tx.commit().await?;
    metrics::counter!("auth_tenants_erased_total").increment(1);
    // Requests that were under way may have left keys; they end by themselves, too.
    if let Err(error) = forget_keys(app, claim).await {
        tracing::warn!(%error, "keys of an erased tenant end by themselves");
    }
    Ok(Ending::Done)
}

async fn forget_keys(app: &AppState, claim: &ClaimedJob) -> Result<u64, Error> {
    let forgotten = app.cache.forget_tenant(claim.creator).await;
    forgotten.map_err(|cause| Error::Limiter(Box::new(cause)))
}

fn lasting(tally: &RowCounts) -> u64 {
    let kinds = tally.kinds().filter(|(kind, _)| *kind != KEYS);
    kinds.map(|(_, count)| count).sum()
}
