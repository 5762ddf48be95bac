//! Erases an account in every service, in auth last.

use std::time::Duration;

use shared_auth::Subject;
use shared_config::Service;
use shared_db::jobs::{self, ClaimedJob};
use shared_db::tenant_data;
use shared_models::RowCounts;

use super::worker::{Outcome, save_progress};
use crate::app::revocation;
use crate::clients::tenant_data::{self as client, TenantDataService};
use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{self, Kind, PrivacyRow};

/// When a service has erased something, all are called again after this time: requests that were
/// running during the erasure have ended by then.
const RECHECK_INTERVAL: Duration = Duration::from_secs(3);
/// The kind of erased Redis keys, which expire anyway.
const REDIS_KEYS: &str = "redis.keys";

/// Runs one attempt. Each step may be repeated: a service whose data is erased has nothing left.
pub(super) async fn run(app: &AppState, claim: &ClaimedJob) -> Result<Outcome, Error> {
    let Some(mut request) = begin(app, claim).await? else {
        return Ok(Outcome::Lost);
    };
    // Published at each attempt, because Redis may have lost it: no new data arrives from now on.
    revocation::publish_once(app, Subject::Tenant(claim.creator)).await?;
    let mut erased_rows = 0;
    for service in TenantDataService::ALL {
        let part = request
            .progress
            .entry(service.name().to_owned())
            .or_default();
        match client::erase(app, service, claim.creator).await {
            Ok(erased) => {
                let rows = count_rows(&erased);
                erased_rows += rows;
                part.counts.add(&erased);
                part.done = rows == 0;
                part.waits_for = None;
            }
            Err(cause) => {
                part.done = false;
                part.waits_for = Some(service.name().to_owned());
                save_progress(app, claim, &request.progress).await?;
                return Ok(Outcome::Waiting(service, cause));
            }
        }
        if !save_progress(app, claim, &request.progress).await? {
            return Ok(Outcome::Lost);
        }
    }
    if erased_rows > 0 {
        return Ok(Outcome::Continue(RECHECK_INTERVAL));
    }
    finish(app, claim, request).await
}

/// Suspends the account; none when the request was cancelled, or is gone.
async fn begin(app: &AppState, claim: &ClaimedJob) -> Result<Option<PrivacyRow>, Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let started = privacy_requests::begin(&mut tx, Kind::Erasure, claim.subject).await?;
    if started.is_some() {
        privacy_requests::suspend(&mut tx).await?;
    } else {
        jobs::complete(&mut tx, claim).await?;
    }
    tx.commit().await?;
    Ok(started)
}

/// Erases the data of auth and of the shared schema, including the job, and records the erasure.
/// All in one transaction: the record exists if and only if the tenant does not.
async fn finish(app: &AppState, claim: &ClaimedJob, request: PrivacyRow) -> Result<Outcome, Error> {
    let mut own = RowCounts::default();
    own.count(REDIS_KEYS, delete_redis_keys(app, claim).await?);
    let mut tx = app.db.tenant(claim.creator).await?;
    if !jobs::renew_lease(&mut tx, claim).await? {
        return Ok(Outcome::Lost);
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
    privacy_requests::record_erasure(&mut tx, id, created_at, &progress).await?;
    tx.commit().await?;
    metrics::counter!("auth_tenants_erased_total").increment(1);
    // Requests that were running may have written keys again; these expire as well.
    if let Err(error) = delete_redis_keys(app, claim).await {
        tracing::warn!(%error, "Redis keys of an erased tenant not deleted; they expire");
    }
    Ok(Outcome::Done)
}

async fn delete_redis_keys(app: &AppState, claim: &ClaimedJob) -> Result<u64, Error> {
    let deleted = app.cache.forget_tenant(claim.creator).await;
    deleted.map_err(|cause| Error::Redis(Box::new(cause)))
}

/// The erased rows and files, without Redis keys.
fn count_rows(counts: &RowCounts) -> u64 {
    let kinds = counts.kinds().filter(|(kind, _)| *kind != REDIS_KEYS);
    kinds.map(|(_, count)| count).sum()
}
