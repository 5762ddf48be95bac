//! Emails through a real mail server (Debian's python3-aiosmtpd), which must be installed.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use auth_service::{SmtpSettings, SmtpTls, commands};
use sqlx::Row as _;
use tempfile::TempDir;

use crate::mailbox::Worker;
use crate::test_app::TestApp;

const EMAIL: &str = "ana@example.com";

/// Makes the waiting jobs and emails due.
const MAKE_DUE: &str = "with due as (update auth.mail_outbox set run_at = now())
    update platform.jobs set run_at = now()";

/// A mail server that stores received emails in a folder.
struct MailServer {
    process: Child,
    port: u16,
}

impl MailServer {
    fn start(port: u16, mailbox: &Path) -> Self {
        // Debian's package needs Debian's Python; tests/cluster/packages installs both.
        let process = Command::new("/usr/bin/python3")
            .args(["-m", "aiosmtpd", "--nosetuid"])
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--class", "aiosmtpd.handlers.Mailbox"])
            .arg(mailbox)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { process, port };
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.process.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "no mail server: apt-get install python3-aiosmtpd"
            );
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "the mail server does not start"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn app_with_mail_server(port: u16) -> TestApp {
    TestApp::with(|config| {
        config.mail.link_base = Some("https://app.example.com".to_owned());
        config.mail.smtp = Some(SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port,
            tls: SmtpTls::None,
            from: "platform@example.com".to_owned(),
            login: None,
        });
    })
    .await
}

/// The emails that the server has received.
fn received(mailbox: &Path) -> Vec<String> {
    let Ok(folder) = std::fs::read_dir(mailbox.join("new")) else {
        return Vec::new();
    };
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(entry.unwrap().path()).unwrap()
    };
    folder.map(read).collect()
}

async fn row(app: &TestApp) -> (String, Option<String>, bool) {
    let row = sqlx::query("select state, error_reason, body is null from auth.mail_outbox");
    let row = row.fetch_one(&app.admin().await).await.unwrap();
    (row.get(0), row.get(1), row.get(2))
}

/// The state and the attempts of the job of the only email.
async fn job(app: &TestApp) -> (String, i32) {
    let row = "select state, attempts from platform.jobs where kind = 'send_email'";
    let row = sqlx::query(row)
        .fetch_one(&app.admin().await)
        .await
        .unwrap();
    (row.get(0), row.get(1))
}

