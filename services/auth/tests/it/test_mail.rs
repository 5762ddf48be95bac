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

async fn row(app: &TestApp) -> (String, i32, Option<String>, bool) {
    let row =
        sqlx::query("select state, attempts, error_reason, body is null from auth.mail_outbox");
    let row = row.fetch_one(&app.admin().await).await.unwrap();
    (row.get(0), row.get(1), row.get(2), row.get(3))
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
    let (_, attempts, reason, emptied) = row(&app).await;
    assert_eq!((attempts, reason, emptied), (1, None, true));
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
    until("an attempt failed", async || row(&app).await.2.is_some()).await;
    let (state, _, _, emptied) = row(&app).await;
    assert_eq!((state.as_str(), emptied), ("queued", false));
    let shown = commands::outbox(&app.config).await.unwrap();
    assert!(shown.contains("queued to ana@example.com"), "{shown}");
    assert!(
        !shown.contains("token"),
        "with a mail server, the outbox must not show texts: {shown}"
    );
    let _server = MailServer::start(port, &mailbox);
    let now = "update auth.mail_outbox set run_at = now()";
    sqlx::query(now).execute(&app.admin().await).await.unwrap();
    until("it is sent in the end", async || {
        row(&app).await.0 == "sent"
    })
    .await;
    assert_eq!(received(&mailbox).len(), 1);
}

#[tokio::test]
async fn an_email_is_dead_after_too_many_attempts_and_listed_in_the_outbox() {
    let app = app_with_mail_server(free_port()).await;
    app.register(EMAIL).await;
    let tried = "update auth.mail_outbox set attempts = 13";
    sqlx::query(tried)
        .execute(&app.admin().await)
        .await
        .unwrap();
    let _worker = Worker::start(&app);
    until("it is dead", async || row(&app).await.0 == "dead").await;
    let shown = commands::outbox(&app.config).await.unwrap();
    assert!(shown.contains("dead to ana@example.com"), "{shown}");
}

#[tokio::test]
async fn an_expired_email_is_not_sent_and_an_expired_lease_is_claimed_again() {
    let folder = TempDir::new().unwrap();
    let mailbox = folder.path().join("mail");
    let server = MailServer::start(free_port(), &mailbox);
    let app = app_with_mail_server(server.port).await;
    app.register(EMAIL).await;
    let admin = app.admin().await;
    let dead = "update auth.mail_outbox set attempts = 1, lease_token = gen_random_uuid(),
                lease_until = now() - interval '1 second', expires_at = now()";
    sqlx::query(dead).execute(&admin).await.unwrap();
    let _worker = Worker::start(&app);
    until("it is dead", async || row(&app).await.0 == "dead").await;
    assert_eq!(row(&app).await.1, 2, "claimed by another worker");
    assert!(received(&mailbox).is_empty());
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
