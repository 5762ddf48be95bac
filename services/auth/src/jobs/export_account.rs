//! Prepares an export of everything that the platform stores about an account.
//!
//! The job checks that every service can export its part, and counts the records. The export itself
//! is produced while it is downloaded, so that no second copy of all data is stored for a week.

use std::time::Duration;

use shared_db::TenantTx;
use shared_jobs::{Job, JobContext, JobError, Outcome};
use shared_models::{CreatorId, ExportFailureCode, Retry, RowCounts};

use super::save_progress;
use crate::clients::tenant_data::{TenantDataError, TenantDataService};
use crate::state::AppState;
use crate::store::privacy_requests::{self, Failure, Kind, PrivacyRow};

/// Attempts after which an export no longer waits for an unavailable service: about an hour, since
/// they are at most 30 seconds apart. Time in which auth itself is down does not count.
const MAX_OUTAGE_ATTEMPTS: i32 = 120;

/// The job.
pub(super) struct ExportAccount {
    app: AppState,
}

impl ExportAccount {
    pub(super) const fn new(app: AppState) -> Self {
        Self { app }
    }

    async fn count(
        &self,
        service: TenantDataService,
        tenant: CreatorId,
    ) -> Result<RowCounts, TenantDataError> {
        let mut records = self.app.privacy.services.export(service, tenant).await?;
        let mut counts = RowCounts::default();
        while let Some(record) = records.next().await? {
            counts.count(record.kind(), 1);
        }
        Ok(counts)
    }
}

impl Job for ExportAccount {
    const KIND: &'static str = Kind::Export.as_str();
    const TIMEOUT: Duration = Duration::from_hours(6);
    type Payload = serde_json::Map<String, serde_json::Value>;

    async fn run(&self, context: &JobContext, _: Self::Payload) -> Result<Outcome, JobError> {
        let Some(mut request) = begin(context).await? else {
            return Ok(Outcome::Completed);
        };
        for service in TenantDataService::ALL {
            let counted = self.count(service, context.tenant()).await;
            let name = service.name().to_owned();
            let part = request.progress.entry(name.clone()).or_default();
            part.done = counted.is_ok();
            part.waits_for = counted.is_err().then_some(name);
            if let Ok(counts) = &counted {
                part.counts = counts.clone();
            }
            if !save_progress(context, &request.progress).await? {
                return Ok(Outcome::LeaseLost);
            }
            counted.map_err(|cause| failure(context.job().attempt, service, &cause))?;
        }
        let mut tx = context.begin().await?;
        privacy_requests::finish_export(&mut tx, request.id).await?;
        if !context.complete(&mut tx).await? {
            return Ok(Outcome::LeaseLost);
        }
        tx.commit().await?;
        Ok(Outcome::Completed)
    }

    async fn on_failure(
        &self,
        tx: &mut TenantTx,
        context: &JobContext,
        error: &JobError,
        failed: bool,
    ) -> sqlx::Result<()> {
        if !failed {
            return Ok(());
        }
        let failure = Failure::new(&error.code, &error.reason);
        privacy_requests::fail(tx, context.subject(), &failure).await
    }
}

/// Marks the request as running; none when it was cancelled, and the job is completed.
async fn begin(context: &JobContext) -> sqlx::Result<Option<PrivacyRow>> {
    let mut tx = context.begin().await?;
    let started = privacy_requests::begin(&mut tx, Kind::Export, context.subject()).await?;
    if started.is_none() {
        context.complete(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(started)
}

/// Waits for an unavailable service for a limited time; retries other failures a few times.
fn failure(attempt: i32, service: TenantDataService, cause: &TenantDataError) -> JobError {
    let name = service.name();
    if cause.is_outage() {
        if attempt < MAX_OUTAGE_ATTEMPTS {
            return JobError::unavailable(name, cause);
        }
        tracing::warn!(service = name, %cause, "export failed: service unavailable for too long");
        let reason = format!("{name} was not available for too long; request a new export");
        return JobError::new("dependency_unavailable", reason, Retry::Never);
    }
    tracing::warn!(service = name, %cause, "export attempt failed");
    match cause.reported() {
        Some(reported) if reported.code == ExportFailureCode::LineTooLong => {
            let reason = format!("{name}: {}", reported.reason);
            JobError::new("line_too_long", reason, Retry::Never)
        }
        _ => {
            let reason = format!("{name} did not export its part completely");
            JobError::new("incomplete_part", reason, Retry::Limited)
        }
    }
}
