//! The scripts that start PostgreSQL and Redis and take backups, as the operator writes them, with
//! the real servers: only their paths and ports are of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use operator_core::Observed;
use operator_core::api::CreatorPlatform;
use operator_core::object::{Kind, ObjectKey};
use shared_cache::{Cache, CacheSettings};
use shared_config::{Secret, Service};
use tempfile::TempDir;

use crate::own_postgres::{
    OwnPostgres, accepts, as_postgres, folder, program, stop, wait_until_ready,
};
use crate::ports;
use crate::test_environment::samples;

/// The data of a `ConfigMap` of a sample.
fn config_map(change: impl FnOnce(&mut CreatorPlatform), name: &str) -> BTreeMap<String, String> {
    let (_, mut platform) = samples()
        .into_iter()
        .find(|(sample, _)| sample == "full")
        .unwrap();
    platform.metadata.name = Some("demo".to_owned());
    change(&mut platform);
    let observed = Observed::default();
    let resolved = operator_core::resolve(&platform, &observed).unwrap();
    let plan = operator_core::plan(&resolved, &observed);
    let key = ObjectKey::new(Kind::ConfigMap, format!("demo-{name}"));
    let item = plan.items().find(|item| item.key == key).unwrap();
    let data = item.desired.body()["data"].as_object().unwrap().iter();
    data.map(|(file, text)| (file.clone(), text.as_str().unwrap().to_owned()))
        .collect()
}

