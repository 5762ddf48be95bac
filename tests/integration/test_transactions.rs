//! A tenant transaction ends with its tenant, however it ends.

use std::time::Duration;

use futures_util::future::join_all;
use shared_config::Service;
use shared_db::{DatabaseSettings, Db};
use shared_jobs::rows;
use shared_models::CreatorId;
use shared_testkit::{Stores, TestDatabase};
use sqlx::Row as _;
use uuid::Uuid;

use crate::rows::enqueue;

const JOBS: &str = "select count(*) from platform.jobs";

async fn database() -> (TestDatabase, DatabaseSettings) {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let settings = database.settings(Service::CreatorHub);
    (database, settings)
}

/// How many jobs a transaction without a tenant sees.
async fn visible(db: &Db) -> i64 {
    let mut tx = db.system().await.unwrap();
    sqlx::query_scalar(JOBS).fetch_one(tx.conn()).await.unwrap()
}

async fn with_job(db: &Db, creator: CreatorId) {
    let mut tx = db.tenant(creator).await.unwrap();
    enqueue(&mut tx).await;
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_tenant_sees_its_own_rows_and_no_tenant_sees_none() {
    let (_database, settings) = database().await;
    let db = Db::new(&settings);
    let (mine, other) = (CreatorId::new(), CreatorId::new());
    with_job(&db, mine).await;
    with_job(&db, other).await;
    let mut tx = db.tenant_read(mine).await.unwrap();
    let rows = sqlx::query("select creator_id from platform.jobs")
        .fetch_all(tx.conn())
        .await
        .unwrap();
    assert_eq!(
        rows.iter()
            .map(|row| row.get::<Uuid, _>(0))
            .collect::<Vec<_>>(),
        [mine.as_uuid()]
    );
    drop(tx);
    assert_eq!(visible(&db).await, 0);
}

#[tokio::test]
async fn a_row_cannot_be_written_for_another_tenant() {
    let (_database, settings) = database().await;
    let db = Db::new(&settings);
    let mut tx = db.tenant(CreatorId::new()).await.unwrap();
    let refused = sqlx::query(
        "insert into platform.jobs (creator_id, id, queue, kind, subject_id)
         values ($1, $2, 'creator-hub', 'test', $2)",
    )
    .bind(CreatorId::new())
    .bind(Uuid::now_v7())
    .execute(tx.conn())
    .await
    .unwrap_err();
    assert!(
        refused.to_string().contains("row-level security"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_begin_that_is_cut_off_leaves_no_tenant_behind() {
    let (_database, mut settings) = database().await;
    settings.max_connections = 1;
    let db = Db::new(&settings);
    let creator = CreatorId::new();
    with_job(&db, creator).await;
    for round in 0..300_u64 {
        let cut = Duration::from_micros(round * 5);
        let _ = tokio::time::timeout(cut, db.tenant(creator)).await;
        assert_eq!(visible(&db).await, 0, "cut off after {cut:?}");
    }
}

#[tokio::test]
async fn a_question_before_a_tenant_is_known_sees_no_tenant() {
    let (_database, mut settings) = database().await;
    settings.max_connections = 1;
    let db = Db::new(&settings);
    let creator = CreatorId::new();
    with_job(&db, creator).await;
    let mut tx = db.tenant(creator).await.unwrap();
    let mine: i64 = sqlx::query_scalar(JOBS).fetch_one(tx.conn()).await.unwrap();
    assert_eq!(mine, 1);
    drop(tx);
    let row = db.look_up(|| sqlx::query(JOBS)).await.unwrap();
    assert_eq!(row.unwrap().get::<i64, _>(0), 0);
}

#[tokio::test]
async fn a_question_that_is_cut_off_leaves_a_connection_that_answers() {
    let (_database, mut settings) = database().await;
    settings.max_connections = 1;
    let db = Db::new(&settings);
    with_job(&db, CreatorId::new()).await;
    for round in 0..300_i32 {
        let cut = Duration::from_micros(u64::try_from(round).unwrap() * 5);
        let question = db.look_up(|| sqlx::query("select -1"));
        let _ = tokio::time::timeout(cut, question).await;
        let row = db.look_up(|| sqlx::query("select $1").bind(round)).await;
        let answer: i32 = row.unwrap().unwrap().get(0);
        assert_eq!(answer, round, "an answer belongs to its question");
        assert_eq!(visible(&db).await, 0, "cut off after {cut:?}");
    }
}

#[tokio::test]
async fn who_asks_does_not_notice_that_all_connections_have_died() {
    let (database, mut settings) = database().await;
    settings.max_connections = 4;
    let db = Db::new(&settings);
    let admin = database.admin().await;
    let all = "select count(pg_terminate_backend(pid, 2000)) from pg_stat_activity
               where datname = current_database() and usename = 'hub_app'";
    for _ in 0..2 {
        let begin = (0..4).map(|_| db.tenant(CreatorId::new()));
        let open: Vec<_> = join_all(begin)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(open.len(), 4);
        drop(open);
        let ended: i64 = sqlx::query_scalar(all).fetch_one(&admin).await.unwrap();
        assert_eq!(ended, 4, "as many as the pool has");
        let asked = (0..4).map(|_| db.look_up(|| sqlx::query("select 1")));
        for answer in join_all(asked).await {
            answer.expect("asked on a new one");
        }
        sqlx::query(all).execute(&admin).await.unwrap();
    }
}

#[tokio::test]
async fn a_panic_and_a_drop_between_context_and_commit_roll_back() {
    let (_database, mut settings) = database().await;
    settings.max_connections = 1;
    let db = Db::new(&settings);
    let creator = CreatorId::new();
    let inner = db.clone();
    let task = tokio::spawn(async move {
        let mut tx = inner.tenant(creator).await.unwrap();
        enqueue(&mut tx).await;
        panic!("a handler died");
    });
    assert!(task.await.is_err());
    assert_eq!(visible(&db).await, 0);
    let mut tx = db.tenant_read(creator).await.unwrap();
    assert!(rows::newest(&mut tx, Uuid::nil()).await.unwrap().is_none());
}
