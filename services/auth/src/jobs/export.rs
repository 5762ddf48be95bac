//! Exports everything that the platform stores about an account.
//!
//! The job checks that every service can export its part, and counts the records. The export itself
//! is produced while it is downloaded, so that no second copy of all data is stored for a week.

use axum::response::Response;
use serde_json::json;
use shared_config::Service;
use shared_db::jobs::{self, ClaimedJob};
use shared_models::{CreatorId, RowCounts};
use shared_web::tenant_data::{CopyError, NdjsonWriter, copy_rows};
use tracing::Instrument as _;

use super::worker::{Outcome, save_progress};
use crate::clients::tenant_data::{self, TenantDataError, TenantDataService};
use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{self, Kind, PrivacyRow};

/// The schemas that auth exports: its own, and the one that all services share.
const SCHEMAS: [&str; 2] = [Service::Auth.database_schema(), "platform"];

/// Runs one attempt.
pub(super) async fn run(app: &AppState, claim: &ClaimedJob) -> Result<Outcome, Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let started = privacy_requests::begin(&mut tx, Kind::Export, claim.subject).await?;
    if started.is_none() {
        jobs::complete(&mut tx, claim).await?;
    }
    tx.commit().await?;
    let Some(mut request) = started else {
        return Ok(Outcome::Lost);
    };
    for service in TenantDataService::ALL {
        let part = request
            .progress
            .entry(service.name().to_owned())
            .or_default();
        match count(app, service, claim.creator).await {
            Ok(counts) => {
                part.done = true;
                part.counts = counts;
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
    let mut tx = app.db.tenant(claim.creator).await?;
    privacy_requests::finish_export(&mut tx, request.id).await?;
    if !jobs::complete(&mut tx, claim).await? {
        return Ok(Outcome::Lost);
    }
    tx.commit().await?;
    Ok(Outcome::Done)
}

async fn count(
    app: &AppState,
    service: TenantDataService,
    creator: CreatorId,
) -> Result<RowCounts, TenantDataError> {
    let mut records = tenant_data::export(app, service, creator).await?;
    let mut counts = RowCounts::default();
    while let Some(record) = records.next().await? {
        counts.count(&record.kind, 1);
    }
    Ok(counts)
}

/// Streams the export as NDJSON: the part of auth, then that of each other service, then a last
/// record `end`. Without it the export is incomplete.
pub(crate) fn download(app: AppState, creator: CreatorId, request: &PrivacyRow) -> Response {
    let (mut writer, response) = NdjsonWriter::answer();
    let about = json!({"request": request.id, "creator_id": creator});
    let work = async move {
        let mut written = writer.write("about", about).await;
        if written.is_ok() {
            written = write(&app, creator, &mut writer).await;
        }
        writer.end(written).await;
    };
    tokio::spawn(work.in_current_span());
    response
}

async fn write(
    app: &AppState,
    creator: CreatorId,
    writer: &mut NdjsonWriter,
) -> Result<(), CopyError> {
    for schema in SCHEMAS {
        copy_rows(&app.db, creator, schema, writer).await?;
    }
    for service in TenantDataService::ALL {
        let opened = tenant_data::export(app, service, creator).await;
        let mut records = opened.map_err(interrupted)?;
        while let Some(record) = records.next().await.map_err(interrupted)? {
            writer.pass(&record).await?;
        }
    }
    Ok(())
}

fn interrupted(error: TenantDataError) -> CopyError {
    CopyError::Files(std::io::Error::other(error))
}
