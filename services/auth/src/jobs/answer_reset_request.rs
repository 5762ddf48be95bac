//! Answers a password reset request: queues the email, if the address has an account.

use std::time::Duration;

use shared_jobs::{Job, JobContext, JobError, Outcome};

use super::{NoPayload, job_error};
use crate::app::mailer;
use crate::domain::email::{self, RESET_TTL};
use crate::domain::email_token::{EmailToken, Purpose};
use crate::error::Error;
use crate::state::AppState;
use crate::store::{email_tokens, login_lookup, reset_requests, users};

/// The job. It belongs to the platform, since the request has no tenant, and its row does not name
/// the address.
pub(super) struct AnswerResetRequest {
    app: AppState,
}

impl AnswerResetRequest {
    pub(super) const fn new(app: AppState) -> Self {
        Self { app }
    }
}

impl Job for AnswerResetRequest {
    const KIND: &'static str = mailer::ANSWER_RESET_REQUEST;
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Payload = NoPayload;

    async fn run(&self, _: &JobContext, _: NoPayload) -> Result<Outcome, JobError> {
        let answered = answer_oldest(&self.app).await;
        answered.map_err(|error| job_error(&error))?;
        Ok(Outcome::Done)
    }
}

/// Answers the oldest request; false when none is pending. The request is deleted after the email
/// is queued, so that a crash repeats it.
pub(super) async fn answer_oldest(app: &AppState) -> Result<bool, Error> {
    let mut system = app.db.system().await?;
    let Some(address) = reset_requests::take_oldest(&mut system).await? else {
        return Ok(false);
    };
    if let Some(login) = login_lookup::find_user(&app.db, &address).await? {
        let mut tx = app.db.tenant(login.creator).await?;
        if let Some(user) = users::find(&mut tx, login.user).await? {
            let token = EmailToken::random()?;
            let purpose = Purpose::PasswordReset;
            email_tokens::replace(&mut tx, user.id, purpose, &token.hash(), RESET_TTL).await?;
            let links = &app.mailer.links;
            let message = email::password_reset(links, &user.email, token.as_str());
            app.mailer.enqueue(&mut tx, &message).await?;
            tx.commit().await?;
        }
    }
    system.commit().await?;
    Ok(true)
}