async fn change(app: &TestApp, statement: &'static str) {
    let admin = app.admin().await;
    sqlx::query(statement).execute(&admin).await.unwrap();
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn an_email_is_delivered_and_its_text_is_deleted() {
    let folder = TempDir::new().unwrap();
    let mailbox = folder.path().join("mail");
    let server = MailServer::start(free_port(), &mailbox);
    let app = app_with_mail_server(server.port).await;
    let _worker = Worker::start(&app);
    app.register(EMAIL).await;
    until("the email arrives", async || !received(&mailbox).is_empty()).await;
    until("it is marked as sent", async || row(&app).await.0 == "sent").await;
    let email = received(&mailbox)
        .remove(0)
        .replace("=\n", "")
        .replace("=3D", "=");
    assert!(
        email.contains("Subject: Confirm your e-mail address"),
        "{email}"
    );
    assert!(email.contains("To: ana@example.com"), "{email}");
    assert!(email.contains("platform@example.com"), "{email}");
    let link = "https://app.example.com/verify-email#token=";
    let (_, rest) = email.split_once(link).unwrap();
    let token: String = rest.chars().take_while(|c| !c.is_whitespace()).collect();
    let path = "/auth/v1/email/verification/confirm";
    let answer = app
        .client
        .post(path, &serde_json::json!({"token": token}))
        .await;
    assert_eq!(answer.status.as_u16(), 204, "{token}: {}", answer.text());
    let (_, reason, emptied) = row(&app).await;
    assert_eq!((reason, emptied), (None, true));
    assert_eq!(job(&app).await, ("succeeded".to_owned(), 1));
    assert_eq!(
        commands::outbox(&app.config).await.unwrap(),
        "the outbox is empty\n"
    );
}

#[tokio::test]
async fn an_email_is_retried_while_the_mail_server_is_unavailable() {
    let folder = TempDir::new().unwrap();
    let mailbox = folder.path().join("mail");
    let port = free_port();
    let app = app_with_mail_server(port).await;
    let _worker = Worker::start(&app);
    app.register(EMAIL).await;
    until("an attempt failed", async || row(&app).await.1.is_some()).await;
    let (state, _, emptied) = row(&app).await;
    assert_eq!((state.as_str(), emptied), ("queued", false));
    let shown = commands::outbox(&app.config).await.unwrap();
    assert!(shown.contains("queued to ana@example.com"), "{shown}");
    assert!(
        !shown.contains("token"),
        "with a mail server, the outbox must not show texts: {shown}"
    );
    let _server = MailServer::start(port, &mailbox);
    change(&app, MAKE_DUE).await;
    until("it is sent in the end", async || {
        row(&app).await.0 == "sent"
    })
    .await;
    assert_eq!(received(&mailbox).len(), 1);
}

#[tokio::test]
async fn an_email_that_the_server_refuses_is_given_up_and_can_be_retried() {
    let folder = TempDir::new().unwrap();
    let mailbox = folder.path().join("mail");
    let server = MailServer::start(free_port(), &mailbox);
    let app = app_with_mail_server(server.port).await;
    app.register(EMAIL).await;
    // A recipient that no mail server accepts: lettre refuses it before it is sent.
    change(
        &app,
        "update auth.mail_outbox set recipient = 'nobody at all'",
    )
    .await;
    let _worker = Worker::start(&app);
    until("it is dead", async || row(&app).await.0 == "dead").await;
    until("its job has failed", async || job(&app).await.0 == "failed").await;
    assert_eq!(job(&app).await.1, 1, "another attempt would fail as well");
    let shown = commands::outbox(&app.config).await.unwrap();
    assert!(shown.contains("dead to nobody at all"), "{shown}");
    change(
        &app,
        "update auth.mail_outbox set recipient = 'ana@example.com'",
    )
    .await;
    let (_, id) = shown.trim_end().rsplit_once('(').unwrap();
    let id = id.trim_end_matches(')');
    commands::retry_email(&app.config, id).await.unwrap();
    until("it is sent", async || row(&app).await.0 == "sent").await;
    assert_eq!(received(&mailbox).len(), 1);
    let again = commands::retry_email(&app.config, id).await;
    assert!(again.is_err(), "it is not sent a second time");
}

#[tokio::test]
async fn an_expired_email_is_not_sent() {
    let folder = TempDir::new().unwrap();
    let mailbox = folder.path().join("mail");
    let server = MailServer::start(free_port(), &mailbox);
    let app = app_with_mail_server(server.port).await;
    app.register(EMAIL).await;
    change(&app, "update auth.mail_outbox set expires_at = now()").await;
    let _worker = Worker::start(&app);
    until("it is dead", async || row(&app).await.0 == "dead").await;
    assert_eq!(
        row(&app).await.1.as_deref(),
        Some("expired before it was sent")
    );
    assert!(received(&mailbox).is_empty());
}

#[tokio::test]
async fn an_email_whose_worker_died_is_sent_by_the_next_one() {
    let folder = TempDir::new().unwrap();
    let mailbox = folder.path().join("mail");
    let server = MailServer::start(free_port(), &mailbox);
    let app = app_with_mail_server(server.port).await;
    app.register(EMAIL).await;
    // As if a worker had died while it spoke to the mail server: both leases are its own.
    change(
        &app,
        "update platform.jobs set state = 'running', attempts = 1,
           lease_token = gen_random_uuid(), lease_until = now() - interval '1 second'
         where kind = 'send_email'",
    )
    .await;
    change(
        &app,
        "update auth.mail_outbox m set lease_until = now() + interval '1 minute',
           lease_token = (select id from platform.jobs where subject_id = m.id)",
    )
    .await;
    let _worker = Worker::start(&app);
    until("it is sent", async || row(&app).await.0 == "sent").await;
    assert_eq!(job(&app).await.1, 2, "the attempt of the next worker");
    assert_eq!(received(&mailbox).len(), 1);
}

#[tokio::test]
async fn an_email_of_the_version_before_is_sent_once() {
    let folder = TempDir::new().unwrap();
    let mailbox = folder.path().join("mail");
    let server = MailServer::start(free_port(), &mailbox);
    let app = app_with_mail_server(server.port).await;
    app.register(EMAIL).await;
    // The version before writes no job. A process of it is sending this email just now.
    change(&app, "delete from platform.jobs where kind = 'send_email'").await;
    change(
        &app,
        "update auth.mail_outbox set created_at = now() - interval '1 hour',
           lease_token = gen_random_uuid(), lease_until = now() + interval '1 minute'",
    )
    .await;
    let worker = Worker::start(&app);
    let searched = "select count(*) from platform.jobs
        where kind = 'find_unsent_emails' and state = 'queued' and updated_at > created_at
          and error_code is null";
    let admin = app.admin().await;
    let search_ended = async || {
        let row = sqlx::query(searched).fetch_one(&admin).await.unwrap();
        row.get::<i64, _>(0) == 1
    };
    until("the search has ended", search_ended).await;
    assert!(received(&mailbox).is_empty(), "the other process sends it");
    assert_eq!(row(&app).await.0, "queued");
    drop(worker);
    // That process has died.
    change(&app, "update auth.mail_outbox set lease_until = now()").await;
    change(&app, MAKE_DUE).await;
    let _workers = (Worker::start(&app), Worker::start(&app));
    until("it is sent", async || row(&app).await.0 == "sent").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(received(&mailbox).len(), 1, "two processes send it once");
}

#[tokio::test]
async fn a_process_of_the_version_before_gets_no_email_that_a_job_sends() {
    let app = app_with_mail_server(free_port()).await;
    app.register(EMAIL).await;
    let claim_mail = "select count(*) from auth.claim_mail(60, gen_random_uuid())";
    let db = app.database.as_service(shared_config::Service::Auth);
    change(
        &app,
        "update auth.mail_outbox m set lease_until = now() + interval '1 minute',
           lease_token = (select id from platform.jobs where subject_id = m.id)",
    )
    .await;
    let mut tx = db.system().await.unwrap();
    let row = sqlx::query(claim_mail).fetch_one(tx.conn()).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 0);
    let claim_job = "select count(*) from platform.claim_next_job('auth', '1 min',
        gen_random_uuid())";
    let row = sqlx::query(claim_job).fetch_one(tx.conn()).await.unwrap();
    assert_eq!(
        row.get::<i64, _>(0),
        0,
        "it would fail a kind it does not know"
    );
}

