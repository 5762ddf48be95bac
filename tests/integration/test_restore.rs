//! Everything comes back: a platform with full accounts is destroyed, and a backup of it becomes a
//! platform of another name and another key, in which everything is as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use shared_config::Service::AiEngine;
use shared_config::keys;
use shared_testkit::{Stores, TestDatabase};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use crate::upgrade::{self, Restored, Upgraded};

const VERSION: &str = "0.1.0";
/// The key of the platform that is restored.
const NEW_DATA_KEY: &str = "bmV3OiB0aGUgZGF0YSBrZXksIGFsc28gMzIgYnl0ZXM=";
/// Longest wait until all vectors are made again.
const VECTORS_TIMEOUT: Duration = Duration::from_mins(4);

/// What the pods of backups share, and what the user holds.
struct Pod {
    work: TempDir,
    backups: TempDir,
    public_key: String,
    identity: PathBuf,
}

type Environment = BTreeMap<&'static str, String>;

impl Pod {
    fn new() -> Self {
        let (work, backups) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let made = Command::new(program()).arg("keygen").output().unwrap();
        let text = String::from_utf8(made.stdout).unwrap();
        let (public_key, private_key) = text.trim().split_once('\n').unwrap();
        let identity = work.path().join("identity");
        std::fs::write(&identity, private_key).unwrap();
        Self {
            work,
            backups,
            public_key: public_key.to_owned(),
            identity,
        }
    }

    fn environment(&self, platform: &Restored) -> Environment {
        let (database, files) = (&*platform.database.name, platform.uploads.path());
        let rest = platform
            .stores
            .postgres
            .strip_prefix("postgres://")
            .unwrap();
        let (login, place) = rest.split_once('@').unwrap();
        let (user, password) = login.split_once(':').unwrap();
        let (host, port) = place.split('/').next().unwrap().split_once(':').unwrap();
        let path = |path: &Path| path.display().to_string();
        let mut environment = Environment::from([
            (
                "BACKUP_TARGET",
                format!("file://{}", path(self.backups.path())),
            ),
            ("BACKUP_PLATFORM", "acme".to_owned()),
            ("BACKUP_VERSION", VERSION.to_owned()),
            ("BACKUP_RECIPIENTS", self.public_key.clone()),
            ("BACKUP_IDENTITY_FILE", path(&self.identity)),
            ("BACKUP_WORK_DIR", path(self.work.path())),
            ("BACKUP_FILES_DIR", path(files)),
            (
                "DATA_KEY",
                platform.fixture.settings[keys::DATA_KEY].clone(),
            ),
            ("DATABASE_SSL_MODE", "disable".to_owned()),
            ("TERMINATION_LOG", "/dev/null".to_owned()),
            (
                "PATH",
                "/usr/lib/postgresql/15/bin:/usr/bin:/bin".to_owned(),
            ),
        ]);
        for (names, value) in [
            (["PGHOST", "DATABASE_HOST"], host),
            (["PGPORT", "DATABASE_PORT"], port),
            (["PGDATABASE", "DATABASE_NAME"], database),
            (["PGUSER", "ADMIN_USER"], user),
            (["PGPASSWORD", "ADMIN_PASSWORD"], password),
        ] {
            environment.extend(names.map(|name| (name, value.to_owned())));
        }
        environment
    }

    /// What the Job does that makes a backup.
    fn back_up(&self, platform: &Restored) -> Value {
        let environment = self.environment(platform);
        script("dump.sh", &environment);
        run(&["create"], &environment)
    }

    /// What the Job does that restores one.
    fn restore(&self, platform: &Restored, created: &Value) {
        let environment = self.environment(platform);
        run(&["restore", "--phase", "fetch"], &environment);
        script("load.sh", &environment);
        let restored = run(&["restore", "--phase", "finish"], &environment);
        for field in ["tenants", "rows", "files"] {
            assert_eq!(restored[field], created[field], "{field}");
        }
    }
}

/// The program, which a build of the workspace puts beside this one.
fn program() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let folder = here.parent().unwrap().parent().unwrap();
    let path = folder.join("backup");
    assert!(path.exists(), "{}: build the workspace", path.display());
    path
}

