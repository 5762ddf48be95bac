//! Memory does not grow with the size of the data.

use std::fs::{self, File};
use std::process::Stdio;

use crate::platform::Platform;
use crate::program;

/// The most that a process may have in memory.
const MOST_KIB: u64 = 64 * 1024;

/// The most that a finished child had, in KiB.
fn most_memory(command: &mut std::process::Command) -> u64 {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let found = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        most = most.max(found.unwrap_or(0));
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{ended}");
            return most;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[tokio::test]
async fn a_large_dump_is_sealed_and_opened_within_64_mib() {
    let platform = Platform::empty().await;
    program::run_script("dump.sh", &platform.to_create()).unwrap();
    let dump = platform.work.path().join("database.dump");
    File::options()
        .write(true)
        .open(&dump)
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    let created = most_memory(&mut program::command(&["create"], &platform.to_create()));
    assert!(
        created > 1024 && created < MOST_KIB,
        "create: {created} KiB"
    );
    let work = tempfile::tempdir().unwrap();
    let environment = platform.to_verify(work.path());
    let arguments = ["verify", "--phase", "fetch"];
    let opened = most_memory(&mut program::command(&arguments, &environment));
    assert!(opened > 1024 && opened < MOST_KIB, "fetch: {opened} KiB");
    let length = fs::metadata(work.path().join("database.dump"))
        .unwrap()
        .len();
    assert_eq!(length, 100 << 20);
}
