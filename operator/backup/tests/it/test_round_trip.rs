//! What is restored is what was there, under another key.

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::platform::{Platform, Successor, contents, rows};
use crate::program;

#[tokio::test]
async fn a_restored_platform_has_the_rows_files_and_secrets_of_every_account() {
    let platform = Platform::new().await;
    round_trip(&platform).await;
}

/// Makes a backup of a full platform and restores it.
pub(crate) async fn round_trip(platform: &Platform) {
    let before = rows(&platform.stores, &platform.database);
    let created = platform.create().unwrap();
    assert!(created["tenants"].as_u64() >= Some(3), "{created}");
    assert_eq!(created["files"], json!(10), "files of the fixture");
    assert_eq!(created["filesMissing"], json!(0));
    assert_eq!(created["kept"][0]["name"], created["backup"]);

    let successor = Successor::of(platform).await;
    let restored = successor.restore().unwrap();
    for field in ["backup", "tenants", "rows", "files"] {
        assert_eq!(restored[field], created[field], "{field}");
    }
    assert!(restored["sealedValues"].as_u64() >= Some(5), "{restored}");
    assert_eq!(restored["unreadableValues"], json!(0));

    // Rows of the vectors are those that finishing changes, on purpose.
    let unchanged = |line: &&String| {
        !line.starts_with("ai.indexed_documents,") && !line.starts_with("ai.vector_models,")
    };
    let after = rows(&platform.stores, &successor.database);
    assert!(
        before
            .iter()
            .filter(unchanged)
            .eq(after.iter().filter(unchanged))
    );
    assert_eq!(counts(&before), counts(&after));
    let files = contents(platform.files.path());
    assert_eq!(contents(successor.files.path()), files);

    let admin = successor.database.admin().await;
    let with_vectors: i64 = sqlx::query_scalar(
        "select count(*) from ai.indexed_documents where vectors_model is not null",
    )
    .fetch_one(&admin)
    .await
    .unwrap();
    assert_eq!(with_vectors, 0, "vectors are made again");
    admin.close().await;
    assert_no_old_key(&successor).await;

    // What is done is not done twice.
    assert_eq!(successor.restore().unwrap(), restored);
    // It can be brought to this version, and backed up in its turn.
    successor.database.migrate(&platform.stores).await;
}

/// Table, account and number of rows.
fn counts(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line.rsplit_once(',').unwrap().0)
        .collect()
}

/// Every encrypted value has the key of the new platform: the checks of a second backup open all of
/// them with it alone.
async fn assert_no_old_key(successor: &Successor) {
    let admin = successor.database.admin().await;
    let mut keys = Vec::new();
    for column in &backup::sealed::COLUMNS {
        let (table, name) = (column.table, column.name);
        let query = format!(
            "select distinct split_part(trim(both '\"' from {name}::text), '.', 2) from {table}
             where trim(both '\"' from {name}::text) like 's1.%'"
        );
        let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&admin)
            .await
            .unwrap();
        keys.extend(found);
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 1, "{keys:?}");
}

#[tokio::test]
async fn an_interrupted_restoration_goes_on_where_it_was() {
    let platform = Platform::new().await;
    let created = platform.create().unwrap();
    let successor = Successor::of(&platform).await;

    // The pod ends before the dump is loaded, and in the middle of it.
    successor.fetch().unwrap();
    let dump = successor.work.path().join("database.dump");
    let whole = std::fs::read(&dump).unwrap();
    std::fs::write(&dump, &whole[..whole.len() - 2000]).unwrap();
    assert!(successor.load().is_err(), "half a dump");
    assert_eq!(program::code(&successor.finish()), "database_failed");

    // And after it is loaded.
    successor.fetch().unwrap();
    successor.load().unwrap();
    successor.fetch().unwrap();
    successor.load().unwrap();
    let restored = successor.finish().unwrap();
    assert_eq!(restored["rows"], created["rows"]);
}

#[tokio::test]
async fn the_user_can_read_the_keys_and_the_list() {
    let platform = Platform::empty().await;
    let name = platform.backup();
    let output = |arguments: &[&str], environment| {
        let output = program::command(arguments, environment).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let work = tempfile::tempdir().unwrap();
    let environment = platform.to_verify(work.path());
    let keys = output(&["keys"], &environment);
    assert_eq!(
        keys,
        format!("DATA_KEY={}\n", crate::platform::OLD_DATA_KEY)
    );
    let mut without_key = environment.clone();
    without_key.remove("BACKUP_IDENTITY_FILE");
    let list = output(&["list"], &without_key);
    let only: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(only["name"], json!(name));
    let pair = output(&["keygen"], &environment);
    let (public, private) = pair.trim().split_once('\n').unwrap();
    assert!(backup::seal::recipients(public).is_ok() && backup::seal::identities(private).is_ok());
}
