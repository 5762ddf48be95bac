//! What an earlier version left is all there after the migrations of this version: the fixtures
//! of `tests/fixtures`, made by the versions that they are named after.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgPool};

use crate::upgrade::{self, DocumentState, Restored};

const VERSION: &str = "0.1.0";

/// Where the rows of a table of 0.1.0 are now, as the query that counts them, for each table that
/// a later migration moved, split or added rows to. A table that is not named here has as many
/// rows as before.
const MOVED: [(&str, &str); 1] = [(
    "platform.schema_migrations",
    "select count(*) from platform.schema_migrations where version <= 21",
)];

/// The tables whose rows are not as many as they were.
async fn row_faults(admin: &PgPool, expected: &BTreeMap<String, i64>) -> Vec<String> {
    let mut faults = Vec::new();
    for (table, rows) in expected {
        let moved = MOVED.iter().find(|(name, _)| name == table);
        let all = format!("select count(*) from {table}");
        let query = moved.map_or(all, |(_, query)| (*query).to_owned());
        let found = sqlx::query_scalar::<_, i64>(AssertSqlSafe(query)).fetch_one(admin);
        match found.await {
            Ok(found) if found == *rows => {}
            Ok(found) => faults.push(format!("{table}: {found} rows instead of {rows}")),
            Err(error) => faults.push(format!("{table}: {error}; say in MOVED where it went")),
        }
    }
    faults
}

