//! The rows as this process has last loaded them, for when Redis cannot be trusted.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use redis::RedisError;
use shared_db::Db;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::Subject;
use super::rows::{self, RevocationRow};

/// Without an epoch the rows are loaded at most so often: a revocation is known within a second.
const LOAD_INTERVAL: Duration = Duration::from_millis(900);
/// Longest wait for the database: a new connection to a busy server takes seconds, and what is not
/// loaded refuses every change.
const LOAD_TIMEOUT: Duration = Duration::from_secs(4);

/// Why it is unknown what is revoked.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Unavailable {
    /// Redis may lack some, and the rows could not be loaded.
    #[error("the live revocations cannot be loaded: {0}")]
    Rows(Arc<str>),
    /// Redis fails, and the rows could not be loaded.
    #[error("{redis}, and the live revocations cannot be loaded: {rows}")]
    RedisAndRows { redis: Arc<str>, rows: Arc<str> },
}

impl Unavailable {
    /// What failed first.
    pub(crate) const fn dependency(&self) -> &'static str {
        match self {
            Self::Rows(_) => "postgres",
            Self::RedisAndRows { .. } => "redis",
        }
    }

    pub(super) fn and_redis(&self, cause: &RedisError) -> Self {
        let (Self::Rows(rows) | Self::RedisAndRows { rows, .. }) = self;
        Self::RedisAndRows {
            redis: cause.to_string().into(),
            rows: Arc::clone(rows),
        }
    }
}

/// The rows of the last load, and when it began.
#[derive(Debug, Default)]
pub(super) struct LoadedRows {
    rows: HashMap<Subject, RevocationRow>,
    /// What Redis had before the load: from then on it has every newer revocation.
    epoch: Option<i64>,
    begun: Option<Instant>,
}

impl LoadedRows {
    /// The row that revokes a subject, unless it has expired or is lifted.
    pub(super) fn find(&self, subject: Subject) -> Option<&RevocationRow> {
        let row = self.rows.get(&subject)?;
        (!row.lifted && row.until > Timestamp::now().as_millisecond()).then_some(row)
    }

    /// Whether the revocation of a subject was lifted.
    pub(super) fn is_lifted(&self, subject: Subject) -> bool {
        self.rows.get(&subject).is_some_and(|row| row.lifted)
    }

    /// Whether Redis, in this epoch, has everything that is newer than these rows.
    pub(super) fn covers(&self, epoch: Option<i64>) -> bool {
        epoch.is_some() && self.epoch == epoch
    }

    /// Rows that were loaded under another epoch do not have what Redis has just lost, so a change
    /// of the epoch loads them again however fresh they are.
    fn is_current_for(&self, epoch: Option<i64>) -> bool {
        let fresh = |begun: Instant| epoch.is_some() || begun.elapsed() < LOAD_INTERVAL;
        self.epoch == epoch && self.begun.is_some_and(fresh)
    }
}

/// Loads the rows when Redis has no epoch, another one than before, or does not answer.
#[derive(Debug)]
pub(super) struct LiveRows {
    db: Db,
    last: RwLock<Arc<LoadedRows>>,
    /// Held while loading, so that concurrent requests load once; the last failure and its time.
    loading: Mutex<Option<(Instant, Unavailable)>>,
}

impl LiveRows {
    pub(super) fn new(db: Db) -> Self {
        Self {
            db,
            last: RwLock::default(),
            loading: Mutex::default(),
        }
    }

    /// Rows that together with what Redis has in this epoch are all that were committed until a
    /// second ago.
    pub(super) async fn current_for(
        &self,
        epoch: Option<i64>,
    ) -> Result<Arc<LoadedRows>, Unavailable> {
        let last = self.last();
        if last.is_current_for(epoch) {
            return Ok(last);
        }
        let mut failed = self.loading.lock().await;
        let last = self.last();
        if last.is_current_for(epoch) {
            return Ok(last);
        }
        if let Some((at, cause)) = &*failed
            && at.elapsed() < LOAD_INTERVAL
        {
            return Err(cause.clone());
        }
        match self.load(epoch).await {
            Ok(loaded) => {
                *failed = None;
                Ok(loaded)
            }
            Err(cause) => {
                tracing::warn!(%cause, "live revocations not loaded");
                *failed = Some((Instant::now(), cause.clone()));
                Err(cause)
            }
        }
    }

    async fn load(&self, epoch: Option<i64>) -> Result<Arc<LoadedRows>, Unavailable> {
        let begun = Instant::now();
        let loaded = timeout(LOAD_TIMEOUT, rows::load_live(&self.db)).await;
        let rows = loaded
            .map_err(|_| Unavailable::Rows("the database does not answer".into()))?
            .map_err(|cause| Unavailable::Rows(cause.to_string().into()))?;
        metrics::counter!("auth_revocation_loads_total").increment(1);
        let loaded = Arc::new(LoadedRows {
            rows: rows.into_iter().map(|row| (row.subject, row)).collect(),
            epoch,
            begun: Some(begun),
        });
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        *last = Arc::clone(&loaded);
        Ok(loaded)
    }

    /// The rows of the last load, however old.
    pub(super) fn last(&self) -> Arc<LoadedRows> {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&last)
    }
}
