//! Sessions through `PgBouncer` in session mode, as clouds put it in front of PostgreSQL.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use shared_config::Service;
use shared_db::Db;
use shared_db::migrate::{self, MIGRATIONS};
use sqlx::Row as _;
use tempfile::TempDir;

use crate::own_postgres::{
    ADMIN_PASSWORD, OwnPostgres, as_postgres, folder, login, migration, wait_until_ready,
};
use crate::ports;

const PASSWORD: &str = "a-password-of-the-test";

struct Pooler {
    port: u16,
    process: Child,
    _folder: TempDir,
}

impl Pooler {
    fn before(server: &OwnPostgres) -> Self {
        let folder = folder();
        let port = ports::listen().local_addr().unwrap().port();
        let mut users = format!("\"postgres\" \"{ADMIN_PASSWORD}\"\n");
        let roles = Service::ALL.map(Service::database_role);
        for role in ["platform_migrator"].iter().chain(&roles) {
            writeln!(users, "\"{role}\" \"{PASSWORD}\"").unwrap();
        }
        let list = folder.path().join("users");
        fs::write(&list, users).unwrap();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\n\
             auth_file = {}\npool_mode = session\nserver_login_retry = 1\n",
            server.port,
            list.display(),
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut process = as_postgres(Path::new("pgbouncer"))
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        wait_until_ready(port, &mut process);
        Self {
            port,
            process,
            _folder: folder,
        }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // Told to stop, it waits for its clients.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "needs PgBouncer: make test"]
async fn a_pooler_in_session_mode_serves_migrations_and_services() {
    let server = OwnPostgres::start(&[]);
    let pooler = Pooler::before(&server);
    for _ in 0..2 {
        let migrated = migrate::run(&migration(pooler.port, PASSWORD))
            .await
            .unwrap();
        assert_eq!(migrated.migration, MIGRATIONS.last().unwrap().0);
    }
    let db = Db::new(&login(pooler.port, "auth_app", PASSWORD, "platform"));
    for _ in 0..3 {
        let query =
            || sqlx::query("select current_setting('statement_timeout'), current_user::text");
        let row = db.look_up(query).await.unwrap().unwrap();
        let found: (String, String) = (row.get(0), row.get(1));
        assert_eq!(found, ("15s".to_owned(), "auth_app".to_owned()));
    }
}
