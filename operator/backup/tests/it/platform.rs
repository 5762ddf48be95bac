//! A platform with accounts that are full, as version 0.1.0 left it and this version migrated it,
//! and another that does not exist yet.

use std::fs;
use std::path::{Path, PathBuf};

use backup::{dump, seal};
use serde_json::Value;
use shared_testkit::{Stores, TestDatabase};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use crate::program::{self, Environment};

/// The key of the fixture.
pub(crate) const OLD_DATA_KEY: &str = "Zml4dHVyZTogdGhlIGRhdGEga2V5LCAzMiBieXRlcy4=";
/// The key of the platform that is restored.
pub(crate) const NEW_DATA_KEY: &str = "bmV3OiB0aGUgZGF0YSBrZXksIGFsc28gMzIgYnl0ZXM=";
/// The name of the platform in every test.
pub(crate) const NAME: &str = "acme";

/// A platform, the place of its backups, and the user's keys.
pub(crate) struct Platform {
    pub(crate) stores: Stores,
    pub(crate) database: TestDatabase,
    pub(crate) files: TempDir,
    pub(crate) backups: TempDir,
    /// What the containers of a pod share.
    pub(crate) work: TempDir,
    public_key: String,
    pub(crate) identity: PathBuf,
    /// Where backups go instead of the folder.
    pub(crate) target: Environment,
}

/// The address of a database for PostgreSQL's own programs and for ours.
pub(crate) fn address(stores: &Stores, name: &str, work: &Path) -> Environment {
    let rest = stores.postgres.strip_prefix("postgres://").unwrap();
    let (login, place) = rest.split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    let (host, port) = place.split('/').next().unwrap().split_once(':').unwrap();
    let own = |text: &str| text.to_owned();
    Environment::from([
        ("PGHOST", own(host)),
        ("PGPORT", own(port)),
        ("PGDATABASE", own(name)),
        ("PGUSER", own(user)),
        ("PGPASSWORD", format!("{password}\n")),
        ("DATABASE_HOST", own(host)),
        ("DATABASE_PORT", own(port)),
        ("DATABASE_NAME", own(name)),
        ("DATABASE_SSL_MODE", own("disable")),
        ("ADMIN_USER", own(user)),
        ("ADMIN_PASSWORD", own(password)),
        ("BACKUP_WORK_DIR", work.display().to_string()),
    ])
}

/// The lines of a dump that tell the rows of each table and account.
pub(crate) fn rows(stores: &Stores, database: &TestDatabase) -> Vec<String> {
    let work = folder();
    let environment = address(stores, &database.name, work.path());
    program::run_script("dump.sh", &environment).unwrap();
    let lines = dump::lines_of(&work.path().join(dump::LINES), "rows").unwrap();
    lines.map(Result::unwrap).collect()
}

/// A folder that the user `postgres` can reach and write to.
pub(crate) fn folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

impl Platform {
    /// The fixture, in a database of its own.
    pub(crate) async fn new() -> Self {
        let stores = Stores::from_env();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/0.1.0");
        let scripts = ["roles.sql", "database.sql", "ageing.sql"];
        let scripts = scripts.map(|name| fs::read_to_string(fixture.join(name)).unwrap());
        let database = TestDatabase::upgraded(&stores, &scripts).await;
        let platform = Self::with(stores, database);
        copy(&fixture.join("files"), platform.files.path());
        platform
    }

    /// A platform without any account.
    pub(crate) async fn empty() -> Self {
        let stores = Stores::from_env();
        let database = TestDatabase::new(&stores).await;
        Self::with(stores, database)
    }

    fn with(stores: Stores, database: TestDatabase) -> Self {
        let backups = TempDir::new().unwrap();
        let work = folder();
        let (public_key, private_key) = seal::key_pair();
        let identity = backups.path().join("identity.txt");
        fs::write(&identity, format!("# the user's key\n{private_key}\n")).unwrap();
        let target = format!("file://{}", backups.path().display());
        Self {
            stores,
            database,
            files: TempDir::new().unwrap(),
            backups,
            work,
            public_key,
            identity,
            target: Environment::from([("BACKUP_TARGET", target)]),
        }
    }

