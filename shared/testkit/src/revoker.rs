//! What auth does with revocations, for tests that run without auth.

use std::time::Duration;

use shared_auth::{RecordRevocations, RevocationPublisher, Subject};
use shared_cache::{Cache, CacheSettings};
use shared_config::Service;
use shared_db::Db;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::TestDatabase;

/// The lifetime of the access tokens of a test.
const TOKEN_TTL: Duration = Duration::from_mins(15);

/// Revokes as auth does: by a row, and by Redis after the commit.
#[derive(Debug, Clone)]
pub struct Revoker {
    /// Publishes, and keeps the epoch.
    pub publisher: RevocationPublisher,
    db: Db,
}

impl Revoker {
    /// Revokes in this database and this Redis.
    pub fn new(database: &TestDatabase, redis: &CacheSettings) -> Self {
        let db = database.as_service(Service::Auth);
        let cache = Cache::new(redis).expect("a Redis address");
        let publisher = RevocationPublisher::new(cache, &db, TOKEN_TTL);
        Self { publisher, db }
    }

    /// Revokes a subject in a transaction of its own.
    pub async fn revoke(&self, subject: Subject) {
        self.commit(self.publisher.revoke([subject])).await;
    }

    /// Lifts a revocation in a transaction of its own.
    pub async fn lift(&self, subject: Subject) {
        self.commit(self.publisher.lift(subject)).await;
    }

    /// Keeps the epoch until the guard is dropped, as a running auth does.
    pub fn run(&self) -> DropGuard {
        let stop = CancellationToken::new();
        tokio::spawn(self.publisher.clone().run(stop.clone()));
        stop.drop_guard()
    }

    async fn commit(&self, effect: RecordRevocations) {
        let mut tx = self.db.system().await.expect("a transaction");
        tx.apply(effect).await.expect("a row");
        tx.commit().await.expect("a commit");
    }
}
