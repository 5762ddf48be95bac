//! Publishes revocations to every service, after the commit of the change that caused them.

use std::time::Duration;

use shared_auth::Subject;

use crate::error::Error;
use crate::state::AppState;

const PUBLISH_INTERVAL: Duration = Duration::from_millis(500);

/// Publishes one revocation, without retries. It lasts as long as an access token is valid.
pub(crate) async fn publish_once(app: &AppState, subject: Subject) -> Result<(), Error> {
    let Some(revocations) = app.verifier.revocations() else {
        return Ok(());
    };
    let published = revocations.revoke(subject, app.signer.access_ttl()).await;
    published.map_err(|cause| Error::Revocation(Box::new(cause)))
}

/// Ends a revocation: access tokens of the subject are accepted again.
pub(crate) async fn lift(app: &AppState, subject: Subject) -> Result<(), Error> {
    let Some(revocations) = app.verifier.revocations() else {
        return Ok(());
    };
    let lifted = revocations.lift(subject).await;
    lifted.map_err(|cause| Error::Revocation(Box::new(cause)))
}

/// Publishes each revocation. If Redis is unavailable, keeps retrying in the background for the
/// lifetime of an access token and returns the error.
pub(crate) async fn publish(app: &AppState, subjects: &[Subject]) -> Result<(), Error> {
    let mut failure = None;
    for subject in subjects {
        if let Err(cause) = publish_once(app, *subject).await {
            failure = Some(cause);
            tokio::spawn(retry_publish(app.clone(), *subject));
        }
    }
    match failure {
        None => Ok(()),
        Some(cause) => Err(cause),
    }
}

/// Like [`publish`], for a request that cannot be repeated: it succeeds, the revocation follows.
pub(crate) async fn publish_or_log(app: &AppState, subjects: &[Subject]) {
    if let Err(error) = publish(app, subjects).await {
        tracing::error!(%error, "revocation not published; retrying in the background");
    }
}

async fn retry_publish(app: AppState, subject: Subject) {
    let attempts = app.signer.access_ttl().as_millis() / PUBLISH_INTERVAL.as_millis();
    for _ in 0..=attempts {
        tokio::time::sleep(PUBLISH_INTERVAL).await;
        if publish_once(&app, subject).await.is_ok() {
            return;
        }
    }
    tracing::error!(
        ?subject,
        "revocation never published; its access tokens have expired by now"
    );
}
