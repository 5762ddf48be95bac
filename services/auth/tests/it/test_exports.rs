//! Exports end whatever the other services do; downloads are bounded and hold no connection.

use auth_service::AppState;
use axum::body::Body;
use futures_util::StreamExt as _;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use shared_testkit::TestClient;
use sqlx::Row as _;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::fake_tenant_data::{COMPLETE, FakeTenantData, Reply};
use crate::test_app::{Account, PASSWORD, TestApp, client};

const EXPORTS: &str = "/auth/v1/privacy/exports";

/// An auth with its jobs, and an owner.
struct Fixture {
    app: TestApp,
    services: FakeTenantData,
    ana: Account,
    /// A client of the process that runs the jobs, so that a request wakes them.
    owner: TestClient,
    _end: DropGuard,
}

impl Fixture {
    async fn new(reply: Reply) -> Self {
        let services = FakeTenantData::start(reply).await;
        let app = TestApp::with(|config| services.configure(config)).await;
        let ana = app.register("ana@example.com").await;
        let state = AppState::new(&app.config).unwrap();
        let stop = CancellationToken::new();
        let owner = TestClient::new(auth_service::app(state.clone())).with_token(&ana.access);
        tokio::spawn(auth_service::run_jobs(state, stop.clone()));
        Self {
            app,
            services,
            ana,
            owner,
            _end: stop.drop_guard(),
        }
    }

    async fn execute(&self, statement: &'static str) {
        let admin = self.app.admin().await;
        sqlx::query(statement).execute(&admin).await.unwrap();
    }

