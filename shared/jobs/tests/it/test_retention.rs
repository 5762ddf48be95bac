//! The clean-up on a real database: what is over goes, and nothing else.

use std::collections::BTreeMap;

use shared_config::{Reader, Retention, Service};
use shared_jobs::retention::{CleanUp, RetentionSettings};
use shared_jobs::{Progress, ScheduledWork as _};
use shared_models::CreatorId;
use sqlx::{AssertSqlSafe, PgPool};

use crate::test_app::TestApp;

fn clean_up(app: &TestApp, service: Service, days: &[(Retention, &str)]) -> CleanUp {
    let given = days
        .iter()
        .map(|(r, days)| (r.key().to_owned(), (*days).to_owned()));
    let mut reader = Reader::from_map(given.collect::<BTreeMap<_, _>>());
    let settings = RetentionSettings::from_reader(&mut reader, service);
    reader.finish(()).unwrap();
    CleanUp::new(app.database.as_service(service), service, settings)
}

async fn execute(admin: &PgPool, statement: String) {
    let query = sqlx::raw_sql(AssertSqlSafe(statement));
    query.execute(admin).await.unwrap();
}

async fn count(admin: &PgPool, what: &'static str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {what}")))
        .fetch_one(admin)
        .await
        .unwrap()
}

/// Jobs of that state and age, each about something else.
fn jobs(tenant: CreatorId, queue: &str, state: &str, days: i32, number: i32) -> String {
    format!(
        "insert into platform.jobs (creator_id, id, queue, kind, subject_id, state, updated_at)
         select '{tenant}', gen_random_uuid(), '{queue}', 'k', gen_random_uuid(), '{state}',
                now() - interval '{days} days'
         from generate_series(1, {number})"
    )
}

#[tokio::test]
async fn old_jobs_go_and_younger_and_unfinished_ones_stay() {
    let app = TestApp::new().await;
    let admin = app.database.admin().await;
    for tenant in [app.tenant, CreatorId::new()] {
        for (state, days) in [
            ("succeeded", 31),
            ("succeeded", 29),
            ("failed", 91),
            ("failed", 89),
            ("queued", 900),
            ("running", 900),
        ] {
            execute(&admin, jobs(tenant, "creator-hub", state, days, 1)).await;
        }
    }
    execute(&admin, jobs(app.tenant, "channel", "succeeded", 900, 1)).await;
    let work = clean_up(&app, Service::CreatorHub, &[]);
    assert_eq!(work.run().await.unwrap(), Progress::Done);
    let left: Vec<(String, i32, i64)> = sqlx::query_as(
        "select state, extract(day from now() - updated_at)::int, count(*)
         from platform.jobs where queue = 'creator-hub' group by 1, 2 order by 1, 2",
    )
    .fetch_all(&admin)
    .await
    .unwrap();
    let row = |state: &str, days| (state.to_owned(), days, 2);
    let wanted = [
        row("failed", 89),
        row("queued", 900),
        row("running", 900),
        row("succeeded", 29),
    ];
    assert_eq!(left, wanted);
    let others = "platform.jobs where queue = 'channel'";
    assert_eq!(
        count(&admin, others).await,
        1,
        "each service cleans up its own"
    );
}

#[tokio::test]
async fn ten_thousand_rows_go_in_batches() {
    let app = TestApp::new().await;
    let admin = app.database.admin().await;
    execute(
        &admin,
        jobs(app.tenant, "creator-hub", "succeeded", 40, 10_500),
    )
    .await;
    // A statement that deletes more than one batch is refused.
    execute(
        &admin,
        "create function too_many() returns trigger language plpgsql as $$ begin
           if (select count(*) from gone) > 1000 then raise exception 'more than a batch'; end if;
           return null; end $$;
         create trigger batch after delete on platform.jobs referencing old table as gone
           for each statement execute function too_many()"
            .to_owned(),
    )
    .await;
    let work = clean_up(&app, Service::CreatorHub, &[]);
    assert_eq!(work.run().await.unwrap(), Progress::Done);
    assert_eq!(count(&admin, "platform.jobs").await, 0);
}

#[tokio::test]
async fn the_newest_job_of_a_document_stays_while_the_document_is_there() {
    let app = TestApp::new().await;
    let (admin, tenant) = (app.database.admin().await, app.tenant);
    let document = "01900000-0000-7000-8000-000000000001";
    execute(
        &admin,
        format!(
            "insert into hub.documents
               (creator_id, id, title, filename, kind, file_size, content_hash, state)
             values ('{tenant}', '{document}', 't', 'f', 'txt', 1, decode(repeat('00', 32), 'hex'),
                     'ready');
             insert into platform.jobs (creator_id, id, queue, kind, subject_id, state, updated_at)
             select '{tenant}', ('01900000-0000-7000-8000-00000000001' || n)::uuid, 'creator-hub',
                    'ingest', '{document}', 'succeeded', now() - interval '50 days'
             from generate_series(1, 3) n"
        ),
    )
    .await;
    let work = clean_up(&app, Service::CreatorHub, &[]);
    work.run().await.unwrap();
    let newest = "platform.jobs where id = '01900000-0000-7000-8000-000000000013'";
    assert_eq!(count(&admin, "platform.jobs").await, 1);
    assert_eq!(count(&admin, newest).await, 1);
    execute(&admin, "delete from hub.documents".to_owned()).await;
    work.run().await.unwrap();
    assert_eq!(count(&admin, "platform.jobs").await, 0);
}

