//! The audit log against the database role of auth itself, by SQL: it adds entries, no more.

use shared_config::Service;
use shared_db::{Db, TenantTx};
use shared_models::CreatorId;
use sqlx::{AssertSqlSafe, Row as _};

use crate::test_app::{PASSWORD, TestApp};

const NOT_ALLOWED: &str = "42501";

/// The code with which the database refuses a statement, and its message.
async fn refusal(tx: &mut TenantTx, statement: &str) -> Option<(String, String)> {
    let statement = AssertSqlSafe(statement.to_owned());
    let failed = sqlx::raw_sql(statement).execute(tx.conn()).await.err()?;
    let fault = failed.as_database_error().unwrap();
    Some((
        fault.code().unwrap().into_owned(),
        fault.message().to_owned(),
    ))
}

async fn expect_refused(db: &Db, account: CreatorId, statements: &str, message: &str) {
    let mut tx = db.tenant(account).await.unwrap();
    let (code, found) = refusal(&mut tx, statements)
        .await
        .unwrap_or_else(|| panic!("not refused: {statements}"));
    assert_eq!(code, NOT_ALLOWED, "{statements}: {found}");
    assert!(found.contains(message), "{statements}: {found}");
}

async fn execute(db: &Db, account: CreatorId, statement: &str) {
    let mut tx = db.tenant(account).await.unwrap();
    assert_eq!(refusal(&mut tx, statement).await, None, "{statement}");
    tx.commit().await.unwrap();
}

async fn count(app: &TestApp, table: &str) -> i64 {
    let sql = AssertSqlSafe(format!("select count(*) from {table}"));
    let row = sqlx::query(sql).fetch_one(&app.admin().await).await;
    row.unwrap().get(0)
}

#[tokio::test]
async fn entries_are_added_by_the_function_only() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let ben = app.register("ben@example.com").await;
    let db = app.database.as_service(Service::Auth);
    let zeros = "decode(repeat('00', 32), 'hex')";
    let forged = |seq: &str, at: &str| {
        format!(
            "insert into auth.audit_log (creator_id, seq, at, actor_kind, action, request_id,
               previous, hash)
             values ('{}', {seq}, {at}, 'service', 'tenant.adjusted', 'r', {zeros},
               auth.audit_hash({zeros}, '{0}', {seq}, {at}, 'service', null, 'tenant.adjusted',
                 null, null, 'r'))",
            ana.creator
        )
    };
    for statement in [
        "update auth.audit_log set action = 'x'".to_owned(),
        "delete from auth.audit_log".to_owned(),
        "truncate auth.audit_log".to_owned(),
        forged("1", "now() - interval '1 year'"),
        forged("2", "now()"),
        "copy auth.audit_log from stdin".to_owned(),
        "merge into auth.audit_log l using (values (1)) v (seq) on l.seq = v.seq
         when matched then delete"
            .to_owned(),
        "alter table auth.audit_log disable row level security".to_owned(),
    ] {
        let mut tx = db.tenant(ana.creator).await.unwrap();
        let (code, message) = refusal(&mut tx, &statement).await.unwrap();
        // Only its owner may alter a table.
        assert_eq!(code, NOT_ALLOWED, "{statement}: {message}");
    }
    for role in [
        "auth_audit",
        "tenant_eraser",
        "auth_lookup",
        "platform_owner",
    ] {
        expect_refused(&db, ana.creator, &format!("set role {role}"), "").await;
    }
    // The function chooses number, time and hash, and writes the log of the account in context.
    let add = |account: CreatorId| {
        format!("select auth.append_audit('{account}', 'service', null, 'x', null, null, 'r')")
    };
    execute(&db, ana.creator, &add(ben.creator)).await;
    execute(&db, ana.creator, &add(ana.creator)).await;
    assert_eq!(
        count(&app, "auth.audit_log").await,
        3,
        "one of ana's was added"
    );
    let added = sqlx::query(
        "select seq, at > now() - interval '1 minute' and at <= clock_timestamp(),
           previous = (select hash from auth.audit_log where creator_id = $1 and seq = 1)
         from auth.audit_log where creator_id = $1 and action = 'x'",
    );
    let row = added.bind(ana.creator).fetch_one(&app.admin().await).await;
    let row = row.unwrap();
    assert_eq!(
        (row.get::<i64, _>(0), row.get(1), row.get(2)),
        (2, true, true)
    );
}

