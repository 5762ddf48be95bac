//! The `migrate` binary between versions, beside another one, and before a database that is not
//! there.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use shared_config::Service;
use shared_db::migrate::{
    self, Error, Incompatible, MIGRATIONS, Migrated, Migrations, run_list, run_patiently,
};
use shared_db::{DatabaseSettings, Db};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::own_postgres::{OwnPostgres, login, migration};
use crate::ports;

const FIRST: &str = "password-of-the-first-run";
const SECOND: &str = "password-of-the-second-run";
/// Of a version that does not exist yet.
const LATER: i64 = 9001;

fn newest() -> i64 {
    MIGRATIONS.last().unwrap().0
}

/// The migrations of a later version.
fn and_later(added: &[(i64, &'static str)]) -> Migrations {
    let mut list = MIGRATIONS.to_vec();
    list.extend(added.iter().map(|(number, text)| (*number, "later", *text)));
    list.leak()
}

async fn recorded(admin: &mut PgConnection) -> Vec<i64> {
    sqlx::query_scalar("select version from platform.schema_migrations order by 1")
        .fetch_all(admin)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_version_before_works_on_a_newer_schema() {
    let server = OwnPostgres::start(&[]);
    let later = and_later(&[(LATER, "create table platform.later (id int)")]);
    let migrated = run_list(&server.migration(FIRST), later).await.unwrap();
    let expected = Migrated {
        migration: LATER,
        by_newer_version: false,
    };
    assert_eq!(migrated, expected);

    // Roles and passwords are set all the same: a lost role comes back, too.
    let mut admin = server.admin("platform").await;
    sqlx::raw_sql("alter role auth_app nologin; revoke platform_app from hub_app")
        .execute(&mut admin)
        .await
        .unwrap();
    let migrated = migrate::run(&server.migration(SECOND)).await.unwrap();
    let expected = Migrated {
        migration: LATER,
        by_newer_version: true,
    };
    assert_eq!(migrated, expected);
    for service in Service::ALL {
        let role = service.database_role();
        assert!(server.accepts(role, SECOND).await, "{role}");
        assert!(!server.accepts(role, FIRST).await, "{role}");
    }
    let member: bool =
        sqlx::query_scalar("select pg_has_role('hub_app', 'platform_app', 'member')")
            .fetch_one(&mut admin)
            .await
            .unwrap();
    assert!(member, "hub_app is a member again");
    // Nothing was undone, and the later version goes on where it was.
    let found = recorded(&mut admin).await;
    assert_eq!(found.last(), Some(&LATER));
    assert_eq!(found.len(), MIGRATIONS.len() + 1);
    let again = run_list(&server.migration(SECOND), later).await.unwrap();
    assert!(!again.by_newer_version);
}

#[tokio::test]
async fn beyond_the_window_the_version_before_is_refused_by_name() {
    let server = OwnPostgres::start(&[]);
    let later = and_later(&[
        (LATER, "create table platform.later (id int)"),
        (
            LATER + 1,
            "drop table platform.later;
             update platform.schema_compatibility set oldest_migration = 9001",
        ),
    ]);
    run_list(&server.migration(FIRST), later).await.unwrap();

    let error = migrate::run(&server.migration(FIRST)).await.unwrap_err();
    let Error::Incompatible(refused) = &error else {
        panic!("{error}")
    };
    let expected = Incompatible::TooOld {
        database: LATER + 1,
        binary: newest(),
        oldest: LATER,
    };
    assert_eq!(*refused, expected);
    let message = error.to_string();
    for part in ["9002", "9001", &newest().to_string(), "spec.version"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // A version in between is accepted.
    let between = and_later(&[(LATER, "create table platform.later (id int)")]);
    let migrated = run_list(&server.migration(FIRST), between).await.unwrap();
    assert!(migrated.by_newer_version);
}

#[tokio::test]
async fn a_changed_migration_is_refused_also_below_a_newer_schema() {
    let server = OwnPostgres::start(&[]);
    let later = [(LATER, "select 1"), (LATER + 1, "select 2")];
    run_list(&server.migration(FIRST), and_later(&later))
        .await
        .unwrap();
    let changed = and_later(&[(LATER, "select 3")]);
    let error = run_list(&server.migration(FIRST), changed)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("modified"), "{error}");
    let other_line = and_later(&[(LATER - 1, "select 0"), (LATER, "select 1")]);
    let error = run_list(&server.migration(FIRST), other_line)
        .await
        .unwrap_err();
    let expected = Incompatible::Diverged {
        unknown: LATER + 1,
        missing: LATER - 1,
    };
    assert!(
        matches!(&error, Error::Incompatible(refused) if *refused == expected),
        "{error}"
    );
}

#[tokio::test]
async fn another_migration_is_waited_for_longer_than_a_lock() {
    let server = OwnPostgres::start(&[]);
    migrate::run(&server.migration(FIRST)).await.unwrap();
    let mut other = server.admin("platform").await;
    sqlx::query("select pg_advisory_lock(7305128944)")
        .execute(&mut other)
        .await
        .unwrap();
    let settings = server.migration(SECOND);
    let started = Instant::now();
    let run = tokio::spawn(async move { migrate::run(&settings).await });
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!run.is_finished(), "it waits longer than lock_timeout: 1 s");
    other.close().await.unwrap();
    run.await.unwrap().unwrap();
    assert!(started.elapsed() >= Duration::from_secs(4));
    assert!(server.accepts("auth_app", SECOND).await);
}

/// Kills a run again and again, each time some statements later, as a drained node does.
#[tokio::test]
async fn a_killed_migration_is_completed_by_the_next_one() {
    let server = OwnPostgres::start(&[]);
    let mut killed = 0;
    for step in 0..12_u64 {
        let settings = server.migration(FIRST);
        let run = tokio::spawn(async move { migrate::run(&settings).await });
        tokio::time::sleep(Duration::from_millis(40 + step * 60)).await;
        killed += u32::from(!run.is_finished());
        run.abort();
        let _ = run.await;
    }
    assert!(killed >= 3, "killed {killed} times");
    let migrated = migrate::run(&server.migration(SECOND)).await.unwrap();
    assert_eq!(migrated.migration, newest());
    let mut admin = server.admin("platform").await;
    let numbers: Vec<i64> = MIGRATIONS.iter().map(|(number, _, _)| *number).collect();
    assert_eq!(recorded(&mut admin).await, numbers);
    let locks: i64 =
        sqlx::query_scalar("select count(*) from pg_locks where locktype = 'advisory'")
            .fetch_one(&mut admin)
            .await
            .unwrap();
    assert_eq!(locks, 0);
}

#[tokio::test]
async fn the_statement_of_a_killed_migration_does_not_hold_up_the_next_one() {
    let server = OwnPostgres::start(&[]);
    migrate::run(&server.migration(FIRST)).await.unwrap();
    let settings = server.migration(FIRST);
    let slow = and_later(&[(LATER, "select pg_sleep(600)")]);
    let run = tokio::spawn(async move { run_list(&settings, slow).await });
    let mut admin = server.admin("platform").await;
    let sleeps = "select exists (select from pg_stat_activity
                  where query like '%pg_sleep%' and pid <> pg_backend_pid() and state = 'active')";
    while !sqlx::query_scalar::<_, bool>(sleeps)
        .fetch_one(&mut admin)
        .await
        .unwrap()
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    run.abort();
    let _ = run.await;
    let quick = and_later(&[(LATER, "select 1")]);
    let settings = server.migration(FIRST);
    let next = tokio::time::timeout(Duration::from_mins(1), run_list(&settings, quick)).await;
    assert_eq!(next.unwrap().unwrap().migration, LATER);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_waited_for() {
    let port = ports::listen().local_addr().unwrap().port();
    let settings = migration(port, FIRST);
    let patience = Duration::from_mins(1);
    let run = tokio::spawn(async move { run_patiently(&settings, patience).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!run.is_finished(), "a refused connection is not the end");
    let server = OwnPostgres::start_on(port, &[]);
    assert_eq!(run.await.unwrap().unwrap().migration, newest());
    drop(server);
}

#[tokio::test]
async fn what_no_wait_mends_fails_at_once() {
    let server = OwnPostgres::start(&[]);
    let mut settings = server.migration(FIRST);
    settings.admin.password = shared_config::Secret::new("another-password".to_owned());
    let started = Instant::now();
    let error = run_patiently(&settings, Duration::from_mins(10)).await;
    let message = error.unwrap_err().to_string();
    assert!(message.contains("password authentication"), "{message}");
    assert!(started.elapsed() < Duration::from_secs(10));

    let patience = Duration::from_secs(2);
    let nowhere = migration(1, FIRST);
    let error = run_patiently(&nowhere, patience).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn the_database_postgres_is_needed_only_to_create_another() {
    let server = OwnPostgres::start(&[]);
    migrate::run(&server.migration(FIRST)).await.unwrap();
    let mut admin = server.admin("platform").await;
    sqlx::raw_sql("drop database postgres")
        .execute(&mut admin)
        .await
        .unwrap();
    migrate::run(&server.migration(SECOND)).await.unwrap();
    assert!(server.accepts("auth_app", SECOND).await);
}

#[tokio::test]
async fn the_timeouts_of_a_session_hold() {
    let server = OwnPostgres::start(&[]);
    migrate::run(&server.migration(FIRST)).await.unwrap();
    let db = Db::new(&login(server.port, "auth_app", FIRST, "platform"));
    for db in [db.reserve(), db] {
        let row = db
            .look_up(|| {
                sqlx::query(
                    "select current_setting('statement_timeout'),
                            current_setting('idle_in_transaction_session_timeout')",
                )
            })
            .await
            .unwrap()
            .unwrap();
        let found: (String, String) = (row.get(0), row.get(1));
        assert_eq!(found, ("15s".to_owned(), "10s".to_owned()));
    }
}

/// The names in the startup message of a session: a pooler refuses those that it does not know.
async fn startup_names(connect: impl AsyncFnOnce(u16)) -> Vec<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let read = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let length = stream.read_u32().await.unwrap();
        let mut message = vec![0; usize::try_from(length).unwrap() - 4];
        stream.read_exact(&mut message).await.unwrap();
        stream.shutdown().await.unwrap();
        message
    };
    let (message, ()) = tokio::join!(read, connect(port));
    let text = String::from_utf8_lossy(&message[4..]).into_owned();
    let words: Vec<&str> = text.trim_end_matches('\0').split('\0').collect();
    words.chunks(2).map(|pair| pair[0].to_owned()).collect()
}

#[tokio::test]
async fn a_pooler_finds_nothing_to_refuse_in_the_startup_message() {
    // What PgBouncer keeps for each client by itself.
    let known = [
        "user",
        "database",
        "client_encoding",
        "DateStyle",
        "TimeZone",
        "application_name",
    ];
    let settings = |port| -> DatabaseSettings { login(port, "auth_app", FIRST, "platform") };
    let of_service = startup_names(async |port| {
        assert!(Db::new(&settings(port)).ping().await.is_err());
    });
    let of_migration = startup_names(async |port| {
        assert!(migrate::run(&migration(port, FIRST)).await.is_err());
    });
    for names in [of_service.await, of_migration.await] {
        let unknown: Vec<_> = names
            .iter()
            .filter(|name| !known.contains(&name.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(names.len() >= 5, "{names:?}");
    }
}
