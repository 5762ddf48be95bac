//! An email address, parsed once.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// Longest address that SMTP carries (RFC 5321, 4.5.3.1).
const MAX_LENGTH: usize = 254;
/// Longest local part, bytes (same section).
const MAX_LOCAL_LENGTH: usize = 64;

/// A plausible email address in its one spelling: lower case, the domain in ASCII (UTS 46), the
/// local part composed (NFC) and without invisible characters. Addresses of one mailbox are
/// equal, and mail servers that know ASCII only deliver to an internationalised domain.
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
    /// Parses an address in any spelling; surrounding white space is dropped.
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let (local, domain) = text.trim().rsplit_once('@').ok_or(NotAnEmail)?;
        let local = local_part(local)?;
        let domain = Uts46::new()
            .to_ascii(
                domain.as_bytes(),
                AsciiDenyList::STD3,
                Hyphens::CheckFirstLast,
                DnsLength::Verify,
            )
            .map_err(|_| NotAnEmail)?;
        let address = format!("{local}@{domain}");
        if domain.contains('.') && address.len() <= MAX_LENGTH {
            Ok(Self(address))
        } else {
            Err(NotAnEmail)
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn local_part(text: &str) -> Result<String, NotAnEmail> {
    // Lower case can decompose a character, so the text is composed again.
    let local: String = text.nfc().flat_map(char::to_lowercase).nfc().collect();
    let forbidden = |c| is_invisible(c) || "<>()[],;:\\\"@".contains(c);
    if local.is_empty() || local.len() > MAX_LOCAL_LENGTH || local.contains(forbidden) {
        return Err(NotAnEmail);
    }
    Ok(local)
}

/// White space, control and format characters, and whatever else has no shape of its own: two
/// addresses would look the same.
fn is_invisible(c: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    GeneralCategoryGroup::Other.contains(category)
        || GeneralCategoryGroup::Separator.contains(category)
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
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

    fn parsed(text: &str) -> Option<String> {
        Email::parse(text).ok().map(String::from)
    }

    #[test]
    fn spellings_of_one_mailbox_are_one_address() {
        for (text, address) in [
            (" Ana@Example.COM ", "ana@example.com"),
            ("zoe@b\u{fc}cher.example", "zoe@xn--bcher-kva.example"),
            ("zoe@bu\u{308}cher.example", "zoe@xn--bcher-kva.example"),
            ("zoe@B\u{dc}CHER.example", "zoe@xn--bcher-kva.example"),
            ("zoe@XN--BCHER-KVA.example", "zoe@xn--bcher-kva.example"),
            (
                "zoe@b\u{fc}cher\u{3002}example",
                "zoe@xn--bcher-kva.example",
            ),
            ("zoe@\u{ff45}xample.com", "zoe@example.com"),
            ("zoe@exa\u{ad}mple.com", "zoe@example.com"),
            ("jose\u{301}@example.com", "jos\u{e9}@example.com"),
            ("JOS\u{c9}@example.com", "jos\u{e9}@example.com"),
            ("JOSE\u{301}@example.com", "jos\u{e9}@example.com"),
            // Real domains with combining marks and a joiner: Devanagari, Persian, German.
            (
                "a@\u{909}\u{926}\u{93e}\u{939}\u{930}\u{923}.\u{92a}\u{930}\u{940}\u{915}\
                 \u{94d}\u{937}\u{93e}",
                "a@xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g",
            ),
            (
                "a@\u{646}\u{627}\u{645}\u{647}\u{200c}\u{627}\u{6cc}.com",
                "a@xn--mgba3gch31f060k.com",
            ),
            ("a@fa\u{df}.de", "a@xn--fa-hia.de"),
            // A local part of a script that combines.
            (
                "\u{915}\u{94d}\u{937}@example.com",
                "\u{915}\u{94d}\u{937}@example.com",
            ),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(address), "{text:?}");
            assert_eq!(parsed(address).as_deref(), Some(address), "{text:?}");
        }
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
            "ana@-x.com",
            "ana@x-.com",
            "ana@exa_mple.com",
            "ana@example..com",
            "ana@example.com.",
            "<ana@example.com>",
            "ana@xn--zz.example",
            "ana@exa mple.com",
        ] {
            assert!(Email::parse(text).is_err(), "{text}");
        }
        let long = format!("ana@{}.com", "x".repeat(64));
        assert!(Email::parse(&long).is_err(), "a label has 63 characters");
        assert!(Email::parse(&format!("{}@example.com", "\u{e9}".repeat(33))).is_err());
    }

    #[test]
    fn addresses_that_look_like_another_one_are_refused() {
        // Format characters and blanks, letters without a shape, selectors, tags and fillers.
        for c in "\u{200b}\u{200c}\u{200d}\u{200e}\u{202e}\u{2060}\u{feff}\u{ad}\u{34f}\u{61c}\
                  \u{115f}\u{3164}\u{ffa0}\u{180e}\u{fe0f}\u{e0101}\u{e0041}\u{a0}\u{3000}\
                  \u{2028}\u{85}\u{0}\u{fff9}\u{e000}\u{10ffff}"
            .chars()
        {
            let text = format!("an{c}a@example.com");
            assert!(Email::parse(&text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_is_its_own_spelling() {
        for c in '\u{1}'..'\u{30000}' {
            if let Some(address) = parsed(&format!("a{c}b@example.com")) {
                assert_eq!(parsed(&address), Some(address), "{c:?}");
            }
        }
    }
}
