//! Streams an export to the owner of the account while it is read from every service.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use shared_cache::{Key, Lock};
use shared_config::Service;
use shared_models::CreatorId;
use shared_web::tenant_data::{ExportError, NdjsonWriter, export_rows};
use shared_web::{ApiError, Caller, ClientIp};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::app::audit;
use crate::clients::tenant_data::TenantDataService;
use crate::domain::audit::Action;
use crate::error::Error;
use crate::state::AppState;

/// The schemas that auth exports: its own, and the one that all services share.
const SCHEMAS: [&str; 2] = [Service::Auth.database_schema(), "platform"];
/// Maximum duration of a download.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_hours(6);
/// How long a reader may take for one chunk of some ten KiB.
const READER_TIMEOUT: Duration = Duration::from_mins(5);
/// How long another download is refused after the process that served one has died.
const LOCK_TTL: Duration = Duration::from_secs(30);
/// How often the lock is renewed: several times before it expires.
const LOCK_RENEWAL_INTERVAL: Duration = Duration::from_secs(8);
/// `Retry-After` of a download that found no free slot.
const RETRY_BACKOFF: Duration = Duration::from_secs(30);

/// The right to download: one per account across replicas, and a bounded number per process, whose
/// memory also serves sign-ins.
struct Slot {
    lock: Lock,
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    async fn acquire(app: &AppState, creator: CreatorId) -> Result<Self, Error> {
        let permit = Arc::clone(&app.privacy.downloads).try_acquire_owned();
        let permit = permit.map_err(|_| {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded")
                .detail("too many concurrent downloads; try again shortly")
                .retry_after(RETRY_BACKOFF)
        })?;
        let lock = Lock::acquire(&app.cache, Key::export_download(creator), LOCK_TTL).await;
        let lock = lock.map_err(|cause| Error::Redis(Box::new(cause)))?;
        let lock = lock.ok_or_else(|| {
            ApiError::conflict("download_in_progress")
                .detail("an export of this account is being downloaded; wait until that has ended")
                .retry_after(RETRY_BACKOFF)
        })?;
        Ok(Self {
            lock,
            _permit: permit,
        })
    }

    /// Renews the lock; returns when another download has acquired it, because Redis lost the key.
    async fn until_lost(&self) {
        loop {
            tokio::time::sleep(LOCK_RENEWAL_INTERVAL).await;
            match self.lock.renew().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "download lock not renewed"),
            }
        }
    }

    async fn release(self) {
        if let Err(error) = self.lock.release().await {
            tracing::warn!(%error, "download lock not released; it expires");
        }
    }
}

/// Streams the export as NDJSON: the part of auth, then that of each other service, then a last
/// line `end`. Without it the export is incomplete. An account has one download at a time.
pub(crate) async fn download(
    app: AppState,
    caller: &Caller,
    ip: ClientIp,
    request: Uuid,
) -> Result<Response, Error> {
    let creator = caller.tenant;
    let slot = Slot::acquire(&app, creator).await?;
    let mut tx = app.db.tenant(creator).await?;
    let audit_event = audit::event(&caller.principal, Action::ExportDownloaded, ip).on(request);
    audit::append(&mut tx, audit_event).await?;
    tx.commit().await?;
    let (writer, response) = NdjsonWriter::answer();
    let mut writer = writer.with_patience(READER_TIMEOUT);
    let work = async move {
        let written = tokio::select! {
            written = write(&app, creator, request, &mut writer) => written,
            () = slot.until_lost() => Err(ExportError::Stopped("another download holds the lock")),
            () = tokio::time::sleep(DOWNLOAD_TIMEOUT) => {
                Err(ExportError::Stopped("the download took too long"))
            },
        };
        writer.end(written).await;
        slot.release().await;
    };
    tokio::spawn(work.in_current_span());
    Ok(response)
}

async fn write(
    app: &AppState,
    creator: CreatorId,
    request: Uuid,
    writer: &mut NdjsonWriter,
) -> Result<(), ExportError> {
    let about = json!({"request": request, "creator_id": creator});
    writer.write("about", &about).await?;
    for schema in SCHEMAS {
        export_rows(&app.db, creator, schema, writer).await?;
    }
    for service in TenantDataService::ALL {
        let mut records = app.privacy.services.export(service, creator).await?;
        while let Some(line) = records.next().await? {
            writer.pass(&line).await?;
        }
    }
    Ok(())
}
