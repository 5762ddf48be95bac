//! A backup that is not whole, not ours or not for this version is refused by the name of what is
//! wrong, before anything is changed.

use std::fs;
use std::path::Path;

use backup::seal;
use serde_json::Value;

use crate::platform::{Platform, Successor};
use crate::program::{self, code};

const PARTS: [&str; 4] = ["database.age", "rows.age", "files.age", "keys.age"];

/// What a restoration says, in whichever step.
fn restored(successor: &Successor) -> Result<Value, Value> {
    successor.fetch()?;
    if let Err(said) = successor.load() {
        panic!("the dump was fetched, and could not be loaded: {said}");
    }
    successor.finish()
}

fn cut(path: &Path) {
    let whole = fs::read(path).unwrap();
    fs::write(path, &whole[..whole.len() - 1]).unwrap();
}

fn change(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_truncated_or_changed_part_is_named() {
    let platform = Platform::new().await;
    let folder = platform.folder_of(&platform.backup());
    for part in PARTS {
        let (path, whole) = (folder.join(part), fs::read(folder.join(part)).unwrap());
        cut(&path);
        let refused = Successor::of(&platform).await.fetch();
        assert_eq!(code(&refused), "backup_truncated", "{part}");
        let detail = refused.unwrap_err()["detail"].to_string();
        assert!(detail.contains(part), "{detail}");
        fs::remove_file(&path).unwrap();
        assert_eq!(
            code(&Successor::of(&platform).await.fetch()),
            "backup_truncated",
            "{part}"
        );
        fs::write(&path, &whole).unwrap();
        change(&path);
        assert_eq!(
            code(&restored(&Successor::of(&platform).await)),
            "backup_altered",
            "{part}"
        );
        fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
        assert_eq!(
            code(&Successor::of(&platform).await.fetch()),
            "backup_altered",
            "{part}"
        );
        fs::write(&path, &whole).unwrap();
    }
    restored(&Successor::of(&platform).await).unwrap();
}

#[tokio::test]
async fn a_part_of_another_backup_is_not_taken() {
    let platform = Platform::new().await;
    let first = platform.folder_of(&platform.backup());
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let second = platform.folder_of(&platform.backup());
    assert_ne!(first, second);
    for part in PARTS {
        let own = fs::read(second.join(part)).unwrap();
        fs::copy(first.join(part), second.join(part)).unwrap();
        let refused = code(&restored(&Successor::of(&platform).await));
        let is_refused = ["backup_altered", "backup_truncated"].contains(&refused.as_str());
        assert!(is_refused, "{part}: {refused}");
        fs::write(second.join(part), own).unwrap();
    }
    // The whole manifest of the other one, and all of its parts under this name.
    fs::copy(first.join("manifest.json"), second.join("manifest.json")).unwrap();
    assert_eq!(
        code(&Successor::of(&platform).await.fetch()),
        "backup_altered"
    );
}

#[tokio::test]
async fn a_manifest_that_was_changed_is_noticed_by_its_sealed_copy() {
    let platform = Platform::new().await;
    let path = platform.folder_of(&platform.backup()).join("manifest.json");
    let whole: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let refused = async |changed: &Value| {
        fs::write(&path, changed.to_string()).unwrap();
        code(&Successor::of(&platform).await.fetch())
    };
    for field in [
        "version",
        "platform",
        "tenants",
        "rows",
        "files",
        "migration",
        "time",
    ] {
        let mut changed = whole.clone();
        changed["manifest"][field] = match &changed["manifest"][field] {
            Value::Number(number) => (number.as_u64().unwrap() - 1).into(),
            _ if field == "time" => "2001-01-01T00:00:00Z".into(),
            _ => "other".into(),
        };
        assert_eq!(refused(&changed).await, "backup_altered", "{field}");
    }
    let text = fs::read(&path).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert_eq!(
        code(&Successor::of(&platform).await.fetch()),
        "backup_truncated"
    );
    let theirs = serde_json::json!({"kind": "Backup"});
    assert_eq!(refused(&theirs).await, "backup_foreign");
    let mut later = whole.clone();
    later["manifest"]["format"] = 2.into();
    assert_eq!(refused(&later).await, "backup_newer");
}

#[tokio::test]
async fn a_backup_for_another_key_is_foreign() {
    let platform = Platform::new().await;
    platform.backup();
    fs::write(&platform.identity, seal::key_pair().1).unwrap();
    assert_eq!(
        code(&Successor::of(&platform).await.fetch()),
        "backup_foreign"
    );
    fs::write(&platform.identity, "not a key").unwrap();
    let refused = Successor::of(&platform).await.fetch();
    assert_eq!(code(&refused), "settings_invalid");
    assert!(!refused.unwrap_err().to_string().contains("not a key"));
}

#[tokio::test]
async fn a_backup_of_a_newer_version_names_the_version_that_reads_it() {
    let platform = Platform::empty().await;
    let admin = platform.database.admin().await;
    let migrated = "insert into platform.schema_migrations
        (version, description, success, checksum, execution_time)
        values (9999, 'of a later version', true, '', 0)";
    sqlx::query(migrated).execute(&admin).await.unwrap();
    admin.close().await;
    program::run_script("dump.sh", &platform.to_create()).unwrap();
    let mut environment = platform.to_create();
    environment.insert("BACKUP_VERSION", "9.9.0".to_owned());
    program::run(&["create"], &environment).unwrap();
    let refused = Successor::of(&platform).await.fetch();
    assert_eq!(code(&refused), "backup_newer");
    let detail = refused.unwrap_err()["detail"].to_string();
    assert!(
        detail.contains("9.9.0") && detail.contains("9999"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_backup_that_is_not_there_or_was_interrupted_is_told_apart() {
    let platform = Platform::new().await;
    assert_eq!(
        code(&Successor::of(&platform).await.fetch()),
        "backup_missing"
    );
    let name = platform.backup();
    let select = async |name: &str| {
        let mut successor = Successor::of(&platform).await;
        successor
            .environment
            .insert("BACKUP_SELECT", name.to_owned());
        successor.fetch()
    };
    assert_eq!(code(&select("20200101T000000Z").await), "backup_missing");
    assert_eq!(code(&select("yesterday").await), "settings_invalid");
    select(&name).await.unwrap();
    fs::remove_file(platform.folder_of(&name).join("manifest.json")).unwrap();
    assert_eq!(code(&select(&name).await), "backup_incomplete");
    assert_eq!(code(&select("latest").await), "backup_missing");
}

#[tokio::test]
async fn nothing_is_restored_over_something_else() {
    let platform = Platform::new().await;
    platform.backup();
    let mut successor = Successor::of(&platform).await;
    let own = platform.database.name.clone();
    successor.environment.insert("DATABASE_NAME", own);
    assert_eq!(code(&successor.fetch()), "database_not_empty");

    // Nor over another backup, nor over a table that is not ours.
    let successor = Successor::of(&platform).await;
    successor.restore().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    platform.backup();
    assert_eq!(code(&successor.fetch()), "database_not_empty");
    let other = Successor::of(&platform).await;
    other.fetch().unwrap();
    let admin = other.database.admin().await;
    sqlx::query("create table public.theirs (id int)")
        .execute(&admin)
        .await
        .unwrap();
    admin.close().await;
    assert_eq!(code(&other.fetch()), "database_not_empty");
}

#[tokio::test]
async fn a_dump_that_is_not_there_or_not_complete_makes_no_backup() {
    let platform = Platform::empty().await;
    let create = || program::run(&["create"], &platform.to_create());
    assert_eq!(code(&create()), "work_unavailable", "nothing was dumped");
    program::run_script("dump.sh", &platform.to_create()).unwrap();
    let dump = platform.work.path().join("database.dump");
    fs::remove_file(&dump).unwrap();
    assert_eq!(code(&create()), "dump_invalid");
    let lines = platform.work.path().join("database.csv");
    fs::write(&dump, "x").unwrap();
    fs::write(&lines, "fingerprint,1\n").unwrap();
    assert_eq!(code(&create()), "dump_invalid");
    assert_eq!(
        platform.names(),
        Vec::<String>::new(),
        "parts of failed backups"
    );

    let mut unreachable = platform.to_create();
    unreachable.insert("PGDATABASE", "no_such_database".to_owned());
    assert!(program::run_script("dump.sh", &unreachable).is_err());
}
