//! Where letters go.

use shared_config::{Reader, Secret, keys};
use shared_models::Email;

/// How the account's letters are sent.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The server; without one, letters wait in the outbox, which `auth-service outbox` prints.
    pub smtp: Option<SmtpSettings>,
    /// Base URL of the pages that links in letters lead to; without one, letters carry the codes.
    pub link_base: Option<String>,
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept private.
    pub tls: SmtpTls,
    /// Who the letters come from.
    pub from: String,
    /// How auth signs in to it.
    pub login: Option<(String, Secret<String>)>,
}

/// How the connection to a mail server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the first byte (port 465).
    Implicit,
    /// After STARTTLS, which the server must offer (port 587).
    StartTls,
    /// Not at all: a relay within the own network.
    None,
}

impl MailSettings {
    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        let named = |reader: &Reader, key| !reader.optional(key, "").is_empty();
        let smtp = named(reader, keys::SMTP_HOST).then(|| SmtpSettings::from_reader(reader));
        let link_base = named(reader, keys::MAIL_LINK_BASE);
        let link_base = link_base.then(|| reader.url(keys::MAIL_LINK_BASE));
        Self { smtp, link_base }
    }
}

impl SmtpSettings {
    fn from_reader(reader: &mut Reader) -> Self {
        let (tls, usual) = tls(reader);
        let username = reader.optional(keys::SMTP_USERNAME, "");
        let password = reader.optional(keys::SMTP_PASSWORD, "");
        if username.is_empty() != password.is_empty() {
            reader.problem(keys::SMTP_PASSWORD, "and SMTP_USERNAME belong together");
        }
        if tls == SmtpTls::None && !username.is_empty() {
            reader.problem(keys::SMTP_TLS, "must not be none where a password is sent");
        }
        Self {
            host: reader.required(keys::SMTP_HOST),
            port: reader.bounded(keys::SMTP_PORT, usual, 1, u16::MAX),
            tls,
            from: from(reader),
            login: (!username.is_empty()).then(|| (username, Secret::new(password))),
        }
    }
}

fn tls(reader: &mut Reader) -> (SmtpTls, u16) {
    match reader.optional(keys::SMTP_TLS, "starttls").as_str() {
        "implicit" => (SmtpTls::Implicit, 465),
        "none" => (SmtpTls::None, 25),
        word => {
            if word != "starttls" {
                reader.problem(keys::SMTP_TLS, "must be starttls, implicit or none");
            }
            (SmtpTls::StartTls, 587)
        }
    }
}

fn from(reader: &mut Reader) -> String {
    let text = reader.required(keys::SMTP_FROM);
    if let (Err(error), false) = (Email::parse(&text), text.is_empty()) {
        reader.problem(keys::SMTP_FROM, &error.to_string());
    }
    text
}