#[tokio::test]
async fn what_0_1_0_left_is_all_there() {
    let restored = Restored::new(VERSION).await;
    let admin = restored.database.admin().await;
    let faults = row_faults(&admin, &restored.fixture.rows).await;
    assert_eq!(faults, Vec::<String>::new());
    let empty = |(_, rows): &(&String, &i64)| **rows == 0;
    let empty: Vec<_> = restored.fixture.rows.iter().filter(empty).collect();
    // A request for a new password lives for a moment only.
    assert_eq!(empty, [(&"auth.reset_requests".to_owned(), &0)]);

    let mut upgraded = restored.serve().await;
    let found = upgraded.check().await;
    let faults: Vec<_> = found.iter().filter(|(_, check)| check.is_err()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Documents in progress whose jobs are gone, as after a job of an unknown kind.
const LOST_JOBS: &str = "delete from platform.jobs
    where kind = 'ingest_document' and state in ('queued', 'running');";

#[tokio::test]
async fn documents_in_progress_are_enqueued_again_and_become_ready() {
    let restored = Restored::changed(VERSION, LOST_JOBS).await;
    let admin = restored.database.admin().await;
    let enqueued = "select d.id, j.id as job from hub.documents d join platform.jobs j
         on j.subject_id = d.id and j.kind = 'ingest_document' and j.state = 'queued'
       where d.state in ('pending', 'processing')";
    let rows: Vec<(uuid::Uuid, uuid::Uuid)> =
        sqlx::query_as(enqueued).fetch_all(&admin).await.unwrap();
    let fixture = &restored.fixture;
    let in_progress = fixture
        .accounts
        .iter()
        .flat_map(|account| &account.documents);
    let in_progress = in_progress.filter(|document| document.state.in_progress());
    assert_eq!(rows.len(), in_progress.count(), "one job each");
    assert!(rows.iter().all(|(_, job)| job.get_version_num() == 7));
    let policies = "select count(*) from pg_policies where policyname like 'migration%'";
    let left: i64 = sqlx::query_scalar(policies)
        .fetch_one(&admin)
        .await
        .unwrap();
    assert_eq!(left, 0, "policies of the migration");

    let mut upgraded = restored.serve().await;
    let found = upgraded.check().await;
    assert_eq!(found["in_progress"], Ok(()));
    assert_eq!(found["documents"], Ok(()));
}

/// One loss for each check, as a bad migration or a lost volume would cause it.
const DAMAGES: [(&str, &str); 13] = [
    (
        "suspension",
        "update platform.tenant_settings set suspended_at = null",
    ),
    (
        "sessions",
        "update auth.refresh_tokens t set token_hash = sha256(token_hash)
         from auth.sessions s join auth.memberships m
           on m.creator_id = s.creator_id and m.user_id = s.user_id and m.role <> 'owner'
         where s.creator_id = t.creator_id and s.id = t.session_id",
    ),
    (
        "second_factor",
        "update auth.totp set secret = reverse(secret)",
    ),
    (
        "api_keys",
        "update auth.api_keys set key_hash = sha256(key_hash)",
    ),
    (
        "signing_keys",
        "delete from auth.signing_keys where kid = (
           select kid from auth.signing_keys order by active_from limit 1)",
    ),
    (
        "emails",
        "update auth.mail_outbox set body = (select max(body) from auth.mail_outbox)",
    ),
    ("invites", "update auth.invites set expires_at = now()"),
    (
        "consents",
        "update platform.consents set granted = not granted",
    ),
    ("audit", "delete from auth.audit_log where seq = 2"),
    (
        "documents",
        "update hub.documents set chunk_count = chunk_count + 1 where state = 'ready'",
    ),
    // All of them: lost vectors are made again from the passages.
    ("by_words", "update ai.chunks set content = 'lost'"),
    (
        "conversations",
        "update channel.messages set content = 'lost' where seq = 2",
    ),
    ("repetition", "delete from platform.idempotency_keys"),
];

/// What each check says then, so that none fails for another reason than its own.
const COMPLAINTS: [(&str, &str); 17] = [
    ("answers", "the open question"),
    ("api_keys", "by an API key: 401"),
    ("audit", "Harbour Coaching: Some(false)"),
    ("by_meaning", "by \"Which temperature"),
    ("by_words", "by \"QX4471\""),
    ("consents", "marketing: Some(true)"),
    ("conversations", "the visitor's history"),
    ("documents", "Sleep handbook: Array"),
    ("emails", "outbox fails"),
    ("exports", "files of a copy: 0"),
    ("in_progress", "file_missing"),
    ("invites", "invalid_invitation"),
    ("repetition", "the channel of a repetition"),
    ("second_factor", "/v1/login/totp"),
    ("sessions", "invalid_refresh_token"),
    ("signing_keys", "is not among"),
    ("suspension", "200 OK instead of 403"),
];

#[tokio::test]
async fn every_check_of_an_upgrade_notices_a_loss() {
    let restored = Restored::new(VERSION).await;
    let admin = restored.database.admin().await;
    for (check, damage) in DAMAGES {
        let done = sqlx::query(damage).execute(&admin).await.unwrap();
        assert!(done.rows_affected() > 0, "{check}: nothing was damaged");
    }
    let rows = row_faults(&admin, &restored.fixture.rows).await;
    let tables: Vec<_> = rows
        .iter()
        .filter_map(|row| row.split(':').next())
        .collect();
    let emptied = [
        "auth.audit_log",
        "auth.signing_keys",
        "platform.idempotency_keys",
    ];
    assert_eq!(tables, emptied);
    for account in &restored.fixture.accounts {
        for document in &account.documents {
            if document.state == DocumentState::Ready {
                upgrade::lose_vectors(&restored.stores.chroma, document.id).await;
            }
        }
    }
    // Documents in progress have nothing to be made of, and copies lack the files.
    for account in std::fs::read_dir(restored.uploads.path()).unwrap() {
        std::fs::remove_dir_all(account.unwrap().path()).unwrap();
    }

    let mut upgraded = restored.serve().await;
    let found = upgraded.check().await;
    let names: Vec<_> = found.keys().copied().collect();
    assert_eq!(names, COMPLAINTS.map(|(check, _)| check));
    for (check, complaint) in COMPLAINTS {
        let noticed = found[check]
            .as_ref()
            .is_err_and(|said| said.contains(complaint));
        assert!(
            noticed,
            "{check}: {complaint:?} was expected: {:?}",
            found[check]
        );
    }
}
