//! Checkpoints of the audit log: what a superuser does to a log shows all the same.

use auth_service::AppState;
use http::StatusCode;
use serde_json::{Value, json};
use shared_config::{Secret, Service};
use shared_jobs::{Progress, ScheduledWork as _};
use sqlx::{AssertSqlSafe, PgPool};

use crate::test_app::{Account, PASSWORD, TestApp};

const VERIFICATION: &str = "/auth/v1/audit/verification";

async fn verify(app: &TestApp, account: &Account, query: &str) -> Value {
    let client = app.client.with_token(&account.access);
    let path = format!("{VERIFICATION}{query}");
    client.get(&path).await.expect(StatusCode::OK)
}

/// An account with a log of that many entries.
async fn account(app: &TestApp, email: &str, entries: usize) -> Account {
    let account = app.register(email).await;
    for _ in 1..entries {
        sign_in(app, email).await;
    }
    account
}

async fn sign_in(app: &TestApp, email: &str) {
    let answer = app.login(email, PASSWORD, "203.0.113.7").await;
    answer.expect(StatusCode::OK);
}

async fn seal(app: &TestApp) {
    let state = AppState::new(&app.config).unwrap();
    let work = auth_service::seal_audit_logs(state);
    assert_eq!(work.run().await.unwrap(), Progress::Done);
}

async fn execute(admin: &PgPool, statement: &str) {
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement).execute(admin).await.unwrap();
}

async fn checkpoints(admin: &PgPool) -> Vec<i64> {
    sqlx::query_scalar("select seq from auth.audit_checkpoints order by seq, creator_id")
        .fetch_all(admin)
        .await
        .unwrap()
}

/// Changes an entry, and computes the hashes from there on again: the chain is whole.
const REWRITE: &str = "do $$ declare e record; h bytea := decode(repeat('00', 32), 'hex'); p bytea;
    begin
      for e in select * from auth.audit_log order by seq loop
        p := h;
        if e.seq = 2 then e.action := 'session.ended'; end if;
        h := auth.audit_hash(p, e.creator_id, e.seq, e.at, e.actor_kind, e.actor, e.action,
          e.target, e.ip, e.request_id);
        update auth.audit_log set action = e.action, previous = p, hash = h
        where creator_id = e.creator_id and seq = e.seq;
      end loop;
    end $$";

#[tokio::test]
async fn a_log_is_sealed_when_it_has_grown_and_verified_from_its_checkpoint() {
    let app = TestApp::new().await;
    let ana = account(&app, "ana@example.com", 3).await;
    let admin = app.admin().await;
    assert_eq!(verify(&app, &ana, "").await["checkpoint"], Value::Null);
    seal(&app).await;
    seal(&app).await;
    assert_eq!(checkpoints(&admin).await, [3]);
    let ben = account(&app, "ben@example.com", 1).await;
    for _ in 0..2 {
        sign_in(&app, "ana@example.com").await;
    }
    let found = verify(&app, &ana, "").await;
    assert_eq!(found["checkpoint"]["seq"], 3, "{found}");
    assert_eq!(
        (&found["intact"], &found["entries"], &found["last_seq"]),
        (&json!(true), &json!(5), &json!(5))
    );
    let rest = verify(&app, &ana, "?from_checkpoint=true").await;
    assert_eq!(
        (&rest["intact"], &rest["entries"], &rest["last_hash"]),
        (&json!(true), &json!(2), &found["last_hash"])
    );
    seal(&app).await;
    assert_eq!(checkpoints(&admin).await, [1, 3, 5]);
    let sealed = verify(&app, &ana, "?from_checkpoint=true").await;
    assert_eq!(sealed["checkpoint"]["hash"], found["last_hash"]);
    assert_eq!(
        (&sealed["entries"], &sealed["last_hash"]),
        (&json!(0), &found["last_hash"])
    );
    assert_eq!(verify(&app, &ben, "").await["checkpoint"]["seq"], 1);
    let client = app.client.with_token(&ana.access);
    let both = format!("{VERIFICATION}?from_checkpoint=true&after=1");
    assert_eq!(client.get(&both).await.code(), "invalid_query");
}

