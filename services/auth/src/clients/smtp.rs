//! Hands letters to a mail server.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use shared_rpc::http_client;
use uuid::Uuid;

use super::Letter;
use crate::config::{SmtpSettings, SmtpTls};

/// How long a mail server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// A connection to be made for each letter.
#[derive(Debug)]
pub(crate) struct Sender {
    transport: Transport,
    from: Mailbox,
}

/// Why a letter was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SmtpError {
    /// Another attempt makes no sense.
    #[error("{0}")]
    Refused(String),
    /// Later, perhaps.
    #[error("{0}")]
    Later(String),
}

impl Sender {
    pub(super) fn new(settings: &SmtpSettings) -> Result<Self, SmtpError> {
        http_client::install_tls_provider();
        let host = &settings.host;
        let transport = match settings.tls {
            SmtpTls::Implicit => Transport::relay(host).map_err(refused)?,
            SmtpTls::StartTls => Transport::starttls_relay(host).map_err(refused)?,
            SmtpTls::None => Transport::builder_dangerous(host),
        };
        let transport = transport.port(settings.port).timeout(Some(PATIENCE));
        let transport = match &settings.login {
            Some((name, password)) => {
                let credentials = Credentials::new(name.clone(), password.expose().clone());
                transport.credentials(credentials)
            }
            None => transport,
        };
        let from = settings.from.parse().map_err(refused)?;
        let from = Mailbox::new(Some("Creator Platform".to_owned()), from);
        Ok(Self {
            transport: transport.build(),
            from,
        })
    }

    /// Sends a letter. Sent twice after a crash, it carries the same id, and mail programs show
    /// one of them.
    pub(super) async fn send(&self, id: Uuid, letter: &Letter) -> Result<(), SmtpError> {
        let to = Mailbox::new(None, letter.to.parse().map_err(refused)?);
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&letter.subject)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .date_now()
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
            .map_err(refused)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(refused(error)),
            Err(error) => Err(SmtpError::Later(error.to_string())),
        }
    }
}

fn refused(error: impl std::fmt::Display) -> SmtpError {
    SmtpError::Refused(error.to_string())
}
