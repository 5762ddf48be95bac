//! Manifests that are not what they should be are refused by the name of what is wrong.

use super::*;

fn published() -> Published {
    let part = |size| Part {
        size,
        sha256: "ab".repeat(32),
    };
    Published {
        manifest: Manifest {
            product: PRODUCT.to_owned(),
            format: FORMAT,
            platform: "acme".to_owned(),
            backup: "20261130T030000Z".parse().unwrap(),
            time: "2026-11-30T03:00:00Z".parse().unwrap(),
            version: "0.1.0".to_owned(),
            migration: 57,
            roles: vec!["platform_owner".to_owned()],
            tenants: 3,
            rows: 9,
            tables: BTreeMap::from([("auth.users".to_owned(), 9)]),
            files: 2,
            files_missing: 0,
            parts: BTreeMap::from([(PartName::Database, part(10)), (PartName::Rows, part(5))]),
        },
        keys: part(3),
    }
}

fn code(bytes: &[u8]) -> Option<Code> {
    let name = published().manifest.backup;
    parse(&name, bytes).err().map(|failure| failure.code)
}

#[test]
fn a_manifest_reads_back() {
    let whole = serde_json::to_vec(&published()).unwrap();
    let name = published().manifest.backup;
    assert_eq!(parse(&name, &whole), Ok(published()));
    assert_eq!(published().size(), 18);
}

#[test]
fn every_shorter_manifest_is_truncated() {
    let whole = serde_json::to_vec(&published()).unwrap();
    for length in 0..whole.len() {
        let found = code(&whole[..length]);
        assert_eq!(found, Some(Code::BackupTruncated), "{length} bytes");
    }
}

#[test]
fn a_manifest_of_another_program_format_or_backup_is_refused() {
    let changed = |change: fn(&mut Manifest)| {
        let mut changed = published();
        change(&mut changed.manifest);
        code(&serde_json::to_vec(&changed).unwrap())
    };
    let foreign = changed(|manifest| manifest.product = "velero".to_owned());
    assert_eq!(foreign, Some(Code::BackupForeign));
    let newer = changed(|manifest| manifest.format = FORMAT + 1);
    assert_eq!(newer, Some(Code::BackupNewer));
    let moved = changed(|manifest| manifest.backup = "20261129T030000Z".parse().unwrap());
    assert_eq!(moved, Some(Code::BackupAltered));
    assert_eq!(code(b"[1, 2]"), Some(Code::BackupForeign));
    assert_eq!(code(b"no JSON"), Some(Code::BackupAltered));
    let without_parts = br#"{"manifest": {"product": "creator-platform-backup", "format": 1}}"#;
    assert_eq!(code(without_parts), Some(Code::BackupAltered));
}

#[test]
fn a_backup_of_a_newer_schema_is_refused_with_the_version_that_reads_it() {
    let mut manifest = published().manifest;
    assert_eq!(check_version(&manifest, 57), Ok(()));
    assert_eq!(check_version(&manifest, 60), Ok(()));
    manifest.version = "0.3.0".to_owned();
    let refused = check_version(&manifest, 56).unwrap_err();
    assert_eq!(refused.code, Code::BackupNewer);
    assert!(
        refused.detail.contains("spec.version to 0.3.0"),
        "{refused}"
    );
}

#[test]
fn a_name_is_a_time_and_nothing_else() {
    let time = "2026-11-30T03:00:00.7Z".parse().unwrap();
    let name = BackupName::at(time);
    assert_eq!(name.as_str(), "20261130T030000Z");
    assert_eq!(name.as_str().parse(), Ok(name));
    for text in [
        "",
        "latest",
        "20261130T030000",
        "../../etc/passwd",
        "20261130T03000/Z",
    ] {
        assert_eq!(text.parse::<BackupName>(), Err(NotAName), "{text}");
    }
    assert_eq!("latest".parse(), Ok(Selection::Latest));
}
