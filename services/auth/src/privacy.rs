//! Copies of everything that the platform keeps of an account, and its erasure.
//!
//! Both are jobs: they survive restarts, wait for a service that is away, and say which one.

mod download;
mod erasure;
mod export;
mod peers;
pub(crate) mod worker;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use shared_config::{Reader, Service, keys};
use shared_db::TenantTx;
use shared_db::jobs;
use shared_models::{CreatorId, UserId};
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

use crate::audit::{self, Event};
use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{self, Kind, PrivacyRow, Progress, State};

pub(crate) use download::download;

/// The queue of this service's jobs.
const QUEUE: &str = Service::Auth.name();
/// How long an owner may think better of an erasure, seconds: seven days.
const GRACE: u64 = 7 * 86_400;
/// Downloads at once in one process, of all accounts together; each takes up to about 1 MiB.
const MAX_DOWNLOADS: usize = 32;

/// Where the other services are, and how long an erasure waits.
#[derive(Debug, Clone)]
pub struct PrivacySettings {
    /// Base URL of creator-hub.
    pub creator_hub_url: String,
    /// Base URL of ai-engine.
    pub ai_engine_url: String,
    /// Base URL of channel.
    pub channel_url: String,
    /// How long an owner may think better of an erasure.
    pub grace: Duration,
    /// Downloads of copies at once in one process, of all accounts together.
    pub max_downloads: usize,
}

impl PrivacySettings {
    /// Reads the settings; without an address a service is looked for on this machine.
    pub(crate) fn from_reader(reader: &mut Reader) -> Self {
        let url = |reader: &mut Reader, key, service: Service| {
            if reader.optional(key, "").is_empty() {
                return format!("http://127.0.0.1:{}", service.port());
            }
            reader.url(key)
        };
        let grace = reader.bounded(keys::ERASURE_GRACE_SECONDS, GRACE, 0, 90 * 86_400);
        Self {
            creator_hub_url: url(reader, keys::CREATOR_HUB_URL, Service::CreatorHub),
            ai_engine_url: url(reader, keys::AI_ENGINE_URL, Service::AiEngine),
            channel_url: url(reader, keys::CHANNEL_URL, Service::Channel),
            grace: Duration::from_secs(grace),
            max_downloads: MAX_DOWNLOADS,
        }
    }
}

/// What privacy requests need at hand.
#[derive(Debug, Clone)]
pub(crate) struct Privacy {
    settings: PrivacySettings,
    http: reqwest::Client,
    woken: Arc<Notify>,
    downloads: Arc<Semaphore>,
}

impl Privacy {
    pub(crate) fn new(settings: PrivacySettings, http: reqwest::Client) -> Self {
        Self {
            downloads: Arc::new(Semaphore::new(settings.max_downloads)),
            settings,
            http,
            woken: Arc::default(),
        }
    }

    /// Tells the worker that something was asked for.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }
}

/// An erasure, under way or done. `creator` is gone when it is done, so nothing here names it.
#[derive(Debug, Clone)]
pub(crate) struct Erasure {
    pub(crate) request: Uuid,
    pub(crate) finished_at: Option<Timestamp>,
    /// What each service erased, or which one is waited for.
    pub(crate) progress: Progress,
}

/// Asks for a copy of everything, or for the erasure of an account after the time of grace; what
/// was asked for and is not at its end is answered again. Wake the worker after the commit.
pub(crate) async fn ask_for(
    app: &AppState,
    tx: &mut TenantTx,
    kind: Kind,
    by: UserId,
    noted: Event,
) -> Result<PrivacyRow, Error> {
    let wait = match kind {
        Kind::Export => Duration::ZERO,
        Kind::Erasure => app.privacy.settings.grace,
    };
    let row = ask(tx, kind, Some(by), wait).await?;
    audit::append(tx, noted.on(row.id)).await?;
    Ok(row)
}

/// Erases an account now, whoever asked before: the seam of what manages accounts. Asked again it
/// names the same request, also when all is done.
pub(crate) async fn erase_tenant(app: &AppState, creator: CreatorId) -> Result<Uuid, Error> {
    if let Some(done) = erasure(app, creator)
        .await?
        .filter(|e| e.finished_at.is_some())
    {
        return Ok(done.request);
    }
    let mut tx = app.db.tenant(creator).await?;
    let row = ask(&mut tx, Kind::Erasure, None, Duration::ZERO).await?;
    if row.state == State::Waiting {
        privacy_requests::hasten(&mut tx, row.id).await?;
    }
    tx.commit().await?;
    app.privacy.wake();
    Ok(row.id)
}

/// The erasure of an account, under way or done.
pub(crate) async fn erasure(app: &AppState, creator: CreatorId) -> Result<Option<Erasure>, Error> {
    if let Some(done) = privacy_requests::erased(&app.db, creator).await? {
        return Ok(Some(Erasure {
            request: done.request,
            finished_at: Some(done.finished_at),
            progress: done.progress,
        }));
    }
    let mut tx = app.db.tenant_read(creator).await?;
    let open = privacy_requests::open(&mut tx, Kind::Erasure).await?;
    Ok(open.map(|row| Erasure {
        request: row.id,
        finished_at: None,
        progress: row.progress,
    }))
}

/// One request of a kind at a time: a second one is the first.
async fn ask(
    tx: &mut TenantTx,
    kind: Kind,
    by: Option<UserId>,
    wait: Duration,
) -> Result<PrivacyRow, Error> {
    privacy_requests::lock(tx).await?;
    if let Some(open) = privacy_requests::open(tx, kind).await? {
        return Ok(open);
    }
    let due = Timestamp::now() + wait;
    let row = privacy_requests::insert(tx, kind, by, due).await?;
    jobs::enqueue_after(tx, QUEUE, kind.as_str(), row.id, wait).await?;
    Ok(row)
}
