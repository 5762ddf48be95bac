//! Cancels an answer by its id. The request may reach another replica than the one that generates
//! the answer, so the request is stored in Redis, where that replica finds it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared_cache::{Cache, Key};
use shared_models::{CreatorId, GenerationId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::generations;
use crate::error::Error;
use crate::state::AppState;

/// How often a replica checks whether its answer was cancelled: the model must stop within 100 ms.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Longer than any answer takes. It removes the entries of replicas that crashed.
const ENTRY_TTL: Duration = Duration::from_mins(30);

/// What Redis says about an answer that is being generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Running,
    Cancelled,
}

/// An answer that can be cancelled while it is being generated.
#[derive(Debug)]
pub(super) struct RunningAnswer {
    cache: Cache,
    key: Key,
    cancelled: CancellationToken,
    _polling: AbortOnDropHandle<()>,
}

impl RunningAnswer {
    /// Registers an answer. Without Redis it is generated all the same, and cannot be cancelled.
    pub(super) async fn register(app: &AppState, tenant: CreatorId, id: GenerationId) -> Self {
        let (cache, key) = (app.cache.clone(), Key::running_answer(tenant, id));
        let written = cache.write(&key, &Entry::Running, ENTRY_TTL).await;
        if let Err(error) = written {
            tracing::warn!(%error, generation = %id, "answer cannot be cancelled without Redis");
        }
        let cancelled = CancellationToken::new();
        let polling = tokio::spawn(poll(cache.clone(), key.clone(), cancelled.clone()));
        Self {
            cache,
            key,
            cancelled,
            _polling: AbortOnDropHandle::new(polling),
        }
    }

    /// Returns when the answer is cancelled.
    pub(super) async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }

    /// Removes the entry of an answer that has ended.
    pub(super) async fn end(self) {
        if let Err(error) = self.cache.forget(&self.key).await {
            tracing::debug!(%error, "entry of a finished answer not removed; it expires");
        }
    }
}

async fn poll(cache: Cache, key: Key, cancelled: CancellationToken) {
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        // Without Redis the answer continues; the next check may succeed.
        if let Ok(Some(Entry::Cancelled)) = cache.read(&key).await {
            return cancelled.cancel();
        }
    }
}

/// Cancels an answer. An answer that has ended stays as it is, and that is no error: the request
/// may come too late.
pub(crate) async fn cancel(
    app: &AppState,
    tenant: CreatorId,
    id: GenerationId,
) -> Result<(), Error> {
    let key = Key::running_answer(tenant, id);
    let entry: Option<Entry> = app.cache.read(&key).await.map_err(Error::Cache)?;
    match entry {
        Some(Entry::Cancelled) => Ok(()),
        Some(Entry::Running) => {
            let written = app.cache.write(&key, &Entry::Cancelled, ENTRY_TTL);
            written.await.map_err(Error::Cache)
        }
        None => generations::read(app, tenant, id).await.map(drop),
    }
}
