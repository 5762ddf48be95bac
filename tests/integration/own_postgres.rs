//! A PostgreSQL of one test: with roles of its own, which the tests of the other server share.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shared_config::{Secret, Service};
use shared_db::DatabaseSettings;
use shared_db::migrate::Settings;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use crate::ports;

/// The password of the administrator.
pub(crate) const ADMIN_PASSWORD: &str = "postgres-on-loopback";
/// Longest wait until a server answers.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// A server on the loopback.
pub(crate) struct OwnPostgres {
    pub(crate) port: u16,
    process: Child,
    _folder: TempDir,
}

impl OwnPostgres {
    /// A new server with these settings besides ours.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let port = ports::listen().local_addr().unwrap().port();
        Self::start_on(port, settings)
    }

    /// A new server on that port.
    pub(crate) fn start_on(port: u16, settings: &[&str]) -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        fs::write(&password, ADMIN_PASSWORD).unwrap();
        readable(&password);
        let made = as_postgres(&program("initdb"))
            .arg("-D")
            .arg(&data)
            .args(["-U", "postgres", "--auth", "scram-sha-256", "--no-sync"])
            .args(["-E", "UTF8", "--locale", "C.UTF-8"])
            .arg("--pwfile")
            .arg(&password)
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb");
        let mut command = as_postgres(&program("postgres"));
        command.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories="]
            .iter()
            .chain(&["fsync=off", "jit=off"])
            .chain(settings)
        {
            command.args(["-c", setting]);
        }
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut process = command.stderr(log).stdout(Stdio::null()).spawn().unwrap();
        wait_until_ready(port, &mut process);
        Self {
            port,
            process,
            _folder: folder,
        }
    }

    /// How `migrate` reaches it, with one password for every role.
    pub(crate) fn migration(&self, password: &str) -> Settings {
        migration(self.port, password)
    }

    /// The database as a role sees it.
    pub(crate) fn options(&self, user: &str, password: &str, database: &str) -> PgConnectOptions {
        login(self.port, user, password, database).options()
    }

    /// A session of the administrator.
    pub(crate) async fn admin(&self, database: &str) -> PgConnection {
        let options = self.options("postgres", ADMIN_PASSWORD, database);
        options.connect().await.unwrap()
    }

    /// Whether a role can sign in with that password.
    pub(crate) async fn accepts(&self, user: &str, password: &str) -> bool {
        accepts(self.port, user, password, "platform").await
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        stop(&mut self.process);
    }
}

/// Whether a role can sign in at a server with that password.
pub(crate) async fn accepts(port: u16, user: &str, password: &str, database: &str) -> bool {
    let options = login(port, user, password, database).options();
    match options.connect().await {
        Ok(connection) => connection.close().await.is_ok(),
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("password authentication failed"), "{text}");
            false
        }
    }
}

/// How `migrate` reaches a server on that port.
pub(crate) fn migration(port: u16, password: &str) -> Settings {
    let secret = || Secret::new(password.to_owned());
    Settings {
        admin: login(port, "postgres", ADMIN_PASSWORD, "platform"),
        migrator_password: secret(),
        service_passwords: Service::ALL
            .into_iter()
            .map(|service| (service, secret()))
            .collect(),
        lock_timeout: Duration::from_secs(1),
        statement_timeout: Duration::ZERO,
    }
}

pub(crate) fn login(port: u16, user: &str, password: &str, database: &str) -> DatabaseSettings {
    DatabaseSettings {
        host: "127.0.0.1".to_owned(),
        port,
        name: database.to_owned(),
        user: user.to_owned(),
        password: Secret::new(password.to_owned()),
        ssl_mode: PgSslMode::Disable,
        ca: None,
        max_connections: 2,
    }
}

/// A folder that the user `postgres` can reach and write to.
pub(crate) fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

fn readable(file: &Path) {
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
}

/// A program of PostgreSQL 15.
pub(crate) fn program(name: &str) -> PathBuf {
    Path::new("/usr/lib/postgresql/15/bin").join(name)
}

/// PostgreSQL refuses to run as root: in a user namespace the files stay root's.
pub(crate) fn as_postgres(program: &Path) -> Command {
    if id(&["-u"]) != "0" {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args([
        "--user".to_owned(),
        format!("--map-user={}", id(&["-u", "postgres"])),
        format!("--map-group={}", id(&["-g", "postgres"])),
    ]);
    command.arg(program);
    command
}

fn id(arguments: &[&str]) -> String {
    let output = Command::new("id").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Waits until the server answers.
pub(crate) fn wait_until_ready(port: u16, process: &mut Child) {
    let started = Instant::now();
    while !is_ready(port) {
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none(), "the server has ended: {ended:?}");
        assert!(started.elapsed() < START_TIMEOUT, "no answer on {port}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is_ready(port: u16) -> bool {
    let status = Command::new(program("pg_isready"))
        .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
        .status();
    status.unwrap().success()
}

/// Ends a server as the end of a pod does, and waits for it.
pub(crate) fn stop(process: &mut Child) {
    let _ = Command::new("kill")
        .args(["-INT", &process.id().to_string()])
        .status();
    let _ = process.wait();
}
