//! Queues emails in the transaction of the change that they report; the outbox job sends them.

use std::sync::Arc;

use shared_crypto::Encryptor;
use shared_db::{SystemTx, TenantTx};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::clients::smtp::{SmtpClient, SmtpError};
use crate::config::MailSettings;
use crate::domain::email::{EmailLinks, QueuedEmail};
use crate::error::Error;
use crate::store::mail_outbox;

/// Clones share the mail server client and the wake-up of the outbox job.
#[derive(Debug, Clone)]
pub(crate) struct Mailer {
    pub(crate) links: EmailLinks,
    /// None when no mail server is configured; emails then stay in the outbox.
    pub(crate) smtp: Option<Arc<SmtpClient>>,
    encryptor: Encryptor,
    wake: Arc<Notify>,
}

impl Mailer {
    pub(crate) fn new(settings: &MailSettings, encryptor: Encryptor) -> Result<Self, SmtpError> {
        let smtp = settings.smtp.as_ref().map(SmtpClient::new).transpose()?;
        Ok(Self {
            links: EmailLinks::new(settings.link_base.clone()),
            smtp: smtp.map(Arc::new),
            encryptor,
            wake: Arc::default(),
        })
    }

    /// Adds an email to the outbox; the commit wakes the outbox job, which sends it.
    pub(crate) async fn enqueue(
        &self,
        tx: &mut TenantTx,
        email: &QueuedEmail,
    ) -> Result<(), Error> {
        let id = Uuid::now_v7();
        let text = email.message.text.as_bytes();
        let encrypted = self.encryptor.encrypt(&context(id), text)?;
        mail_outbox::insert(tx, id, email, &encrypted).await?;
        let wake = Arc::clone(&self.wake);
        tx.after_commit(move || wake.notify_one());
        Ok(())
    }

    /// Decrypts the text of an email from the outbox.
    pub(crate) fn decrypt(&self, id: Uuid, encrypted: &str) -> Result<String, Error> {
        let decrypted = self.encryptor.decrypt(&context(id), encrypted)?;
        Ok(String::from_utf8_lossy(decrypted.plaintext.expose()).into_owned())
    }

    /// Wakes the outbox job after the commit of a reset request, which becomes an email there.
    pub(crate) fn wake_on_commit(&self, tx: &mut SystemTx) {
        let wake = Arc::clone(&self.wake);
        tx.after_commit(move || wake.notify_one());
    }

    /// Waits until an email or a request may be waiting.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }
}

/// The encryption context of an email.
fn context(id: Uuid) -> String {
    format!("mail {id}")
}
