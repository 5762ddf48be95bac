//! The scheduled check: a backup is loaded into a server that is thrown away.

use std::fs;

use serde_json::json;

use crate::platform::{Platform, folder};
use crate::program::{self, Environment, code};

struct Check {
    environment: Environment,
    work: tempfile::TempDir,
}

impl Check {
    fn of(platform: &Platform) -> Self {
        let work = folder();
        let environment = platform.to_verify(work.path());
        Self { environment, work }
    }

    fn fetch(&self) -> Result<serde_json::Value, serde_json::Value> {
        program::run(&["verify", "--phase", "fetch"], &self.environment)
    }

    fn load(&self) {
        // Our program and PostgreSQL have one user in a pod, and two here.
        for entry in fs::read_dir(self.work.path()).unwrap() {
            use std::os::unix::fs::PermissionsExt as _;
            let path = entry.unwrap().path();
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        }
        program::run_script_as_postgres("scratch.sh", &self.environment).unwrap();
    }

    fn finish(&self) -> Result<serde_json::Value, serde_json::Value> {
        program::run(&["verify"], &self.environment)
    }
}

#[tokio::test]
async fn a_sound_backup_is_verified_without_the_platform() {
    let platform = Platform::new().await;
    let created = platform.create().unwrap();
    let check = Check::of(&platform);
    check.fetch().unwrap();
    check.load();
    assert!(
        !check.work.path().join("scratch").exists(),
        "the server is gone"
    );
    let verified = check.finish().unwrap();
    for field in ["backup", "tenants", "rows", "files"] {
        assert_eq!(verified[field], created[field], "{field}");
    }
    assert!(verified["sealedValues"].as_u64() >= Some(5), "{verified}");
}

#[tokio::test]
async fn a_backup_with_another_key_than_its_secrets_is_not_sound() {
    let platform = Platform::new().await;
    program::run_script("dump.sh", &platform.to_create()).unwrap();
    let mut environment = platform.to_create();
    environment.insert("DATA_KEY", crate::platform::NEW_DATA_KEY.to_owned());
    program::run(&["create"], &environment).unwrap();
    let check = Check::of(&platform);
    check.fetch().unwrap();
    check.load();
    assert_eq!(code(&check.finish()), "sealed_value_unreadable");
}

#[tokio::test]
async fn rows_that_differ_are_found() {
    let platform = Platform::new().await;
    program::run_script("dump.sh", &platform.to_create()).unwrap();
    // The dump has other rows than were counted.
    let lines = platform.work.path().join("database.csv");
    let text = fs::read_to_string(&lines).unwrap();
    let changed: Vec<String> = text
        .lines()
        .map(|line| match line.strip_prefix("rows,hub.documents,") {
            Some(rest) => format!("rows,hub.documents,{rest}1"),
            None => line.to_owned(),
        })
        .collect();
    fs::write(&lines, changed.join("\n")).unwrap();
    program::run(&["create"], &platform.to_create()).unwrap();
    let check = Check::of(&platform);
    check.fetch().unwrap();
    check.load();
    let refused = check.finish();
    assert_eq!(code(&refused), "row_counts_differ");
    let detail = refused.unwrap_err()["detail"].clone();
    assert!(
        detail.as_str().unwrap().contains("hub.documents"),
        "{detail}"
    );
}

#[tokio::test]
async fn files_that_are_not_there_are_counted_and_do_not_stop_a_backup() {
    let platform = Platform::new().await;
    let contents = crate::platform::contents(platform.files.path());
    let lost = contents.keys().next().unwrap();
    fs::remove_file(platform.files.path().join(lost)).unwrap();
    let created = platform.create().unwrap();
    assert_eq!(created["files"], json!(contents.len() - 1));
    assert_eq!(created["filesMissing"], json!(1));
}
