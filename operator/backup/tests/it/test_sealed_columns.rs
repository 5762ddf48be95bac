//! No encrypted column is forgotten: a restoration encrypts all those of the schema again.

use std::collections::BTreeMap;

use backup::sealed;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use shared_config::Secret;
use shared_crypto::DataKeys;
use sqlx::{AssertSqlSafe, PgPool};

use crate::platform::{NEW_DATA_KEY, OLD_DATA_KEY, Platform, Successor};
use crate::program::code;

/// The encrypted columns as the comments of the schema tell them.
const MARKED: &str = "select n.nspname || '.' || c.relname || '.' || a.attname
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
  where c.relkind in ('r', 'p') and col_description(c.oid, a.attnum) = 'sealed'";

fn known() -> Vec<String> {
    let mut known: Vec<_> = sealed::COLUMNS
        .iter()
        .map(|column| format!("{}.{}", column.table, column.name))
        .collect();
    known.sort();
    known
}

/// Columns of any type in which some row contains the beginning of an encrypted value.
async fn columns_with_encrypted_values(admin: &PgPool) -> Vec<String> {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select format('%I.%I', n.nspname, c.relname), quote_ident(a.attname)
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'",
    )
    .fetch_all(admin)
    .await
    .unwrap();
    let mut found = Vec::new();
    for (table, column) in columns {
        let query = format!(
            "select exists (select from {table}
               where {column}::text ~ '\\ms1\\.[A-Za-z0-9_-]{{8}}\\.')"
        );
        let has: bool = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_one(admin)
            .await
            .unwrap();
        if has {
            found.push(format!("{table}.{column}"));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn every_encrypted_column_of_the_schema_is_encrypted_again() {
    let platform = Platform::new().await;
    let admin = platform.database.admin().await;
    let mut marked: Vec<String> = sqlx::query_scalar(MARKED).fetch_all(&admin).await.unwrap();
    marked.sort();
    assert_eq!(
        marked,
        known(),
        "add the column to COLUMNS in operator/backup/src/sealed.rs"
    );
    // What is encrypted is marked as such, whatever the comments say.
    let used = columns_with_encrypted_values(&admin).await;
    let forgotten: Vec<_> = used
        .iter()
        .filter(|column| !marked.contains(column))
        .collect();
    assert!(
        forgotten.is_empty(),
        "COMMENT ON COLUMN … IS 'sealed' is missing: {forgotten:?}"
    );
    assert!(used.len() >= 3, "the fixture has such values: {used:?}");
    admin.close().await;
}

#[tokio::test]
async fn a_column_that_this_version_does_not_know_is_refused() {
    let platform = Platform::empty().await;
    let admin = platform.database.admin().await;
    let changed = "alter table auth.users add column pin text;
                   comment on column auth.users.pin is 'sealed'";
    sqlx::raw_sql(changed).execute(&admin).await.unwrap();
    admin.close().await;
    platform.backup();
    let successor = Successor::of(&platform).await;
    let refused = successor.restore();
    assert_eq!(code(&refused), "sealed_column_unknown");
    assert!(
        refused.unwrap_err()["detail"]
            .to_string()
            .contains("auth.users.pin")
    );
}

fn key(text: &str) -> Secret<[u8; 32]> {
    Secret::new(BASE64_STANDARD.decode(text).unwrap().try_into().unwrap())
}

#[tokio::test]
async fn an_interrupted_run_is_repeated_and_unreadable_values_stay() {
    let platform = Platform::new().await;
    let admin = platform.database.admin().await;
    // More than one batch.
    let many = "insert into platform.idempotency_keys
        (creator_id, route, key, request_hash, status, body)
        select c.creator_id, '/v1/x', n::text, sha256(''), 200, to_jsonb('s1.AAAAAAAA.AAAA'::text)
        from auth.creators c, generate_series(1, 150) n";
    let lost = sqlx::query(many)
        .execute(&admin)
        .await
        .unwrap()
        .rows_affected();
    assert!(lost > 400, "{lost}");
    let mut connection = connect(&platform).await;
    let kept = BTreeMap::from([("DATA_KEY".to_owned(), OLD_DATA_KEY.to_owned())]);
    let new = DataKeys {
        current: key(NEW_DATA_KEY),
        previous: None,
    };
    let first = sealed::reencrypt(&mut connection, &kept, &new)
        .await
        .unwrap();
    assert!(first.opened >= 5, "{first:?}");
    assert_eq!(first.unreadable, lost);
    let second = sealed::reencrypt(&mut connection, &kept, &new)
        .await
        .unwrap();
    assert_eq!((second.opened, second.unreadable), (0, lost));

    // The platform cannot start without its signing keys.
    let damage = "update auth.signing_keys set seed = 's1.AAAAAAAA.AAAA'";
    sqlx::query(damage).execute(&admin).await.unwrap();
    let refused = sealed::reencrypt(&mut connection, &kept, &new)
        .await
        .unwrap_err();
    assert_eq!(refused.code.as_str(), "sealed_value_unreadable");
}

async fn connect(platform: &Platform) -> sqlx::PgConnection {
    use sqlx::Connection as _;
    let (server, _) = platform.stores.postgres.rsplit_once('/').unwrap();
    let url = format!("{server}/{}", platform.database.name);
    sqlx::PgConnection::connect(&url).await.unwrap()
}
