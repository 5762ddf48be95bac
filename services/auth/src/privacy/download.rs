//! Streams the copy of an account to its owner, while it is read from every service.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use shared_cache::{Key, Lock};
use shared_config::Service;
use shared_models::CreatorId;
use shared_web::ApiError;
use shared_web::tenant_data::{CopyError, Lines, copy_rows};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;
use uuid::Uuid;

use super::peers::{self, PEERS};
use crate::error::Error;
use crate::state::AppState;

/// What auth copies: its own schema, and what all services share.
const SCHEMAS: [&str; 2] = [Service::Auth.database_schema(), "platform"];
/// Maximum duration of a download.
const MAX_DURATION: Duration = Duration::from_hours(6);
/// How long a reader may take for one chunk of some ten KiB.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long another download is refused after the process that served one has died.
const LOCK_LIFE: Duration = Duration::from_secs(30);
/// How often the lock is renewed: several times within its life.
const RENEWAL: Duration = Duration::from_secs(8);
/// When a download that found no slot may be tried again.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// The right to download: one for each account, across replicas, and a bounded number for each
/// process, whose memory serves sign-ins, too.
struct Slot {
    lock: Lock,
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    async fn acquire(app: &AppState, creator: CreatorId) -> Result<Self, Error> {
        let permit = Arc::clone(&app.privacy.downloads).try_acquire_owned();
        let permit = permit.map_err(|_| {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded")
                .detail("too many copies are downloaded at once; try again shortly")
                .retry_after(RETRY_AFTER)
        })?;
        let lock = Lock::acquire(&app.cache, Key::export_download(creator), LOCK_LIFE).await;
        let lock = lock.map_err(|cause| Error::Limiter(Box::new(cause)))?;
        let lock = lock.ok_or_else(|| {
            ApiError::conflict("download_in_progress")
                .detail("a copy of this account is being downloaded; wait until that has ended")
                .retry_after(RETRY_AFTER)
        })?;
        Ok(Self {
            lock,
            _permit: permit,
        })
    }

    /// Renews the lock until another download holds it: Redis may lose its keys.
    async fn until_lost(&self) {
        loop {
            tokio::time::sleep(RENEWAL).await;
            match self.lock.renew().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "the lock of a download was not renewed"),
            }
        }
    }

    async fn release(self) {
        if let Err(error) = self.lock.release().await {
            tracing::warn!(%error, "the lock of a download ends by itself");
        }
    }
}

/// Gives the copy (NDJSON): auth's part first, then each service's, then a last line `end`,
/// without which it is not complete. One download of an account at a time.
pub(crate) async fn download(
    app: AppState,
    creator: CreatorId,
    request: Uuid,
) -> Result<Response, Error> {
    let slot = Slot::acquire(&app, creator).await?;
    let (lines, response) = Lines::answer();
    let mut lines = lines.with_patience(PATIENCE);
    let work = async move {
        let copied = tokio::select! {
            copied = write(&app, creator, request, &mut lines) => copied,
            () = slot.until_lost() => Err(CopyError::Stopped("another download holds the lock")),
            () = tokio::time::sleep(MAX_DURATION) => Err(CopyError::Stopped("it took too long")),
        };
        lines.end(copied).await;
        slot.release().await;
    };
    tokio::spawn(work.in_current_span());
    Ok(response)
}

async fn write(
    app: &AppState,
    creator: CreatorId,
    request: Uuid,
    lines: &mut Lines,
) -> Result<(), CopyError> {
    let about = json!({"request": request, "creator_id": creator});
    lines.write("about", &about).await?;
    for schema in SCHEMAS {
        copy_rows(&app.db, creator, schema, lines).await?;
    }
    for service in PEERS {
        let mut copy = peers::copy(app, service, creator).await?;
        while let Some(line) = copy.next().await? {
            lines.pass(&line).await?;
        }
    }
    Ok(())
}
