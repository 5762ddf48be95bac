//! Letters to the people of accounts: written with the deed that they tell of, sent until taken.

pub(crate) mod letters;
mod smtp;
pub(crate) mod worker;

use std::sync::Arc;
use std::time::Duration;

use shared_db::TenantTx;
use tokio::sync::Notify;
use uuid::Uuid;

use self::smtp::{Sender, SmtpError};
use crate::config::MailSettings;
use crate::error::Error;
use crate::store::mail_outbox;
use shared_crypto::Encryptor;

/// A letter to one person.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    /// After this long it is not worth sending any more.
    pub(crate) life: Duration,
}

/// Takes letters. Clones share the sender.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    encryptor: Encryptor,
    sender: Option<Arc<Sender>>,
    link_base: Option<String>,
    wake: Arc<Notify>,
}

impl Post {
    pub(crate) fn new(settings: &MailSettings, encryptor: Encryptor) -> Result<Self, SmtpError> {
        let sender = settings.smtp.as_ref().map(Sender::new).transpose()?;
        Ok(Self {
            encryptor,
            sender: sender.map(Arc::new),
            link_base: settings.link_base.clone(),
            wake: Arc::default(),
        })
    }

    /// Writes a letter into the outbox; it is sent when the transaction lasts. Then call
    /// [`Post::wake`], or it waits for the worker's next look.
    pub(crate) async fn put(&self, tx: &mut TenantTx, letter: &Letter) -> Result<(), Error> {
        let id = Uuid::now_v7();
        let body = self.encryptor.encrypt(&place(id), letter.text.as_bytes())?;
        mail_outbox::insert(tx, id, letter, &body).await?;
        Ok(())
    }

    /// Tells the worker that there is something to do.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// How a letter says what to do with its code: a link where there are pages for it.
    pub(crate) fn link(&self, page: &str, token: &str) -> String {
        match &self.link_base {
            // Behind a #, so that no server's log and no Referer has it.
            Some(base) => format!("{base}/{page}#token={token}"),
            None => format!("Your code:\n\n{token}"),
        }
    }
}

/// The place that a letter's text is sealed for.
fn place(id: Uuid) -> String {
    format!("mail {id}")
}
