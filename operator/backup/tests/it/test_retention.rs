//! What is kept, what interrupted backups leave, and what happens when there is no space.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::platform::{NAME, Platform};
use crate::program::{self, code};

fn create(platform: &Platform, retain: &str) -> Value {
    // Names are seconds.
    std::thread::sleep(Duration::from_millis(1100));
    let mut environment = platform.to_create();
    environment.insert("BACKUP_RETAIN", retain.to_owned());
    program::run(&["create"], &environment).unwrap()
}

#[tokio::test]
async fn the_newest_complete_backups_are_kept_and_listed() {
    let platform = Platform::empty().await;
    program::run_script("dump.sh", &platform.to_create()).unwrap();
    let name = |created: &Value| created["backup"].as_str().unwrap().to_owned();
    let first = name(&create(&platform, "2"));
    let interrupted = platform.folder_of("20200101T000000Z");
    fs::create_dir(&interrupted).unwrap();
    fs::write(interrupted.join("database.age.part"), "half").unwrap();
    let second = name(&create(&platform, "2"));
    assert_eq!(
        platform.names(),
        [first, second.clone()],
        "the interrupted one is gone"
    );
    let last = create(&platform, "2");
    let third = name(&last);
    assert_eq!(platform.names(), [second.clone(), third.clone()]);
    let kept: Vec<_> = last["kept"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(kept, [&third, &second]);
    let only = name(&create(&platform, "1"));
    assert_eq!(platform.names(), [only]);
    // What is not ours stays.
    let theirs = platform.backups.path().join(NAME).join("notes");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("README"), "of a person").unwrap();
    create(&platform, "1");
    assert!(theirs.join("README").exists());
}

#[tokio::test]
async fn a_backup_that_is_killed_counts_for_nothing_and_is_cleaned_up() {
    let platform = Platform::empty().await;
    program::run_script("dump.sh", &platform.to_create()).unwrap();
    let kept = create(&platform, "1")["backup"]
        .as_str()
        .unwrap()
        .to_owned();
    // A dump that takes a while to seal.
    let dump = platform.work.path().join("database.dump");
    let whole = fs::read(&dump).unwrap();
    File::options()
        .write(true)
        .open(&dump)
        .unwrap()
        .set_len(4 << 30)
        .unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    let mut running = program::command(&["create"], &platform.to_create());
    let mut running = running
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while platform.names().len() < 2 {
        assert!(running.try_wait().unwrap().is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Nobody else writes to the volume meanwhile.
    assert_eq!(
        code(&program::run(&["create"], &platform.to_create())),
        "backup_running"
    );
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(platform.names().len(), 2, "what it has left");

    let work = tempfile::tempdir().unwrap();
    let list = program::run(&["list"], &platform.to_verify(work.path())).unwrap();
    assert_eq!(list["name"], Value::from(kept), "the newest complete one");
    fs::write(&dump, whole).unwrap();
    let next = create(&platform, "1")["backup"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(platform.names(), [next]);
}

#[tokio::test]
async fn a_full_volume_is_named_and_nothing_is_left_in_it() {
    let platform = Platform::empty().await;
    program::run_script("dump.sh", &platform.to_create()).unwrap();
    let small = tempfile::tempdir().unwrap();
    let mut environment = platform.to_create();
    environment.insert(
        "BACKUP_TARGET",
        format!("file://{}", small.path().display()),
    );
    // A file system of 40 kB in a namespace of its own.
    let script = "mount -t tmpfs -o size=40k tmpfs \"$0\" && \"$1\" create; code=$?
                  find \"$0\" -type f ! -name .lock | sed 's/^/left: /' >&2; exit $code";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(small.path())
        .arg(env!("CARGO_BIN_EXE_backup"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .envs(&environment)
        .env("TERMINATION_LOG", "/dev/null")
        .output()
        .unwrap();
    assert_eq!(code(&program::outcome(&output)), "target_full");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!log.contains("left: "), "{log}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let platform = Platform::empty().await;
    program::run_script("dump.sh", &platform.to_create()).unwrap();
    let mut environment = platform.to_create();
    environment.insert("BACKUP_TARGET", "file:///proc/nowhere".to_owned());
    assert_eq!(
        code(&program::run(&["create"], &environment)),
        "target_unavailable"
    );
    environment.insert("BACKUP_TARGET", "ftp://backups".to_owned());
    environment.insert("BACKUP_RECIPIENTS", "age1wrong".to_owned());
    let refused = program::run(&["create"], &environment);
    assert_eq!(code(&refused), "settings_invalid");
    let detail = refused.unwrap_err()["detail"].to_string();
    assert!(
        detail.contains("BACKUP_TARGET") && detail.contains("age1wrong"),
        "{detail}"
    );
}
