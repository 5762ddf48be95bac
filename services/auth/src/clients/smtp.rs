//! Sends emails through a mail server.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use shared_models::Email;
use shared_rpc::http_client;
use uuid::Uuid;

use crate::config::{SmtpSettings, SmtpTls};
use crate::domain::email::EmailMessage;

/// Longest wait for a response of the mail server to one command.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Opens a connection for each email.
#[derive(Debug)]
pub(crate) struct SmtpClient {
    transport: Transport,
    from: Mailbox,
}

/// An email was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SmtpError {
    /// Another attempt would fail as well.
    #[error("{0}")]
    Permanent(String),
    /// Another attempt may succeed.
    #[error("{0}")]
    Transient(String),
}

impl SmtpClient {
    pub(crate) fn new(settings: &SmtpSettings) -> Result<Self, SmtpError> {
        http_client::install_tls_provider();
        let host = &settings.host;
        let builder = match settings.tls {
            SmtpTls::Implicit => Transport::relay(host).map_err(permanent)?,
            SmtpTls::StartTls => Transport::starttls_relay(host).map_err(permanent)?,
            SmtpTls::None => Transport::builder_dangerous(host),
        };
        let mut builder = builder.port(settings.port).timeout(Some(SMTP_TIMEOUT));
        if let Some((name, password)) = &settings.login {
            let credentials = Credentials::new(name.clone(), password.expose().clone());
            builder = builder.credentials(credentials);
        }
        let address = settings.from.parse().map_err(permanent)?;
        Ok(Self {
            transport: builder.build(),
            from: Mailbox::new(Some("Creator Platform".to_owned()), address),
        })
    }

    /// Sends an email. After a crash an email may be sent twice, but with the same message id, so
    /// that mail programs show it once.
    pub(crate) async fn send(&self, id: Uuid, email: &EmailMessage) -> Result<(), SmtpError> {
        let address = Email::parse(&email.to).map_err(permanent)?;
        let to = Mailbox::new(None, address.as_str().parse().map_err(permanent)?);
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&email.subject)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .date_now()
            .header(ContentType::TEXT_PLAIN)
            .body(email.text.clone())
            .map_err(permanent)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(permanent(error)),
            Err(error) if lacks_smtputf8(&error) => Err(permanent(
                "the mail server does not accept addresses with characters other than ASCII",
            )),
            Err(error) => Err(SmtpError::Transient(error.to_string())),
        }
    }
}

/// The server does not have the extension that an address beyond ASCII requires (RFC 6531). lettre
/// does not give this error a kind of its own.
fn lacks_smtputf8(error: &lettre::transport::smtp::Error) -> bool {
    error.is_client() && error.to_string().contains("SMTPUTF8")
}

fn permanent(error: impl std::fmt::Display) -> SmtpError {
    SmtpError::Permanent(error.to_string())
}