fn request(account: CreatorId, due_at: &str) -> String {
    format!(
        "insert into auth.privacy_requests (creator_id, id, kind, state, due_at, created_at)
         values ('{account}', gen_random_uuid(), 'erasure', 'running', {due_at},
           now() - interval '1 year')"
    )
}

#[tokio::test]
async fn an_account_is_erased_only_by_a_request_that_was_due_before() {
    const ERASE: &str = "select * from auth.erase_tenant()";
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let db = app.database.as_service(Service::Auth);
    let entries = count(&app, "auth.audit_log").await;
    let none_due = "no erasure of this account is due";
    expect_refused(&db, ana.creator, ERASE, none_due).await;
    // In the same transaction, also within one of its savepoints.
    let now = request(ana.creator, "now()");
    expect_refused(&db, ana.creator, &format!("{now}; {ERASE}"), none_due).await;
    let nested = format!("savepoint a; {now}; release savepoint a; {ERASE}");
    expect_refused(&db, ana.creator, &nested, none_due).await;
    let recent = request(ana.creator, "now() - interval '1 minute'");
    expect_refused(&db, ana.creator, &format!("{recent}; {ERASE}"), none_due).await;
    let old = request(ana.creator, "now() - interval '1 hour'");
    expect_refused(&db, ana.creator, &old, "back-dated").await;
    // Within the grace period, and when its time is moved in the same transaction.
    execute(
        &db,
        ana.creator,
        &request(ana.creator, "now() + interval '7 days'"),
    )
    .await;
    expect_refused(&db, ana.creator, ERASE, none_due).await;
    let forward = "update auth.privacy_requests set due_at = now()";
    expect_refused(&db, ana.creator, &format!("{forward}; {ERASE}"), none_due).await;
    let back = "update auth.privacy_requests set due_at = now() - interval '1 day'";
    expect_refused(&db, ana.creator, back, "back-dated").await;
    for column in ["created_at", "kind", "creator_id"] {
        let change = format!("update auth.privacy_requests set {column} = {column}");
        expect_refused(&db, ana.creator, &change, "permission denied").await;
    }
    assert_eq!(count(&app, "auth.audit_log").await, entries);

    // Made due by an earlier transaction, it erases, and leaves a proof.
    execute(&db, ana.creator, forward).await;
    execute(&db, ana.creator, ERASE).await;
    assert_eq!(count(&app, "auth.audit_log").await, 0);
    assert_eq!(count(&app, "auth.erasures").await, 1);
    let again = format!(
        "insert into auth.creators (creator_id, display_name) values ('{}', 'Ana')",
        ana.creator
    );
    let erased = "an account of this id was erased";
    expect_refused(&db, ana.creator, &again, erased).await;
    let invented = "select auth.record_erasure(gen_random_uuid(), now(), '{\"auth\": {}}')";
    execute(&db, ana.creator, invented).await;
    let real = "auth.erasures where report = '{}'";
    assert_eq!(count(&app, real).await, 1, "the report of another request");
}

#[tokio::test]
async fn a_proof_of_an_erasure_cannot_be_invented() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let db = app.database.as_service(Service::Auth);
    let invented = "select auth.record_erasure(gen_random_uuid(), now(), '{}')";
    execute(&db, ana.creator, invented).await;
    assert_eq!(count(&app, "auth.erasures").await, 0);
    app.login("ana@example.com", PASSWORD, "203.0.113.7")
        .await
        .expect(http::StatusCode::OK);
}
