//! Queues emails in the transaction of the change that they report; a job sends each of them.

use std::sync::Arc;

use shared_crypto::Encryptor;
use shared_db::TenantTx;
use shared_jobs::{JobQueue, NewJob};
use uuid::Uuid;

use crate::clients::smtp::{SmtpClient, SmtpError};
use crate::config::MailSettings;
use crate::domain::email::{EmailLinks, QueuedEmail};
use crate::error::Error;
use crate::store::mail_outbox;

/// The kind of the job that sends one email.
pub(crate) const SEND_EMAIL: &str = "send_email";
/// The kind of the job that answers one password reset request.
pub(crate) const ANSWER_RESET_REQUEST: &str = "answer_reset_request";

/// Clones share the client of the mail server.
#[derive(Debug, Clone)]
pub(crate) struct Mailer {
    pub(crate) links: EmailLinks,
    /// None when no mail server is configured; emails then stay in the outbox.
    pub(crate) smtp: Option<Arc<SmtpClient>>,
    encryptor: Encryptor,
    jobs: JobQueue,
}

impl Mailer {
    pub(crate) fn new(
        settings: &MailSettings,
        encryptor: Encryptor,
        jobs: JobQueue,
    ) -> Result<Self, SmtpError> {
        let smtp = settings.smtp.as_ref().map(SmtpClient::new).transpose()?;
        Ok(Self {
            links: EmailLinks::new(settings.link_base.clone()),
            smtp: smtp.map(Arc::new),
            encryptor,
            jobs,
        })
    }

    /// Adds an email to the outbox, with the job that sends it after the commit.
    pub(crate) async fn enqueue(
        &self,
        tx: &mut TenantTx,
        email: &QueuedEmail,
    ) -> Result<(), Error> {
        let id = Uuid::now_v7();
        let text = email.message.text.as_bytes();
        let encrypted = self.encryptor.encrypt(&context(id), text)?;
        mail_outbox::insert(tx, id, email, &encrypted).await?;
        self.enqueue_job(tx, id).await?;
        Ok(())
    }

    /// Enqueues the job of an email of the outbox, unless it has one. Without a mail server there
    /// is nothing to do: once one is configured, `find_unsent_emails` enqueues the jobs.
    pub(crate) async fn enqueue_job(&self, tx: &mut TenantTx, id: Uuid) -> sqlx::Result<()> {
        if self.smtp.is_some() {
            let job = NewJob::new(SEND_EMAIL, id).dedupe(format!("email:{id}"));
            self.jobs.enqueue(tx, job).await?;
        }
        Ok(())
    }

    /// Decrypts the text of an email from the outbox.
    pub(crate) fn decrypt(&self, id: Uuid, encrypted: &str) -> Result<String, Error> {
        let decrypted = self.encryptor.decrypt(&context(id), encrypted)?;
        Ok(String::from_utf8_lossy(decrypted.plaintext.expose()).into_owned())
    }
}

/// The encryption context of an email.
fn context(id: Uuid) -> String {
    format!("mail {id}")
}
