//! A database whose node vanishes takes its connections along without an end; the pool recovers.

use std::time::Duration;

use futures_util::future::join_all;
use shared_config::Service;
use shared_db::{Db, TenantTx};
use shared_models::CreatorId;
use shared_testkit::{DeadConnectionProxy, Stores, TestDatabase};

const PLACES: u32 = 4;
/// The kernel would take a quarter of an hour.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(15);

/// A pool whose connections run over a wire, all of them open.
async fn over_a_wire() -> (TestDatabase, DeadConnectionProxy, Db, Vec<TenantTx>) {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let mut settings = database.settings(Service::CreatorHub);
    let wire = DeadConnectionProxy::to(&settings.host, settings.port).await;
    (settings.host, settings.port) = ("127.0.0.1".to_owned(), wire.port);
    settings.max_connections = PLACES;
    let db = Db::new(&settings);
    let open = all(&db).await;
    (database, wire, db, open)
}

/// As many transactions at once as there are places.
async fn all(db: &Db) -> Vec<TenantTx> {
    try_all(db).await.unwrap()
}

async fn try_all(db: &Db) -> sqlx::Result<Vec<TenantTx>> {
    let each = (0..PLACES).map(|_| db.tenant_read(CreatorId::new()));
    join_all(each).await.into_iter().collect()
}

/// Waits until every connection lies in the pool: one that is on its way back when the wire dies
/// is another case.
async fn until_idle(database: &TestDatabase) {
    let admin = database.admin().await;
    let idle = "select count(*) from pg_stat_activity
                where datname = current_database() and usename = 'hub_app' and state = 'idle'
                  and clock_timestamp() - state_change > interval '500 milliseconds'";
    loop {
        let count: i64 = sqlx::query_scalar(idle).fetch_one(&admin).await.unwrap();
        if count == i64::from(PLACES) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_that_died_unseen_cost_one_wait() {
    let (database, wire, db, open) = over_a_wire().await;
    drop(open);
    until_idle(&database).await;
    wire.go_dead();
    let back = tokio::time::timeout(RECOVERY_TIMEOUT, all(&db)).await;
    back.expect("it comes back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_on_a_connection_that_died_unseen_costs_one_wait() {
    let (database, wire, db, open) = over_a_wire().await;
    drop(open);
    until_idle(&database).await;
    wire.go_dead();
    let asked = db.look_up(|| sqlx::query("select 1"));
    let row = tokio::time::timeout(RECOVERY_TIMEOUT, asked).await;
    row.expect("it comes back").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_died_in_flight_give_their_places_back() {
    let (_database, wire, db, open) = over_a_wire().await;
    wire.go_dead();
    drop(open);
    let again = async {
        // On a busy machine the wait for a place may end before the places are back.
        while try_all(&db).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let back = tokio::time::timeout(RECOVERY_TIMEOUT, again).await;
    back.expect("it comes back");
}
