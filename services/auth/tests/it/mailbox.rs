//! Letters as their readers get them: out of the outbox of a platform without a mail server.

use std::time::{Duration, Instant};

use auth_service::{AppState, commands};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::test_app::TestApp;

/// The work beside the requests, until it is dropped.
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

/// The codes of the letters to somebody about something, the newest first.
pub(crate) async fn codes(app: &TestApp, to: &str, subject: &str) -> Vec<String> {
    let text = commands::outbox(&app.config).await.unwrap();
    let head = format!("to {to}: {subject}");
    let letters = text.split(&head).skip(1);
    let code = |letter: &str| {
        let (_, rest) = letter.split_once("Your code:\n\n").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    };
    letters.map(code).collect()
}

/// The newest code of such letters, once there are as many as expected.
pub(crate) async fn code(app: &TestApp, to: &str, subject: &str, letters: usize) -> String {
    let began = Instant::now();
    loop {
        let codes = codes(app, to, subject).await;
        if codes.len() >= letters {
            return codes[0].clone();
        }
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "{} letters to {to}: {subject}",
            codes.len()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
