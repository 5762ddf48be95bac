//! Copies everything that the platform keeps of an account.
//!
//! The job looks whether every service can give its part, and counts. The copy itself is made
//! while it is fetched: no second copy of everything lies about for a week.

use axum::response::Response;
use serde_json::json;
use shared_config::Service;
use shared_db::jobs::{self, ClaimedJob};
use shared_models::{CreatorId, RowCounts};
use shared_web::tenant_data::{CopyError, NdjsonWriter, copy_rows};
use tracing::Instrument as _;

use super::peers::{self, PEERS, PeerError};
use super::worker::{Ending, save};
use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{self, Kind, PrivacyRow};

/// What auth copies: its own schema, and what all services share.
const SCHEMAS: [&str; 2] = [Service::Auth.database_schema(), "platform"];

/// Does one attempt.
pub(super) async fn run(app: &AppState, claim: &ClaimedJob) -> Result<Ending, Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let begun = privacy_requests::begin(&mut tx, Kind::Export, claim.subject).await?;
    if begun.is_none() {
        jobs::complete(&mut tx, claim).await?;
    }
    tx.commit().await?;
    let Some(mut request) = begun else {
        return Ok(Ending::Lost);
    };
    for service in PEERS {
        let part = request
            .progress
            .entry(service.name().to_owned())
            .or_default();
        match count(app, service, claim.creator).await {
            Ok(counts) => {
                (part.done, part.counts, part.waits_for) = (true, counts, None);
            }
            Err(cause) => {
                (part.done, part.waits_for) = (false, Some(service.name().to_owned()));
                save(app, claim, &request.progress).await?;
                return Ok(Ending::Waits(service, cause));
            }
        }
        if !save(app, claim, &request.progress).await? {
            return Ok(Ending::Lost);
        }
    }
    let mut tx = app.db.tenant(claim.creator).await?;
    privacy_requests::finish_export(&mut tx, request.id).await?;
    if !jobs::complete(&mut tx, claim).await? {
        return Ok(Ending::Lost);
    }
    tx.commit().await?;
    Ok(Ending::Done)
}

async fn count(
    app: &AppState,
    service: Service,
    creator: CreatorId,
) -> Result<RowCounts, PeerError> {
    let mut copy = peers::copy(app, service, creator).await?;
    let mut tally = RowCounts::default();
    while let Some(line) = copy.next().await? {
        tally.count(&line.kind, 1);
    }
    Ok(tally)
}

/// Gives the copy (NDJSON): auth's part first, then each service's, then a last line `end`,
/// without which it is not whole.
pub(crate) fn download(app: AppState, creator: CreatorId, request: &PrivacyRow) -> Response {
    let (mut lines, response) = NdjsonWriter::answer();
    let about = json!({"request": request.id, "creator_id": creator});
    let work = async move {
        let mut copied = lines.write("about", about).await;
        if copied.is_ok() {
            copied = write(&app, creator, &mut lines).await;
        }
        lines.end(copied).await;
    };
    tokio::spawn(work.in_current_span());
    response
}

async fn write(
    app: &AppState,
    creator: CreatorId,
    lines: &mut NdjsonWriter,
) -> Result<(), CopyError> {
    for schema in SCHEMAS {
        copy_rows(&app.db, creator, schema, lines).await?;
    }
    for service in PEERS {
        let mut copy = peers::copy(app, service, creator).await.map_err(broken)?;
        while let Some(line) = copy.next().await.map_err(broken)? {
            lines.pass(&line).await?;
        }
    }
    Ok(())
}

fn broken(error: PeerError) -> CopyError {
    CopyError::Files(std::io::Error::other(error))
}
