//! The same in a bucket of S3-compatible storage: versitygw, as `tests/cluster/build s3` makes it.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::platform::{Platform, Successor};
use crate::program::{self, Environment, code};
use crate::test_round_trip::round_trip;

const KEY_ID: &str = "backups";
const SECRET: &str = "a-secret-of-this-test-run";

/// A server with one bucket.
struct Storage {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Storage {
    fn start() -> Self {
        let program = std::env::var_os("TEST_S3_PROGRAM").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("backups")).unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = Command::new(program)
            .args([
                "--access",
                KEY_ID,
                "--secret",
                SECRET,
                "--region",
                "us-east-1",
            ])
            .args(["--port", &format!("127.0.0.1:{port}"), "--quiet", "posix"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            process,
            port,
            folder,
        }
    }

    fn target(&self) -> Environment {
        Environment::from([
            (
                "BACKUP_TARGET",
                "s3://backups/platforms/production".to_owned(),
            ),
            (
                "BACKUP_S3_ENDPOINT",
                format!("http://127.0.0.1:{}", self.port),
            ),
            ("BACKUP_S3_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", format!("{SECRET}\n")),
        ])
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("backups/platforms/production/acme")
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "needs versitygw: make test-exhaustive"]
async fn a_platform_comes_back_from_a_bucket() {
    let storage = Storage::start();
    let mut platform = Platform::new().await;
    platform.target = storage.target();
    round_trip(&platform).await;
}

#[tokio::test]
#[ignore = "needs versitygw: make test-exhaustive"]
async fn a_large_part_is_stored_in_pieces_and_old_backups_go() {
    let storage = Storage::start();
    let mut platform = Platform::empty().await;
    platform.target = storage.target();
    program::run_script("dump.sh", &platform.to_create()).unwrap();
    let dump = platform.work.path().join("database.dump");
    let file = std::fs::File::options().write(true).open(&dump).unwrap();
    file.set_len(60 << 20).unwrap();
    let mut environment = platform.to_create();
    environment.insert("BACKUP_RETAIN", "1".to_owned());
    program::run(&["create"], &environment).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    let last = program::run(&["create"], &environment).unwrap();
    assert_eq!(last["kept"].as_array().unwrap().len(), 1);
    let work = tempfile::tempdir().unwrap();
    let fetched = program::run(
        &["verify", "--phase", "fetch"],
        &platform.to_verify(work.path()),
    );
    fetched.unwrap();
    let fetched = std::fs::metadata(work.path().join("database.dump")).unwrap();
    assert_eq!(fetched.len(), 60 << 20);
}

#[tokio::test]
#[ignore = "needs versitygw: make test-exhaustive"]
async fn what_is_wrong_with_a_bucket_or_its_content_is_named() {
    let storage = Storage::start();
    let mut platform = Platform::new().await;
    platform.target = storage.target();
    assert_eq!(
        code(&Successor::of(&platform).await.fetch()),
        "backup_missing"
    );
    let name = platform.backup();
    let part = storage.path().join(&name).join("database.age");
    let whole = std::fs::read(&part).unwrap();
    std::fs::write(&part, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(
        code(&Successor::of(&platform).await.fetch()),
        "backup_truncated"
    );

    let wrong = |key: &'static str, value: &str| {
        let mut environment = platform.to_create();
        environment.insert(key, value.to_owned());
        code(&program::run(&["create"], &environment))
    };
    assert_eq!(
        wrong("AWS_SECRET_ACCESS_KEY", "another"),
        "target_unavailable"
    );
    assert_eq!(
        wrong("BACKUP_TARGET", "s3://no-such-bucket"),
        "target_unavailable"
    );
}
