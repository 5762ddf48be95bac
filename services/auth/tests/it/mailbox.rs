//! Emails as their recipients get them, read from the outbox of a platform without a mail server.

use std::time::{Duration, Instant};

use auth_service::{AppState, commands};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::test_app::TestApp;

/// The background jobs, until it is dropped.
pub(crate) struct Worker {
    _end: DropGuard,
}

impl Worker {
    pub(crate) fn start(app: &TestApp) -> Self {
        let stop = CancellationToken::new();
        let state = AppState::new(&app.config).unwrap();
        tokio::spawn(auth_service::run_jobs(state, stop.clone()));
        Self {
            _end: stop.drop_guard(),
        }
    }
}

/// The codes of the emails to a recipient with a subject, the newest first.
pub(crate) async fn codes(app: &TestApp, to: &str, subject: &str) -> Vec<String> {
    let text = commands::outbox(&app.config).await.unwrap();
    let head = format!("to {to}: {subject}");
    let emails = text.split(&head).skip(1);
    let code = |email: &str| {
        let (_, rest) = email.split_once("Your code:\n\n").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    };
    emails.map(code).collect()
}

/// The newest code of such emails, once `count` of them are in the outbox.
pub(crate) async fn code(app: &TestApp, to: &str, subject: &str, count: usize) -> String {
    let started = Instant::now();
    loop {
        let codes = codes(app, to, subject).await;
        if codes.len() >= count {
            return codes[0].clone();
        }
        assert!(
            started.elapsed() < Duration::from_secs(15),
            "{} emails to {to}: {subject}",
            codes.len()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
