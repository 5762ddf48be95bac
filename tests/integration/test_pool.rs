//! A connection that goes back to the pool has no tenant, however its transaction ended.

use std::io::{self, Write as _};
use std::time::Duration;

use shared_config::Service;
use shared_db::Db;
use shared_models::CreatorId;
use shared_testkit::{Stores, TestDatabase};
use sqlx::Row as _;
use uuid::Uuid;

use crate::rows::enqueue;

/// How a request may end before its transaction does.
#[derive(Debug, Clone, Copy)]
enum Interruption {
    /// The task is aborted, as a server does when it stops.
    Abort,
    /// The future is dropped, as axum does when a client goes away.
    Cancel,
    /// The handler panics.
    Panic,
    /// A time limit drops the future.
    Timeout,
}

const INTERRUPTIONS: [Interruption; 4] = [
    Interruption::Abort,
    Interruption::Cancel,
    Interruption::Panic,
    Interruption::Timeout,
];

/// One connection, so that whatever is left on it is met by the next one who borrows it.
async fn one_connection() -> (TestDatabase, Db) {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let mut settings = database.settings(Service::CreatorHub);
    settings.max_connections = 1;
    let db = Db::new(&settings);
    (database, db)
}

/// What is left of a tenant: the rows that a transaction without one sees, and the setting.
async fn left(db: &Db) -> (i64, String) {
    let mut tx = db.system().await.unwrap();
    let row = sqlx::query(
        "select (select count(*) from platform.jobs),
                coalesce(current_setting('app.current_creator_id', true), '')",
    )
    .fetch_one(tx.conn())
    .await
    .unwrap();
    (row.get(0), row.get(1))
}

/// Begins, writes, and would wait for ever: between context and commit there is always time.
async fn handler(db: Db, creator: CreatorId, panics: bool) {
    let mut tx = db.tenant(creator).await.unwrap();
    enqueue(&mut tx).await;
    assert!(!panics, "a handler died");
    std::future::pending::<()>().await;
}

async fn end(db: &Db, creator: CreatorId, interruption: Interruption, after: Duration) {
    let run = handler(
        db.clone(),
        creator,
        matches!(interruption, Interruption::Panic),
    );
    match interruption {
        Interruption::Abort => {
            let task = tokio::spawn(run);
            tokio::time::sleep(after).await;
            task.abort();
            assert!(task.await.is_err());
        }
        Interruption::Cancel => {
            tokio::select! {
                () = run => {}
                () = tokio::time::sleep(after) => {}
            }
        }
        Interruption::Panic => assert!(tokio::spawn(run).await.is_err()),
        Interruption::Timeout => assert!(tokio::time::timeout(after, run).await.is_err()),
    }
}

/// A number of microseconds below the bound; where a cut falls is nobody's choice.
fn random_micros(below: u64) -> Duration {
    let random = u64::from_le_bytes(Uuid::new_v4().as_bytes()[8..].try_into().unwrap());
    Duration::from_micros(random % below)
}

#[tokio::test]
async fn what_ends_at_a_random_moment_leaves_no_tenant_behind() {
    let (_database, db) = one_connection().await;
    let creator = CreatorId::new();
    let mut tx = db.tenant(creator).await.unwrap();
    enqueue(&mut tx).await;
    tx.commit().await.unwrap();
    let nothing = (0, String::new());
    let mut ends = 0;
    for round in 0..150 {
        for interruption in INTERRUPTIONS {
            // Every third while the transaction begins, the others anywhere in the handler.
            let bound = if round % 3 == 0 { 600 } else { 6_000 };
            end(&db, creator, interruption, random_micros(bound)).await;
            assert_eq!(
                left(&db).await,
                nothing,
                "{interruption:?} in round {round}"
            );
            ends += 1;
        }
    }
    let mut tx = db.tenant_read(creator).await.unwrap();
    let rows = sqlx::query("select id from platform.jobs")
        .fetch_all(tx.conn())
        .await
        .unwrap();
    assert_eq!(rows.len(), 1, "nothing of what was cut off was committed");
    let _ = writeln!(
        io::stderr(),
        "measured: pool: {ends} requests ended at random microseconds, 0 rows and no tenant left"
    );
}

#[tokio::test]
async fn the_suite_would_see_a_tenant_that_stayed() {
    let (_database, db) = one_connection().await;
    let creator = CreatorId::new();
    let mut tx = db.tenant(creator).await.unwrap();
    enqueue(&mut tx).await;
    // What a plain SET would do: the setting outlives its transaction.
    let stay = sqlx::query("select set_config('app.current_creator_id', $1, false)")
        .bind(creator.as_uuid().to_string());
    stay.execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(left(&db).await, (1, creator.as_uuid().to_string()));
}