#[tokio::test]
async fn stored_emails_contain_no_readable_code() {
    let app = TestApp::new().await;
    app.register(EMAIL).await;
    let token = crate::mailbox::code(&app, EMAIL, "Confirm your e-mail address", 1).await;
    let body = "select body from auth.mail_outbox";
    let row = sqlx::query(body)
        .fetch_one(&app.admin().await)
        .await
        .unwrap();
    let body: String = row.get(0);
    assert!(body.starts_with("s1."), "{body}");
    assert!(!body.contains(&token));
}

#[tokio::test]
async fn a_mail_server_that_knows_ascii_only_gets_an_international_domain_in_ascii() {
    let folder = TempDir::new().unwrap();
    let mailbox = folder.path().join("mail");
    let server = MailServer::start(free_port(), &mailbox);
    let app = app_with_mail_server(server.port).await;
    app.register("zoe@b\u{fc}cher.example").await;
    // As an earlier version stored it.
    change(
        &app,
        "update auth.mail_outbox set recipient = 'zoe@bücher.example'",
    )
    .await;
    let _worker = Worker::start(&app);
    until("it is sent", async || row(&app).await.0 == "sent").await;
    let email = received(&mailbox).remove(0);
    assert!(
        email.contains("X-RcptTo: zoe@xn--bcher-kva.example"),
        "{email}"
    );
}

#[tokio::test]
async fn an_address_that_the_mail_server_cannot_write_is_given_up_at_once() {
    let folder = TempDir::new().unwrap();
    let mailbox = folder.path().join("mail");
    let server = MailServer::start(free_port(), &mailbox);
    let app = app_with_mail_server(server.port).await;
    app.register("jos\u{e9}@example.com").await;
    let _worker = Worker::start(&app);
    until("it is dead", async || row(&app).await.0 == "dead").await;
    let reason = row(&app).await.1.unwrap();
    assert!(reason.contains("other than ASCII"), "{reason}");
    until("its job has failed", async || job(&app).await.0 == "failed").await;
    assert_eq!(job(&app).await.1, 1, "another attempt would fail as well");
}