fn run(arguments: &[&str], environment: &Environment) -> Value {
    let output = Command::new(program())
        .args(arguments)
        .env_clear()
        .envs(environment)
        .output();
    let output = output.unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {log}");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

fn script(name: &str, environment: &Environment) {
    let path = platform_tests::root()
        .join("operator/backup/assets")
        .join(name);
    let output = Command::new("sh")
        .arg(path)
        .env_clear()
        .envs(environment)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Questions to each account, and what is answered: text, and the passages that it cites.
async fn answers(up: &Upgraded) -> Vec<Value> {
    let mut answers = Vec::new();
    for account in &up.fixture.accounts {
        for document in account.ready() {
            let body = json!({"question": document.meaning, "mode": "extractive"});
            let ask = up.as_owner(account, Method::POST, AiEngine, "/v1/answers");
            let answer = ask.json(&body).send().await.unwrap();
            let text = answer.text().await.unwrap();
            let told = told(&text);
            assert!(told.iter().any(|(event, _)| event == "done"), "{text}");
            answers.push(json!([account.creator_id, document.meaning, told]));
        }
    }
    assert!(answers.len() >= 3, "{answers:?}");
    answers
}

/// The server-sent events of an answer, without what belongs to this one answer.
fn told(text: &str) -> Vec<(String, Value)> {
    let mut told = Vec::new();
    for event in text.split("\n\n") {
        let field = |name: &str| {
            let mut lines = event.lines();
            lines
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
        };
        let (Some(kind), Some(data)) = (field("event:"), field("data:")) else {
            continue;
        };
        let data: Value = serde_json::from_str(data).unwrap();
        let kept = match kind {
            "sources" => {
                let sources = data.as_array().cloned().unwrap_or_default();
                let parts = [
                    "number",
                    "document_id",
                    "title",
                    "chunk_id",
                    "ordinal",
                    "text",
                ];
                let part = |source: &Value| json!(parts.map(|name| source[name].clone()));
                sources.iter().map(part).collect()
            }
            "done" => json!([data["mode"], data["citations"]]),
            _ => data,
        };
        told.push((kind.to_owned(), kept));
    }
    told
}

/// Waits until every vector of the restored platform is made again.
async fn wait_for_vectors(database: &TestDatabase) {
    let admin = database.admin().await;
    let left = "select (select count(*) from ai.indexed_documents where active_version is not null
                        and vectors_version is distinct from active_version)
                     + (select count(*) from ai.vector_models where next_model is not null)";
    let started = Instant::now();
    loop {
        let left: i64 = sqlx::query_scalar(left).fetch_one(&admin).await.unwrap();
        if left == 0 {
            return;
        }
        assert!(started.elapsed() < VECTORS_TIMEOUT, "{left} are left");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
#[ignore = "needs minutes and both platforms: make test-exhaustive"]
async fn a_platform_that_was_destroyed_comes_back_whole() {
    let pod = Pod::new();
    let original = Restored::new(VERSION).await;
    let created = pod.back_up(&original);
    assert!(created["tenants"].as_u64() >= Some(3), "{created}");
    let mut up = original.serve().await;
    assert_eq!(faults(&mut up).await, Vec::<String>::new());
    let asked = answers(&up).await;

    let documents = up
        .fixture
        .accounts
        .iter()
        .flat_map(|account| &account.documents);
    for document in documents {
        upgrade::lose_vectors(&up.all.stores.chroma, document.id).await;
    }
    let database = absent(&up.all.stores).await;
    let successor = up.succeeded_by(database, NEW_DATA_KEY);
    pod.restore(&successor, &created);
    successor.database.migrate(&successor.stores).await;
    let mut up = successor.serve().await;
    wait_for_vectors(&up.all.database).await;
    assert_eq!(faults(&mut up).await, Vec::<String>::new());
    assert_eq!(
        answers(&up).await,
        asked,
        "the same answers with the same citations"
    );
}

/// What the checks of an upgrade find wrong.
async fn faults(up: &mut Upgraded) -> Vec<String> {
    let found = up.check().await;
    let fault = |(name, check)| match check {
        Ok(()) => None,
        Err(fault) => Some(format!("{name}: {fault}")),
    };
    found.into_iter().filter_map(fault).collect()
}

/// A database that does not exist.
async fn absent(stores: &Stores) -> TestDatabase {
    let (database, other) = (
        TestDatabase::new(stores).await,
        TestDatabase::new(stores).await,
    );
    let admin = other.admin().await;
    let drop = format!("drop database {} with (force)", database.name);
    sqlx::raw_sql(AssertSqlSafe(drop))
        .execute(&admin)
        .await
        .unwrap();
    admin.close().await;
    database
}