    /// The environment of the pod that makes a backup.
    pub(crate) fn to_create(&self) -> Environment {
        let mut environment = address(&self.stores, &self.database.name, self.work.path());
        environment.extend(self.target.clone());
        environment.extend([
            ("BACKUP_RECIPIENTS", self.public_key.clone()),
            ("BACKUP_PLATFORM", NAME.to_owned()),
            ("BACKUP_VERSION", "0.1.0".to_owned()),
            ("BACKUP_FILES_DIR", self.files.path().display().to_string()),
            ("DATA_KEY", OLD_DATA_KEY.to_owned()),
        ]);
        environment
    }

    /// The environment of a pod that checks a backup.
    pub(crate) fn to_verify(&self, work: &Path) -> Environment {
        let mut environment = self.target.clone();
        environment.extend([
            ("BACKUP_PLATFORM", NAME.to_owned()),
            ("BACKUP_IDENTITY_FILE", self.identity.display().to_string()),
            ("BACKUP_WORK_DIR", work.display().to_string()),
        ]);
        environment
    }

    /// Runs the pod that makes a backup.
    pub(crate) fn create(&self) -> Result<Value, Value> {
        program::run_script("dump.sh", &self.to_create()).unwrap();
        program::run(&["create"], &self.to_create())
    }

    /// Makes a backup, and gives its name.
    pub(crate) fn backup(&self) -> String {
        let created = self.create().unwrap();
        created["backup"].as_str().unwrap().to_owned()
    }

    /// The folder of a backup.
    pub(crate) fn folder_of(&self, backup: &str) -> PathBuf {
        self.backups.path().join(NAME).join(backup)
    }

    /// Names of backups, complete or not.
    pub(crate) fn names(&self) -> Vec<String> {
        let folder = self.backups.path().join(NAME);
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != ".lock").collect();
        names.sort();
        names
    }
}

/// A platform that a backup is restored into.
pub(crate) struct Successor {
    pub(crate) database: TestDatabase,
    pub(crate) files: TempDir,
    pub(crate) work: TempDir,
    pub(crate) environment: Environment,
}

impl Successor {
    /// A platform whose database does not exist yet.
    pub(crate) async fn of(platform: &Platform) -> Self {
        let (files, work) = (TempDir::new().unwrap(), folder());
        let database = TestDatabase::new(&platform.stores).await;
        let admin = platform.database.admin().await;
        let drop = format!("drop database {} with (force)", database.name);
        sqlx::raw_sql(AssertSqlSafe(drop))
            .execute(&admin)
            .await
            .unwrap();
        admin.close().await;
        let mut environment = platform.to_verify(work.path());
        environment.extend(address(&platform.stores, &database.name, work.path()));
        environment.extend([
            ("BACKUP_FILES_DIR", files.path().display().to_string()),
            ("DATA_KEY", NEW_DATA_KEY.to_owned()),
        ]);
        Self {
            database,
            files,
            work,
            environment,
        }
    }

    pub(crate) fn fetch(&self) -> Result<Value, Value> {
        program::run(&["restore", "--phase", "fetch"], &self.environment)
    }

    pub(crate) fn load(&self) -> Result<(), String> {
        program::run_script("load.sh", &self.environment)
    }

    pub(crate) fn finish(&self) -> Result<Value, Value> {
        program::run(&["restore", "--phase", "finish"], &self.environment)
    }

    /// Runs the pod that restores.
    pub(crate) fn restore(&self) -> Result<Value, Value> {
        self.fetch()?;
        self.load().unwrap();
        self.finish()
    }
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The content of every file below a folder, by its path; without what is being uploaded.
pub(crate) fn contents(root: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    for tenant in fs::read_dir(root).unwrap() {
        let tenant = tenant.unwrap();
        let name = tenant.file_name().into_string().unwrap();
        if name.starts_with('.') {
            continue;
        }
        for file in fs::read_dir(tenant.path()).unwrap() {
            let file = file.unwrap();
            let key = format!("{name}/{}", file.file_name().into_string().unwrap());
            found.insert(key, fs::read(file.path()).unwrap());
        }
    }
    found
}
