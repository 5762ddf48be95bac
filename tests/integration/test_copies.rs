//! The rows of a copy are read batch by batch, each bounded in bytes and in a transaction of its
//! own, and none is left out or read twice.

use std::collections::BTreeSet;

use serde_json::Value;
use shared_config::Service;
use shared_db::Db;
use shared_db::tenant_data::{BATCH_BYTES, MAX_ROWS, ReadError, Rows, Table, tables};
use shared_models::CreatorId;
use shared_models::tenant_data::MAX_LINE_BYTES;
use shared_testkit::{Stores, TestDatabase};
use sqlx::{ConnectOptions as _, PgConnection};

use crate::rls::rows::{self, Tenant};
use crate::rls::tables::tables as all_tables;

async fn named(db: &Db, creator: CreatorId, schema: &str) -> Vec<Table> {
    let mut tx = db.tenant_read(creator).await.unwrap();
    tables(&mut tx, schema).await.unwrap()
}

/// All rows of a table, each batch within its bounds and in a transaction of its own.
async fn read(db: &Db, creator: CreatorId, table: &Table) -> Vec<Value> {
    let mut rows = Rows::of(table, MAX_LINE_BYTES);
    let mut found = Vec::new();
    loop {
        let mut tx = db.tenant_read(creator).await.unwrap();
        let batch = rows.next(&mut tx).await.unwrap();
        let Some(last) = batch.last() else {
            return found;
        };
        let bytes: usize = batch.iter().map(String::len).sum();
        assert!(batch.len() <= MAX_ROWS);
        assert!(bytes - last.len() < BATCH_BYTES, "{bytes} bytes");
        assert!(batch.iter().all(|line| !line.contains('\n')));
        found.extend(batch.iter().map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            row
        }));
    }
}

/// 1500 messages of very different lengths.
async fn fill_messages(admin: &mut PgConnection, creator: CreatorId) {
    rows::run(admin, "set session_replication_role = replica").await;
    sqlx::query(
        "insert into channel.messages (creator_id, id, conversation_id, seq, role, content)
         select $1, gen_random_uuid(), gen_random_uuid(), n, 'user',
           case when n % 10 = 0 then repeat(E'\\u0001\\n', 16000) else 'Hello ' || n end
         from generate_series(1, 1500) n",
    )
    .bind(creator)
    .execute(admin)
    .await
    .unwrap();
}

#[tokio::test]
async fn batches_are_bounded_in_bytes_and_have_each_row_once() {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let (creator, other) = (CreatorId::new(), CreatorId::new());
    let admin = database.admin().await;
    let mut connection = admin.connect_options().connect().await.unwrap();
    for tenant in [creator, other] {
        fill_messages(&mut connection, tenant).await;
    }
    let db = database.as_service(Service::Channel);
    let all = named(&db, creator, "channel").await;
    let table = all.iter().find(|table| table.name == "channel.messages");
    let found = read(&db, creator, table.unwrap()).await;
    assert_eq!(found.len(), 1500);
    let numbers: BTreeSet<i64> = found
        .iter()
        .map(|row| row["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers.len(), 1500);
    let long = found.iter().find(|row| row["seq"] == 10).unwrap();
    assert_eq!(long["content"], "\u{1}\n".repeat(16000));
}

#[tokio::test]
async fn a_row_that_is_too_long_is_refused_and_stays_in_the_database() {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let creator = CreatorId::new();
    let admin = database.admin().await;
    let mut connection = admin.connect_options().connect().await.unwrap();
    fill_messages(&mut connection, creator).await;
    let db = database.as_service(Service::Channel);
    let all = named(&db, creator, "channel").await;
    let table = all.iter().find(|table| table.name == "channel.messages");
    let mut rows = Rows::of(table.unwrap(), 10_000);
    let refused = loop {
        let mut tx = db.tenant_read(creator).await.unwrap();
        match rows.next(&mut tx).await {
            Ok(batch) => assert!(!batch.is_empty(), "no row was refused"),
            Err(refused) => break refused,
        }
    };
    assert!(
        matches!(refused, ReadError::RowTooLong { bytes } if bytes > 100_000),
        "{refused:?}"
    );
}

#[tokio::test]
async fn every_table_of_every_service_is_read_to_its_end() {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let tenant = Tenant::new();
    let creator = CreatorId::from(tenant.creator);
    let admin = database.admin().await;
    let catalogue = all_tables(&admin).await;
    let mut connection = admin.connect_options().connect().await.unwrap();
    rows::fill(&mut connection, &catalogue, &[tenant, Tenant::new()]).await;
    let mut copied = BTreeSet::new();
    for service in Service::ALL {
        let db = database.as_service(service);
        for table in named(&db, creator, service.database_schema()).await {
            let found = read(&db, creator, &table).await;
            assert_eq!(found.len(), 1, "{}", table.name);
            copied.insert(table.name);
        }
    }
    assert!(copied.len() > 20, "{copied:?}");
}