/// The volumes of a store, and the server that its script has started.
struct Store {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Store {
    fn new(config: &BTreeMap<String, String>, usual_port: u16) -> Self {
        let folder = folder();
        let port = ports::listen().local_addr().unwrap().port();
        let store = Self {
            folder,
            port,
            process: None,
        };
        for name in ["data", "config", "tmp"] {
            let path = store.path(name);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        }
        store.write(config, usual_port);
        store
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, config: &BTreeMap<String, String>, usual_port: u16) {
        let at = |name: &str| self.path(name).display().to_string();
        for (file, text) in config {
            let text = text
                .replace("/etc/creator", "@config@")
                .replace("/data", "@data@")
                .replace("'/tmp'", "'@tmp@'")
                .replace("/tmp/", "@tmp@/")
                // The folder itself may lie in one of those.
                .replace("@config@", &at("config"))
                .replace("@data@", &at("data"))
                .replace("@tmp@", &at("tmp"))
                .replace(&usual_port.to_string(), &self.port.to_string());
            let path = self.path("config").join(file);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        }
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            stop(&mut process);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
    }
}

fn postgres() -> Store {
    Store::new(&config_map(|_| {}, "postgres"), 5432)
}

fn postgres_command(store: &Store, password: &str) -> Command {
    let mut command = as_postgres(Path::new("sh"));
    let bin = program("").display().to_string();
    command
        .arg(store.path("config").join("start.sh"))
        .env("PATH", format!("{bin}:/usr/bin:/bin"))
        .env("PGDATA", store.path("data").join("postgres"))
        .env("POSTGRES_DB", "platform")
        .env("POSTGRES_PASSWORD", password)
        .stdout(Stdio::null());
    command
}

fn start_postgres(store: &mut Store, password: &str) {
    let log = fs::File::create(store.path("log")).unwrap();
    let mut command = postgres_command(store, password);
    let mut process = command.stderr(log).spawn().unwrap();
    wait_until_ready(store.port, &mut process);
    store.process = Some(process);
}

/// A start that must not succeed.
fn refused_start(store: &Store, password: &str) -> String {
    let output: Output = postgres_command(store, password).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    text
}

async fn signs_in(store: &Store, password: &str) -> bool {
    accepts(store.port, "postgres", password, "platform").await
}

#[tokio::test]
async fn postgresql_takes_the_administrators_password_from_its_secret() {
    let mut store = postgres();
    let passwords = [
        "the-first-password",
        "Rotated0123456789abcdefghijklmno",
        // What an editor of Secrets may leave: quotes, white space, percent signs, a line end.
        "it's a \"new\" \\password\\ %s $HOME\n",
        "the-first-password",
    ];
    let mut before: Option<&str> = None;
    for password in passwords {
        start_postgres(&mut store, password);
        assert!(signs_in(&store, password.trim()).await, "{password}");
        if let Some(before) = before {
            assert!(!signs_in(&store, before.trim()).await, "{before}");
        }
        store.stop();
        before = Some(password);
    }
}

#[tokio::test]
async fn a_new_password_also_follows_a_crash_and_is_not_logged() {
    let logged = |platform: &mut CreatorPlatform| {
        let managed = platform.spec.postgres.managed.get_or_insert_default();
        for (name, value) in [
            ("log_statement", "all"),
            ("log_min_duration_statement", "0"),
        ] {
            managed.parameters.insert(name.to_owned(), value.to_owned());
        }
    };
    let mut store = Store::new(&config_map(logged, "postgres"), 5432);
    start_postgres(&mut store, "the-first-password");
    let mut process = store.process.take().unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    start_postgres(&mut store, "made-again-by-chance");
    assert!(signs_in(&store, "made-again-by-chance").await);
    assert!(!signs_in(&store, "the-first-password").await);
    let log = fs::read_to_string(store.path("log")).unwrap();
    assert!(log.contains("ready to accept connections"), "{log}");
    assert!(!log.contains("made-again-by-chance"), "{log}");
}

#[tokio::test]
async fn an_image_of_another_major_version_touches_nothing() {
    let mut store = postgres();
    start_postgres(&mut store, "the-first-password");
    store.stop();
    let version = store.path("data").join("postgres/PG_VERSION");
    fs::write(&version, "14\n").unwrap();
    let control = store.path("data").join("postgres/global/pg_control");
    let before = fs::read(&control).unwrap();
    let text = refused_start(&store, "the-first-password");
    assert!(text.contains("MajorVersionMismatch"), "{text}");
    assert!(
        text.contains("PostgreSQL 14") && text.contains("PostgreSQL 15"),
        "{text}"
    );
    assert!(text.contains("spec.images.postgres"), "{text}");
    assert_eq!(fs::read(&control).unwrap(), before);

    fs::write(&version, "15\n").unwrap();
    start_postgres(&mut store, "the-first-password");
    assert!(signs_in(&store, "the-first-password").await);
}

#[test]
fn a_wrong_parameter_or_password_is_named() {
    let wrong = |platform: &mut CreatorPlatform| {
        let managed = platform.spec.postgres.managed.get_or_insert_default();
        let (name, value) = ("work_mem".to_owned(), "plenty".to_owned());
        managed.parameters.insert(name, value);
    };
    let store = Store::new(&config_map(wrong, "postgres"), 5432);
    let text = refused_start(&store, "the-first-password");
    assert!(text.contains("work_mem"), "{text}");
    assert!(text.contains("spec.postgres.managed.parameters"), "{text}");
    for password in ["", " \n", "two\nlines-of-password"] {
        let text = refused_start(&store, password);
        assert!(text.contains("PasswordRefused"), "{text}");
    }
}

async fn redis_accepts(port: u16, service: Service, password: &str) -> bool {
    let settings = CacheSettings {
        host: "127.0.0.1".to_owned(),
        port,
        username: service.name().to_owned(),
        password: Secret::new(password.to_owned()),
        ..CacheSettings::default()
    };
    Cache::new(&settings).unwrap().ping().await.is_ok()
}

#[tokio::test]
async fn redis_takes_passwords_with_white_space_and_quotes() {
    let mut store = Store::new(&config_map(|_| {}, "redis"), 6379);
    let passwords = [
        (Service::Auth, "a password with spaces"),
        (Service::CreatorHub, "quotes \" and ' and >marks #too"),
        (Service::AiEngine, " trimmed like everywhere \n"),
        (Service::Channel, ""),
    ];
    let mut command = Command::new("sh");
    command
        .arg(store.path("config").join("start.sh"))
        .stdout(Stdio::null());
    for (service, password) in passwords {
        let name = service.name().replace('-', "_").to_uppercase();
        command.env(format!("{name}_REDIS_PASSWORD"), password);
    }
    store.process = Some(command.spawn().unwrap());
    let [auth, hub, engine, channel] = passwords;
    for _ in 0..100 {
        if redis_accepts(store.port, auth.0, auth.1).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for (service, password) in [auth, hub, engine] {
        assert!(
            redis_accepts(store.port, service, password.trim()).await,
            "{service:?}"
        );
        assert!(!redis_accepts(store.port, service, "another").await);
    }
    assert!(
        !redis_accepts(store.port, channel.0, "x").await,
        "no password is none that opens"
    );
    let users = fs::read_to_string(store.path("tmp").join("users.acl")).unwrap();
    assert!(!users.contains("password with spaces"), "{users}");
    let open = users.lines().find(|line| line.starts_with("user channel"));
    assert!(!open.unwrap().contains('#'), "{users}");
}

#[test]
fn backups_leave_each_others_files_alone() {
    let server = OwnPostgres::start(&[]);
    let backup = TempDir::new().unwrap();
    let at = |name: &str| backup.path().join(name);
    let (stale, busy, foreign) = (
        at("scheduled-20200101T000000Z.dump.part"),
        at("scheduled-20300101T000000Z.dump.part"),
        at("migration-20300101T000000Z.dump.part"),
    );
    for part in [&stale, &busy, &foreign] {
        fs::write(part, "half a dump").unwrap();
    }
    let mut other = Command::new("flock")
        .arg(&busy)
        .args(["sleep", "60"])
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let script = &config_map(
        |platform| {
            let managed = platform.spec.postgres.managed.get_or_insert_default();
            managed
                .backup
                .get_or_insert_with(|| serde_json::from_value(serde_json::json!({})).unwrap());
        },
        "backup",
    )["backup.sh"];
    let folder = backup.path().display().to_string();
    let output = Command::new("sh")
        .args(["-c", &script.replace("/backup", &folder)])
        .env("PATH", format!("{}:/usr/bin:/bin", program("").display()))
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", server.port.to_string())
        .env("PGDATABASE", "postgres")
        .env("PGUSER", "postgres")
        .env(
            "PGPASSWORD",
            format!("{}\n", crate::own_postgres::ADMIN_PASSWORD),
        )
        .env("BACKUP_NAME", "scheduled")
        .env("BACKUP_RETAIN", "2")
        .output()
        .unwrap();
    let _ = other.kill();
    let _ = other.wait();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(!stale.exists(), "what an interrupted dump left is removed");
    assert!(busy.exists(), "a dump that is being written stays");
    assert!(foreign.exists(), "a dump of another kind stays");
    let dumps = fs::read_dir(backup.path()).unwrap().flatten();
    let dumps = dumps.filter(|entry| entry.path().extension().is_some_and(|e| e == "dump"));
    assert_eq!(dumps.count(), 1);
}