    /// Requests an export and skips the wait between attempts, until the export is as wanted.
    async fn export_until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let requested = self
            .owner
            .post(EXPORTS, &json!({"password": PASSWORD}))
            .await;
        let requested = requested.expect(StatusCode::ACCEPTED);
        let one = format!("{EXPORTS}/{}", requested["id"].as_str().unwrap());
        for _ in 0..300 {
            let export = self.owner.get(&one).await.expect(StatusCode::OK);
            if wanted(&export) {
                return export;
            }
            if export["state"] != "failed" {
                self.execute("update platform.jobs set run_at = now() where state = 'queued'")
                    .await;
                // Returns the same request, and wakes the worker.
                self.owner
                    .post(EXPORTS, &json!({"password": PASSWORD}))
                    .await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the export did not become as wanted");
    }

    async fn failed(&self) -> Value {
        self.export_until(|export| export["state"] == "failed")
            .await
    }

    /// State, attempts and error of the job of an export.
    async fn job(&self, export: &Value) -> (String, i32, Option<String>) {
        let admin = self.app.admin().await;
        let job = "select state, attempts, error_code from platform.jobs where subject_id = $1";
        let id: Uuid = export["id"].as_str().unwrap().parse().unwrap();
        let row = sqlx::query(job).bind(id).fetch_one(&admin).await.unwrap();
        (row.get(0), row.get(1), row.get(2))
    }
}

/// The path of a download of an export that is ready.
async fn ready(app: &TestApp, account: &Account) -> String {
    let owner = app.client.with_token(&account.access);
    let requested = owner.post(EXPORTS, &json!({"password": PASSWORD})).await;
    let id = requested.expect(StatusCode::ACCEPTED)["id"].clone();
    let admin = app.admin().await;
    let done = "update auth.privacy_requests
                set state = 'succeeded', expires_at = now() + interval '1 day'";
    sqlx::query(done).execute(&admin).await.unwrap();
    format!("{EXPORTS}/{}/download", id.as_str().unwrap())
}

async fn begin(client: &TestClient, path: &str) -> Response<Body> {
    let response = client.open(path).await;
    assert_eq!(response.status(), StatusCode::OK);
    response
}

async fn read(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

/// Retries until the end of an abandoned download is noticed.
async fn begin_soon(client: &TestClient, path: &str) -> Response<Body> {
    for _ in 0..100 {
        let response = client.open(path).await;
        if response.status() == StatusCode::OK {
            return response;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the download is still refused");
}

#[tokio::test]
async fn an_export_whose_service_always_fails_midway_fails_after_its_attempts() {
    let all = Fixture::new(Reply::Breaks("{\"kind\":\"hub.documents\",\"data\":{}}\n")).await;
    let export = all.failed().await;
    let reason = "creator-hub did not export its part completely";
    let error = json!({"code": "incomplete_part", "reason": reason});
    assert_eq!(export["error"], error);
    assert_ne!(export["finished_at"], Value::Null);
    assert_eq!(export["progress"]["creator-hub"]["done"], false);
    let (state, attempts, _) = all.job(&export).await;
    assert_eq!((state.as_str(), attempts), ("failed", 8));

    let id = export["id"].as_str().unwrap();
    let download = all.owner.get(&format!("{EXPORTS}/{id}/download")).await;
    assert_eq!(download.code(), "export_not_ready");
    // The owner may request another export.
    let again = all
        .owner
        .post(EXPORTS, &json!({"password": PASSWORD}))
        .await;
    assert_ne!(again.expect(StatusCode::ACCEPTED)["id"], export["id"]);
}

#[tokio::test]
async fn an_endless_line_fails_the_attempt() {
    let all = Fixture::new(Reply::EndlessLine).await;
    let waiting = |export: &Value| export["progress"]["creator-hub"]["waits_for"] != Value::Null;
    let export = all.export_until(waiting).await;
    let mut error = None;
    for _ in 0..100 {
        error = all.job(&export).await.2;
        if error.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(error.as_deref(), Some("incomplete_part"));
}

#[tokio::test]
async fn a_row_that_is_too_long_fails_the_export_at_once_with_a_reason() {
    let all = Fixture::new(Reply::Breaks(concat!(
        "{\"kind\":\"failed\",\"data\":{\"code\":\"line_too_long\",",
        "\"reason\":\"a row of hub.notes is too long\"}}\n"
    )))
    .await;
    let export = all.failed().await;
    let reason = "creator-hub: a row of hub.notes is too long";
    let error = json!({"code": "line_too_long", "reason": reason});
    assert_eq!(export["error"], error);
    let (state, attempts, _) = all.job(&export).await;
    assert_eq!((state.as_str(), attempts), ("failed", 1));
}

#[tokio::test]
async fn an_outage_is_waited_for_longer_but_not_forever() {
    let all = Fixture::new(Reply::Status(StatusCode::SERVICE_UNAVAILABLE)).await;
    let often = |_: &Value| all.services.calls() > 9;
    let export = all.export_until(often).await;
    assert_eq!(export["state"], "running");
    assert_eq!(
        export["progress"]["creator-hub"]["waits_for"],
        "creator-hub"
    );

    // Like after an hour of attempts.
    let late = "update platform.jobs set attempts = attempts + 240,
                max_attempts = max_attempts + 240";
    all.execute(late).await;
    let export = all.failed().await;
    assert_eq!(export["error"]["code"], "dependency_unavailable");
    let reason = export["error"]["reason"].as_str().unwrap();
    assert!(reason.contains("creator-hub was not available"), "{reason}");
}

#[tokio::test]
async fn an_export_that_always_kills_its_worker_fails() {
    let all = Fixture::new(Reply::Whole(COMPLETE)).await;
    // Like after the last attempt, whose process has crashed.
    all.execute("alter table platform.jobs alter column attempts set default 8")
        .await;
    let export = all.failed().await;
    assert_eq!(export["error"]["code"], "interrupted");
    assert_eq!(all.services.calls(), 0);
}

#[tokio::test]
async fn an_export_is_counted_and_downloaded_as_the_services_sent_it() {
    let all = Fixture::new(Reply::Whole(COMPLETE)).await;
    let done = |export: &Value| export["state"] == "succeeded";
    let export = all.export_until(done).await;
    assert_eq!(export["error"], Value::Null);
    let counts = &export["progress"]["channel"]["counts"];
    assert_eq!(counts, &json!({"hub.documents": 1}));

    let id = export["id"].as_str().unwrap();
    let path = format!("{EXPORTS}/{id}/download");
    let copy = read(begin(&all.owner, &path).await).await;
    let (line, _) = COMPLETE.split_once('\n').unwrap();
    // The fake plays creator-hub, ai-engine and channel.
    assert_eq!(copy.lines().filter(|found| *found == line).count(), 3);
    let last: Value = serde_json::from_str(copy.lines().last().unwrap()).unwrap();
    assert_eq!(last["kind"], "end");
    assert_eq!(last["data"]["hub.documents"], 3);
    assert_eq!(last["data"]["auth.users"], 1);
    assert!(copy.contains(&all.ana.user.to_string()));
    // The email that confirms the address is in the outbox, and its text is encrypted.
    let emails = "select count(*) from auth.mail_outbox where body like 's1.%'";
    let emails: i64 = sqlx::query_scalar(emails)
        .fetch_one(&all.app.admin().await)
        .await
        .unwrap();
    assert!(emails > 0 && copy.contains("auth.mail_outbox"));
    assert!(!copy.contains("\"s1."), "nothing encrypted is in a copy");
}

/// Every column with a value that `shared/crypto` has encrypted is marked, so that a copy leaves it
/// out, whatever its name.
#[tokio::test]
async fn columns_with_encrypted_values_are_marked() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let client = app.client.with_token(&ana.access);
    let offered = client
        .post("/auth/v1/totp", &json!({"password": PASSWORD}))
        .await;
    assert!(offered.status.is_success(), "{}", offered.text());
    let admin = app.admin().await;
    let columns: Vec<(String, String, bool)> = sqlx::query_as(
        "select c.oid::regclass::text, a.attname::text,
                coalesce(col_description(c.oid, a.attnum) = 'sealed', false)
         from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
         where c.relkind in ('r', 'p') and not a.attisdropped
           and a.atttypid in ('text'::regtype, 'jsonb'::regtype)
           and c.relnamespace::regnamespace::text in ('auth', 'platform')",
    )
    .fetch_all(&admin)
    .await
    .unwrap();
    let mut encrypted = 0;
    for (table, column, is_marked) in columns {
        let count = format!("select count(*) from {table} where {column}::text ~ '(^|\")s1[.]'");
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .fetch_one(&admin)
            .await
            .unwrap();
        encrypted += usize::from(count > 0);
        assert!(
            count == 0 || is_marked,
            "{table}.{column} is not marked as sealed"
        );
    }
    assert!(encrypted >= 3, "{encrypted}");
}

#[tokio::test]
async fn a_second_download_of_an_account_is_refused_by_every_replica_until_the_first_ends() {
    let services = FakeTenantData::start(Reply::Whole(COMPLETE)).await;
    let app = TestApp::with(|config| services.configure(config)).await;
    let ana = app.register("ana@example.com").await;
    let ben = app.register("ben@example.com").await;
    // More than the write buffer: the first download does not end by itself.
    let sessions = "insert into auth.sessions (creator_id, id, user_id, user_agent, ip, expires_at)
         select creator_id, gen_random_uuid(), id, repeat('x', 400), '192.0.2.1', now()
         from auth.users, generate_series(1, 2000)";
    let admin = app.admin().await;
    sqlx::query(sessions).execute(&admin).await.unwrap();
    let path = ready(&app, &ana).await;
    let owner = app.client.with_token(&ana.access);
    let replica = client(&app.config).with_token(&ana.access);

    let first = begin(&owner, &path).await;
    for second in [&owner, &replica] {
        let refused = second.get(&path).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text());
        assert_eq!(refused.code(), "download_in_progress");
        assert!(refused.headers.contains_key("retry-after"));
    }
    let other = ready(&app, &ben).await;
    let ben = app.client.with_token(&ben.access);
    drop(begin(&ben, &other).await);

    // A download frees its slot when it is abandoned, and when it is read to the end.
    drop(first);
    let second = begin_soon(&replica, &path).await;
    let copy = read(second).await;
    assert!(copy.lines().last().unwrap().contains("\"kind\":\"end\""));
    let lines = copy.lines().filter(|line| line.contains("auth.sessions"));
    assert!(lines.count() > 2000);
    drop(begin_soon(&owner, &path).await);
}

#[tokio::test]
async fn slow_downloads_hold_no_database_connection_and_are_limited() {
    let services = FakeTenantData::start(Reply::Whole(COMPLETE)).await;
    let app = TestApp::with(|config| {
        services.configure(config);
        config.database.max_connections = 1;
        config.privacy.max_downloads = 1;
    })
    .await;
    let ana = app.register("ana@example.com").await;
    let ben = app.register("ben@example.com").await;
    let sessions = "insert into auth.sessions (creator_id, id, user_id, user_agent, ip, expires_at)
         select creator_id, gen_random_uuid(), id, repeat('x', 400), '192.0.2.1', now()
         from auth.users, generate_series(1, 2000)";
    let admin = app.admin().await;
    sqlx::query(sessions).execute(&admin).await.unwrap();
    let (path, other) = (ready(&app, &ana).await, ready(&app, &ben).await);
    let owner = app.client.with_token(&ana.access);
    let mut slow = begin(&owner, &path).await.into_body().into_data_stream();
    // The download is within the sessions, which do not fit into the write buffer.
    slow.next().await.unwrap().unwrap();

    app.me(&ana.access).await.expect(StatusCode::OK);
    let ben = app.client.with_token(&ben.access);
    let refused = ben.get(&other).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.code(), "overloaded");
}
