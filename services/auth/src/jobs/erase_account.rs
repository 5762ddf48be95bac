//! Erases an account in every service, in auth last.

use std::time::Duration;

use shared_auth::Subject;
use shared_config::Service;
use shared_db::tenant_data;
use shared_jobs::{Job, JobContext, JobError, Outcome, lease};
use shared_models::RowCounts;

use super::{job_error, save_progress};
use crate::app::tenants;
use crate::clients::tenant_data::TenantDataService;
use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{self, Kind, PrivacyRow};

/// When a service has erased something, all are called again after this time: requests that were
/// running during the erasure have ended by then.
const RECHECK_INTERVAL: Duration = Duration::from_secs(3);
/// The kind of erased Redis keys, which expire anyway.
const REDIS_KEYS: &str = "redis.keys";

/// The job. Each step may be repeated: a service whose data is erased has nothing left.
pub(super) struct EraseAccount {
    app: AppState,
}

impl EraseAccount {
    pub(super) const fn new(app: AppState) -> Self {
        Self { app }
    }

    async fn erase(&self, context: &JobContext) -> Result<Outcome, Error> {
        let Some(mut request) = self.begin(context).await? else {
            return Ok(Outcome::Completed);
        };
        let mut erased_rows = 0;
        for service in TenantDataService::ALL {
            let name = service.name();
            let part = request.progress.entry(name.to_owned()).or_default();
            let erased = self
                .app
                .privacy
                .services
                .erase(service, context.tenant())
                .await;
            let waits_for = erased.is_err().then(|| name.to_owned());
            if let Ok(counts) = &erased {
                let rows = count_rows(counts);
                erased_rows += rows;
                part.counts.add(counts);
                part.done = rows == 0;
            } else {
                part.done = false;
            }
            part.waits_for = waits_for;
            if !save_progress(context, &request.progress).await? {
                return Ok(Outcome::LeaseLost);
            }
            erased.map_err(|cause| Error::TenantData(service, cause))?;
        }
        if erased_rows > 0 {
            return Ok(Outcome::Continue(RECHECK_INTERVAL));
        }
        self.finish(context, request).await
    }

    /// Suspends the account, so that no new data arrives; none when the request was cancelled or is
    /// gone, and the job is completed.
    async fn begin(&self, context: &JobContext) -> Result<Option<PrivacyRow>, Error> {
        let mut tx = context.begin().await?;
        let started = privacy_requests::begin(&mut tx, Kind::Erasure, context.subject()).await?;
        if started.is_some() {
            privacy_requests::suspend(&mut tx).await?;
            let subject = Subject::Tenant(context.tenant());
            tx.apply(self.app.revocations.revoke([subject])).await?;
            tenants::forget_settings(&self.app, &mut tx);
        } else {
            context.complete(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(started)
    }

    /// Erases the data of auth and of the shared schema, including the job, and records the
    /// erasure. All in one transaction: the record exists if and only if the tenant does not.
    async fn finish(&self, context: &JobContext, request: PrivacyRow) -> Result<Outcome, Error> {
        let mut own = RowCounts::default();
        own.count(REDIS_KEYS, self.delete_redis_keys(context).await?);
        let mut tx = context.begin().await?;
        if !lease::renew_lease(&mut tx, context.job()).await? {
            return Ok(Outcome::LeaseLost);
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
        if let Err(error) = self.delete_redis_keys(context).await {
            tracing::warn!(%error, "Redis keys of an erased tenant not deleted; they expire");
        }
        Ok(Outcome::Completed)
    }

    async fn delete_redis_keys(&self, context: &JobContext) -> Result<u64, Error> {
        let deleted = self.app.cache.forget_tenant(context.tenant()).await;
        deleted.map_err(|cause| Error::Redis(Box::new(cause)))
    }
}

impl Job for EraseAccount {
    const KIND: &'static str = Kind::Erasure.as_str();
    const TIMEOUT: Duration = Duration::from_mins(30);
    const NEVER_FAILS: bool = true;
    type Payload = serde_json::Map<String, serde_json::Value>;

    async fn run(&self, context: &JobContext, _: Self::Payload) -> Result<Outcome, JobError> {
        self.erase(context).await.map_err(|error| match error {
            Error::TenantData(service, cause) => JobError::unavailable(service.name(), &cause),
            error => job_error(&error),
        })
    }
}

/// The erased rows and files, without Redis keys.
fn count_rows(counts: &RowCounts) -> u64 {
    let kinds = counts.kinds().filter(|(kind, _)| *kind != REDIS_KEYS);
    kinds.map(|(_, count)| count).sum()
}
