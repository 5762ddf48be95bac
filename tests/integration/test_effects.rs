//! What follows a change: written with it, and acted upon after its commit only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use shared_config::Service;
use shared_db::{Db, Effect, SystemTx, TenantTx};
use shared_models::CreatorId;
use shared_testkit::{Stores, TestDatabase};

use crate::rows::enqueue;

/// Writes a job where there is a tenant, and counts how often it was followed up.
struct Counted(Arc<AtomicU32>);

impl Counted {
    fn count(self) -> impl FnOnce() + Send + Sync + 'static {
        move || {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Effect for Counted {
    type Output = ();

    async fn write(self, tx: &mut TenantTx) -> sqlx::Result<()> {
        enqueue(tx).await;
        tx.after_commit(self.count());
        Ok(())
    }
}

impl Effect<SystemTx> for Counted {
    type Output = ();

    async fn write(self, tx: &mut SystemTx) -> sqlx::Result<()> {
        tx.after_commit(self.count());
        Ok(())
    }
}

async fn jobs(database: &TestDatabase) -> i64 {
    let query = sqlx::query_scalar("select count(*) from platform.jobs");
    query.fetch_one(&database.admin().await).await.unwrap()
}

#[tokio::test]
async fn an_effect_acts_after_the_commit_and_only_then() {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let db: Db = database.as_service(Service::CreatorHub);
    let followed = Arc::new(AtomicU32::new(0));
    let counted = || Counted(Arc::clone(&followed));
    let count = || followed.load(Ordering::Relaxed);

    let mut tx = db.tenant(CreatorId::new()).await.unwrap();
    tx.apply(counted()).await.unwrap();
    drop(tx);
    assert_eq!((jobs(&database).await, count()), (0, 0), "rolled back");

    let mut tx = db.tenant(CreatorId::new()).await.unwrap();
    tx.apply(counted()).await.unwrap();
    assert_eq!(count(), 0, "not committed yet");
    tx.commit().await.unwrap();
    assert_eq!((jobs(&database).await, count()), (1, 1));

    let mut tx = db.system().await.unwrap();
    tx.apply(counted()).await.unwrap();
    assert_eq!(count(), 1, "not committed yet");
    tx.commit().await.unwrap();
    assert_eq!(count(), 2);
}

#[tokio::test]
async fn a_commit_that_fails_is_not_followed_up() {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let db: Db = database.as_service(Service::CreatorHub);
    let followed = Arc::new(AtomicU32::new(0));
    let mut tx = db.tenant(CreatorId::new()).await.unwrap();
    tx.apply(Counted(Arc::clone(&followed))).await.unwrap();
    // The server ends the connection under the transaction.
    let admin = database.admin().await;
    sqlx::query(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity
         where usename = 'hub_app' and datname = current_database()",
    )
    .execute(&admin)
    .await
    .unwrap();
    assert!(tx.commit().await.is_err());
    assert_eq!(followed.load(Ordering::Relaxed), 0);
    assert_eq!(jobs(&database).await, 0);
}