#[tokio::test]
async fn conversations_are_kept_unless_the_platform_says_otherwise() {
    let app = TestApp::new().await;
    let (admin, tenant) = (app.database.admin().await, app.tenant);
    execute(
        &admin,
        format!(
            "insert into channel.channels (creator_id, id, kind, name, settings)
             values ('{tenant}', '{tenant}', 'web_widget', 'n', '{{}}');
             insert into channel.contacts (creator_id, id, channel_id, created_at)
             select '{tenant}', md5('c' || n)::uuid, '{tenant}', now() - interval '500 days'
             from generate_series(1, 2) n;
             insert into channel.conversations
               (creator_id, id, channel_id, contact_id, last_message_at)
             select '{tenant}', md5('v' || n)::uuid, '{tenant}', md5('c' || n)::uuid,
                    now() - n * interval '100 days' from generate_series(1, 2) n;
             insert into channel.messages (creator_id, id, conversation_id, seq, role, content)
             select '{tenant}', md5('m' || n)::uuid, md5('v' || n)::uuid, 1, 'user', 'Hello'
             from generate_series(1, 2) n"
        ),
    )
    .await;
    clean_up(&app, Service::Channel, &[]).run().await.unwrap();
    assert_eq!(count(&admin, "channel.messages").await, 2);
    let settings = [(Retention::Conversations, "150")];
    clean_up(&app, Service::Channel, &settings)
        .run()
        .await
        .unwrap();
    for table in [
        "channel.messages",
        "channel.conversations",
        "channel.contacts",
    ] {
        assert_eq!(count(&admin, table).await, 1, "{table}");
    }
    assert_eq!(count(&admin, "channel.channels").await, 1);
}

#[tokio::test]
async fn ended_sessions_go_with_their_tokens() {
    let app = TestApp::new().await;
    let (admin, tenant) = (app.database.admin().await, app.tenant);
    execute(
        &admin,
        format!(
            "insert into auth.creators (creator_id, display_name) values ('{tenant}', 'n');
             insert into auth.users (creator_id, id, email, full_name, password_hash)
             values ('{tenant}', '{tenant}', 'a@example.org', 'Ana', 'x');
             insert into auth.sessions
               (creator_id, id, user_id, ip, expires_at, revoked_at, revoked_reason)
             values
               ('{tenant}', md5('old')::uuid, '{tenant}', '::1', now() - interval '31 days',
                null, null),
               ('{tenant}', md5('revoked')::uuid, '{tenant}', '::1', now() + interval '9 days',
                now() - interval '31 days', 'logout'),
               ('{tenant}', md5('ended')::uuid, '{tenant}', '::1', now() - interval '29 days',
                null, null),
               ('{tenant}', md5('open')::uuid, '{tenant}', '::1', now() + interval '1 day',
                null, null);
             insert into auth.refresh_tokens (creator_id, id, session_id, token_hash, expires_at)
             select creator_id, id, id, sha256(id::text::bytea), now() + interval '1 day'
             from auth.sessions"
        ),
    )
    .await;
    clean_up(&app, Service::Auth, &[]).run().await.unwrap();
    assert_eq!(count(&admin, "auth.sessions").await, 2);
    assert_eq!(count(&admin, "auth.refresh_tokens").await, 2);
}

#[tokio::test]
async fn the_database_refuses_what_no_retention_allows() {
    let app = TestApp::new().await;
    let admin = app.database.admin().await;
    execute(&admin, jobs(app.tenant, "creator-hub", "succeeded", 0, 5)).await;
    let delete = |service: Service, rule: &'static str| {
        let db = app.database.as_service(service);
        async move {
            let mut tx = db.system().await.unwrap();
            let query = sqlx::query_scalar("select platform.delete_expired($1, interval '0', 10)");
            let deleted: i64 = query.bind(rule).fetch_one(tx.conn()).await.unwrap();
            tx.commit().await.unwrap();
            deleted
        }
    };
    let young = delete(Service::CreatorHub, "succeeded_jobs").await;
    assert_eq!(young, 0, "younger than the least age of the rule");
    execute(
        &admin,
        "update platform.jobs set updated_at = now() - interval '9 days'".to_owned(),
    )
    .await;
    assert_eq!(delete(Service::CreatorHub, "no_such_rule").await, 0);
    assert_eq!(delete(Service::Channel, "sessions").await, 0);
    assert_eq!(delete(Service::Channel, "succeeded_jobs").await, 0);
    assert_eq!(delete(Service::CreatorHub, "succeeded_jobs").await, 5);
}

#[tokio::test]
async fn the_oldest_rows_are_found_by_an_index() {
    let app = TestApp::new().await;
    let admin = app.database.admin().await;
    let without: Vec<String> = sqlx::query_scalar(
        "select r.name from platform.retention_rules r
         where not exists (
           select from pg_index i where i.indrelid = r.target::regclass and i.indnatts = 1
             and replace(pg_get_indexdef(i.indexrelid, 1, true), ' ', '')
                 in (replace(r.ended, ' ', ''), upper(replace(r.ended, ' ', '')),
                     regexp_replace(replace(r.ended, ' ', ''), '^least', 'LEAST')))",
    )
    .fetch_all(&admin)
    .await
    .unwrap();
    assert_eq!(without, Vec::<String>::new());
}
