//! What a user signs in with: the password in its one spelling, and when failed attempts lock the
//! user out.

use serde::Deserialize;
use shared_config::Secret;
use unicode_normalization::UnicodeNormalization as _;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

use super::password::MAX_LENGTH;

/// Wrong passwords and codes within [`FAILURE_WINDOW_TTL_SECONDS`] after which the user is locked
/// on unknown networks. More than one network can have (`LOGIN` and `SECOND_FACTOR` in
/// `app/limits.rs`): one stranger alone locks no account.
pub(crate) const MAX_FAILED_LOGINS: i32 = 20;

/// How long failures are added up, seconds.
pub(crate) const FAILURE_WINDOW_TTL_SECONDS: f64 = 2.0 * 3600.0;

/// How long the user stays locked on unknown networks, seconds. Meanwhile the right password is
/// answered like a wrong one: an attacker learns neither that the account exists nor that a guess
/// was right.
pub(crate) const LOCKOUT_TTL_SECONDS: f64 = 2.0 * 3600.0;

/// How long a network is known after a sign-in from it, seconds.
pub(crate) const KNOWN_NETWORK_TTL_SECONDS: f64 = 90.0 * 86_400.0;

/// A password that is compared: 1 to 128 characters, never logged, never trimmed. The rules for new
/// passwords are in [`super::password`].
///
/// Devices send one password in several spellings: `é` as one character or as two, a space of its
/// own for each keyboard. It is prepared as RFC 8265 says (profile `OpaqueString`), so that all
/// of them are the same password.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PasswordText {
    prepared: Secret<String>,
    /// As it was sent, where that differs: hashes of earlier versions were made from it.
    raw: Option<Secret<String>>,
}

/// A password that is set: a [`PasswordText`] without control characters.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct NewPassword(Secret<String>);

/// The text is empty, or so long that hashing it would be a denial of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {MAX_LENGTH} characters")]
pub(crate) struct InvalidPasswordText;

/// The text cannot become a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {MAX_LENGTH} characters and no control characters")]
pub(crate) struct InvalidNewPassword;

impl PasswordText {
    /// The prepared password.
    pub(crate) const fn prepared(&self) -> &Secret<String> {
        &self.prepared
    }

    /// The password as it was sent, where that differs from the prepared one.
    pub(crate) const fn raw(&self) -> Option<&Secret<String>> {
        self.raw.as_ref()
    }
}

impl NewPassword {
    pub(crate) fn as_str(&self) -> &str {
        self.0.expose()
    }

    pub(crate) fn into_secret(self) -> Secret<String> {
        self.0
    }
}

impl TryFrom<String> for PasswordText {
    type Error = InvalidPasswordText;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let prepared = prepare(&text);
        // No version accepted a longer one, so there is no hash of it.
        let raw_is_valid = has_valid_length(&text);
        if !has_valid_length(&prepared) && !raw_is_valid {
            return Err(InvalidPasswordText);
        }
        let raw = (text != prepared && raw_is_valid).then(|| Secret::new(text));
        let prepared = Secret::new(prepared);
        Ok(Self { prepared, raw })
    }
}

impl TryFrom<String> for NewPassword {
    type Error = InvalidNewPassword;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let prepared = prepare(&text);
        if !has_valid_length(&prepared) || prepared.contains(char::is_control) {
            return Err(InvalidNewPassword);
        }
        Ok(Self(Secret::new(prepared)))
    }
}

/// Spaces of all scripts become the one of ASCII, and characters are composed (RFC 8265, 4.2).
/// Width and case stay. Characters that the RFC excludes as invisible or unassigned are kept: they
/// are in emojis, of which devices know newer ones than this program does.
fn prepare(text: &str) -> String {
    text.chars().map(plain_space).nfc().collect()
}

/// The characters of the Unicode category `Zs`.
const fn plain_space(c: char) -> char {
    match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        other => other,
    }
}

/// Counted in characters of the spelling that is hashed.
fn has_valid_length(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.chars().count())
}

fn schema() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .min_length(Some(1))
        .max_length(Some(MAX_LENGTH))
        .into()
}

impl utoipa::PartialSchema for PasswordText {
    fn schema() -> RefOr<Schema> {
        schema()
    }
}

impl utoipa::ToSchema for PasswordText {}

impl utoipa::PartialSchema for NewPassword {
    fn schema() -> RefOr<Schema> {
        schema()
    }
}

impl utoipa::ToSchema for NewPassword {}

#[cfg(test)]
mod tests;
