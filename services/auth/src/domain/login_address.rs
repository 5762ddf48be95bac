//! The address that a user signs in with, in any spelling.

use serde::Deserialize;
use shared_models::{Email, NotAnEmail};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// An address as a user types it.
///
/// Of accounts that earlier versions made for two spellings of one address, one has the address;
/// the others are found by the spelling that they were made with. Everything else that concerns
/// an address uses [`Email`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct LoginAddress {
    /// In its one spelling; as earlier versions stored it if only they accepted it.
    address: String,
    /// As earlier versions stored it, if they accepted it.
    spelling: String,
}

impl LoginAddress {
    pub(crate) fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let spelling = Some(text.trim().to_lowercase()).filter(|text| was_accepted(text));
        match (Email::parse(text), spelling) {
            (Ok(address), spelling) => {
                let address = String::from(address);
                let spelling = spelling.unwrap_or_else(|| address.clone());
                Ok(Self { address, spelling })
            }
            (Err(_), Some(spelling)) => Ok(Self {
                address: spelling.clone(),
                spelling,
            }),
            (Err(error), None) => Err(error),
        }
    }

    /// The address in its one spelling, by which everything counts and almost all accounts are
    /// found.
    pub(crate) fn as_str(&self) -> &str {
        &self.address
    }

    /// As it was typed, in lower case.
    pub(crate) fn spelling(&self) -> &str {
        &self.spelling
    }
}

impl TryFrom<String> for LoginAddress {
    type Error = NotAnEmail;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

/// The rule of earlier versions.
fn was_accepted(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"@".contains(c);
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        text.len() <= 254
            && !local.is_empty()
            && local.len() <= 64
            && !local.contains(forbidden)
            && domain.contains('.')
            && domain.split('.').all(label)
    })
}

impl utoipa::PartialSchema for LoginAddress {
    fn schema() -> RefOr<Schema> {
        Email::schema()
    }
}

impl utoipa::ToSchema for LoginAddress {}

#[cfg(test)]
mod tests {
    use super::LoginAddress;

    fn parsed(text: &str) -> Option<(String, String)> {
        let login = LoginAddress::parse(text).ok()?;
        Some((login.as_str().to_owned(), login.spelling().to_owned()))
    }

    #[test]
    fn an_address_is_found_by_its_one_spelling_and_by_the_earlier_one() {
        for (text, address, spelling) in [
            (" Ana@Example.com", "ana@example.com", "ana@example.com"),
            (
                "Zoe@B\u{fc}cher.example",
                "zoe@xn--bcher-kva.example",
                "zoe@b\u{fc}cher.example",
            ),
            (
                "jose\u{301}@example.com",
                "jos\u{e9}@example.com",
                "jose\u{301}@example.com",
            ),
            // Accepted by this version only.
            (
                "zoe@b\u{fc}cher\u{3002}example",
                "zoe@xn--bcher-kva.example",
                "zoe@xn--bcher-kva.example",
            ),
            // Accepted by earlier versions only.
            (
                "z\u{200b}oe@example.com",
                "z\u{200b}oe@example.com",
                "z\u{200b}oe@example.com",
            ),
        ] {
            let expected = Some((address.to_owned(), spelling.to_owned()));
            assert_eq!(parsed(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_no_version_accepted_is_refused() {
        for text in [
            "",
            "ana",
            "ana@localhost",
            "a b@example.com",
            "ana@exa_mple.com",
            "a\0@b.de",
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }
}
