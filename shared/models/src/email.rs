//! An email address, parsed once.

use serde::{Deserialize, Serialize};

/// Longest address that SMTP carries (RFC 5321, 4.5.3.1).
const MAX_LENGTH: usize = 254;

/// A plausible email address in lower case.
///
/// Only delivery proves an address, so the check refuses only what cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// The text is not an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an email address, such as name@example.com")]
pub struct NotAnEmail;

impl Email {
    /// Parses an address; surrounding white space is dropped, upper case becomes lower case.
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let text = text.trim().to_lowercase();
        let (local, domain) = text.rsplit_once('@').ok_or(NotAnEmail)?;
        let forbidden =
            |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"@".contains(c);
        let label = |l: &str| {
            !l.is_empty()
                && l.len() <= 63
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        let plausible = text.len() <= MAX_LENGTH
            && !local.is_empty()
            && local.len() <= 64
            && !local.contains(forbidden)
            && domain.contains('.')
            && domain.split('.').all(label);
        if plausible {
            Ok(Self(text))
        } else {
            Err(NotAnEmail)
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Email {
    type Error = NotAnEmail;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl utoipa::PartialSchema for Email {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::schema::SchemaFormat::Custom(
                "email".to_owned(),
            )))
            .max_length(Some(MAX_LENGTH))
            .into()
    }
}

impl utoipa::ToSchema for Email {}

#[cfg(test)]
mod tests {
    use super::Email;

    #[test]
    fn an_address_is_folded_to_lower_case() {
        assert_eq!(
            Email::parse(" Ana@Example.COM ").unwrap().as_str(),
            "ana@example.com"
        );
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        for text in [
            "",
            "ana",
            "@example.com",
            "ana@",
            "ana@localhost",
            "a b@example.com",
        ] {
            assert!(Email::parse(text).is_err(), "{text}");
        }
        for text in [
            "ana@-x.com",
            "ana@exa_mple.com",
            "ana@example..com",
            "<ana@example.com>",
        ] {
            assert!(Email::parse(text).is_err(), "{text}");
        }
    }
}