#[tokio::test]
async fn a_log_that_was_cut_off_or_written_again_is_noticed() {
    let replica = "set session_replication_role = replica";
    let cut_off = format!("{replica}; delete from auth.audit_log where seq > 2");
    let emptied = format!("{replica}; delete from auth.audit_log");
    // The place of a removed entry is taken by another one.
    let replaced = format!(
        "{replica}; delete from auth.audit_log where seq = 4; set session_replication_role = origin;
         select set_config('app.current_creator_id', (select creator_id::text from auth.creators),
           false);
         select auth.append_audit((select creator_id from auth.creators), 'service', null, 'x',
           null, null, 'r')"
    );
    for (change, broken_at, from_checkpoint) in [
        (cut_off.as_str(), 3, 4),
        (&emptied, 1, 4),
        (REWRITE, 4, 4),
        (&replaced, 4, 4),
    ] {
        let app = TestApp::new().await;
        let ana = account(&app, "ana@example.com", 4).await;
        seal(&app).await;
        let admin = app.admin().await;
        execute(&admin, change).await;
        let found = verify(&app, &ana, "").await;
        assert_eq!(
            (&found["intact"], &found["broken_at"]),
            (&json!(false), &json!(broken_at)),
            "{change}"
        );
        let found = verify(&app, &ana, "?from_checkpoint=true").await;
        assert_eq!(found["broken_at"], json!(from_checkpoint), "{change}");
        // What does not agree with its checkpoint is not sealed again.
        let before = checkpoints(&admin).await;
        sign_in(&app, "ana@example.com").await;
        seal(&app).await;
        assert_eq!(checkpoints(&admin).await, before, "{change}");
    }
    // Without a checkpoint the chain alone says that this log is whole.
    let app = TestApp::new().await;
    let ana = account(&app, "ana@example.com", 4).await;
    execute(&app.admin().await, REWRITE).await;
    assert_eq!(verify(&app, &ana, "").await["intact"], true);
}

#[tokio::test]
async fn a_checkpoint_that_auth_has_not_sealed_counts_for_nothing() {
    let app = TestApp::new().await;
    let ana = account(&app, "ana@example.com", 2).await;
    seal(&app).await;
    sign_in(&app, "ana@example.com").await;
    let db = app.database.as_service(Service::Auth);
    for forged in [
        "select creator_id, 3, 'words' from auth.creators",
        // The seal of another entry, and one whose bytes were changed.
        "select creator_id, 3, sealed_hash from auth.audit_checkpoints where seq = 2",
        "select creator_id, 2, sealed_hash || 'A' from auth.audit_checkpoints where seq = 2",
        "select creator_id, 3, regexp_replace(sealed_hash, '^s1[.][^.]*', 's1.unknown0')
         from auth.audit_checkpoints where seq = 2 and length(sealed_hash) > 50 limit 1",
    ] {
        let mut tx = db.tenant(ana.creator).await.unwrap();
        let sql =
            format!("insert into auth.audit_checkpoints (creator_id, seq, sealed_hash) {forged}");
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        query.execute(tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        let found = verify(&app, &ana, "").await;
        assert_eq!(
            (&found["intact"], &found["checkpoint"]["seq"]),
            (&json!(true), &json!(2)),
            "{forged}"
        );
    }
    for refused in [
        "delete from auth.audit_checkpoints",
        "update auth.audit_checkpoints set sealed_hash = 'x'",
        "insert into auth.audit_checkpoints (creator_id, seq, sealed_hash, created_at)
         select creator_id, 3, 'y', now() from auth.creators",
        // Of an entry that does not exist.
        "insert into auth.audit_checkpoints (creator_id, seq, sealed_hash)
         select creator_id, 1000, 'y' from auth.creators",
    ] {
        let mut tx = db.tenant(ana.creator).await.unwrap();
        let query = sqlx::raw_sql(AssertSqlSafe(refused));
        assert!(query.execute(tx.conn()).await.is_err(), "{refused}");
    }
    // They do not keep the right one out.
    seal(&app).await;
    assert_eq!(verify(&app, &ana, "").await["checkpoint"]["seq"], 3);
}

#[tokio::test]
async fn a_log_is_sealed_again_when_the_data_key_changes() {
    let app = TestApp::new().await;
    let ana = account(&app, "ana@example.com", 2).await;
    seal(&app).await;
    let admin = app.admin().await;
    let mut rotated = app.config.clone();
    let mut key = *rotated.data_keys.current.expose();
    key[0] ^= 1;
    rotated.data_keys.previous = Some(rotated.data_keys.current.clone());
    rotated.data_keys.current = Secret::new(key);
    let app = TestApp {
        config: rotated,
        ..app
    };
    seal(&app).await;
    seal(&app).await;
    assert_eq!(checkpoints(&admin).await, [2, 2]);
    let keys = "select count(distinct split_part(sealed_hash, '.', 2)) from auth.audit_checkpoints";
    let keys = sqlx::query_scalar::<_, i64>(keys).fetch_one(&admin).await;
    assert_eq!(keys.unwrap(), 2);
    let client = crate::test_app::client(&app.config);
    let client = client.with_token(&ana.access);
    let found = client.get(VERIFICATION).await.expect(StatusCode::OK);
    assert_eq!(found["checkpoint"]["seq"], 2, "{found}");
}
