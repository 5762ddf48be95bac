//! How emails are sent.

use shared_config::{Reader, Secret, keys};
use shared_models::Email;

/// Settings of emails.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The mail server; without one, emails stay in the outbox, which `auth-service outbox` prints.
    pub smtp: Option<SmtpSettings>,
    /// Base URL of the pages that links open; without one, emails carry the codes themselves.
    pub link_base: Option<String>,
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Host name, which the certificate must contain.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
    /// The sender address of all emails.
    pub from: String,
    /// User name and password.
    pub login: Option<(String, Secret<String>)>,
}

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the first byte (port 465).
    Implicit,
    /// After STARTTLS, which the server must offer (port 587).
    StartTls,
    /// Not encrypted: for a relay in the same network.
    None,
}

impl MailSettings {
    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        let is_set = |reader: &Reader, key| !reader.optional(key, "").is_empty();
        Self {
            smtp: is_set(reader, keys::SMTP_HOST).then(|| SmtpSettings::from_reader(reader)),
            link_base: is_set(reader, keys::MAIL_LINK_BASE)
                .then(|| reader.url(keys::MAIL_LINK_BASE)),
        }
    }
}

impl SmtpSettings {
    fn from_reader(reader: &mut Reader) -> Self {
        let (tls, default_port) = read_tls(reader);
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
            port: reader.bounded(keys::SMTP_PORT, default_port, 1, u16::MAX),
            tls,
            from: read_sender(reader),
            login: (!username.is_empty()).then(|| (username, Secret::new(password))),
        }
    }
}

fn read_tls(reader: &mut Reader) -> (SmtpTls, u16) {
    match reader.optional(keys::SMTP_TLS, "starttls").as_str() {
        "implicit" => (SmtpTls::Implicit, 465),
        "none" => (SmtpTls::None, 25),
        other => {
            if other != "starttls" {
                reader.problem(keys::SMTP_TLS, "must be starttls, implicit or none");
            }
            (SmtpTls::StartTls, 587)
        }
    }
}

fn read_sender(reader: &mut Reader) -> String {
    let address = reader.required(keys::SMTP_FROM);
    match Email::parse(&address) {
        // In ASCII, since most mail servers know nothing else.
        Ok(sender) if !address.is_ascii() => sender.into(),
        Err(error) if !address.is_empty() => {
            reader.problem(keys::SMTP_FROM, &error.to_string());
            address
        }
        _ => address,
    }
}
