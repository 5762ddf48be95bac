//! A row of a tenant table, for tests of transactions.

use shared_config::Service;
use shared_db::TenantTx;
use shared_jobs::{JobQueue, NewJob};
use shared_testkit::Stores;
use uuid::Uuid;

/// Enqueues a job of the transaction's tenant.
pub(crate) async fn enqueue(tx: &mut TenantTx) {
    let queue = JobQueue::new(Service::CreatorHub, Stores::from_env().cache());
    let job = NewJob::new("test", Uuid::now_v7());
    queue.enqueue(tx, job).await.unwrap();
}
