//! Tells every service what has ended: after the commit of what it follows from.

use std::time::Duration;

use shared_auth::Subject;

use crate::error::Error;
use crate::state::AppState;

/// Between two attempts to tell.
const RETRY: Duration = Duration::from_millis(500);

/// Tells of each; when Redis does not answer, goes on trying behind the caller's back, for as long
/// as an access token lives, and says so.
pub(crate) async fn tell(app: &AppState, subjects: &[Subject]) -> Result<(), Error> {
    let mut failed = None;
    for subject in subjects {
        if let Err(cause) = app.revoke(*subject).await {
            failed = Some(cause);
            tokio::spawn(insist(app.clone(), *subject));
        }
    }
    match failed {
        None => Ok(()),
        Some(cause) => Err(cause),
    }
}

/// Like [`tell`], where the deed cannot be repeated: it is done, and the word follows.
pub(crate) async fn tell_surely(app: &AppState, subjects: &[Subject]) {
    if let Err(error) = tell(app, subjects).await {
        tracing::error!(%error, "a revocation is late");
    }
}

async fn insist(app: AppState, subject: Subject) {
    let attempts = app.signer.life().as_millis() / RETRY.as_millis();
    for _ in 0..=attempts {
        tokio::time::sleep(RETRY).await;
        if app.revoke(subject).await.is_ok() {
            return;
        }
    }
    tracing::error!(
        ?subject,
        "a revocation was never told; its tokens have expired by now"
    );
}
