//! What a user signs in with: the password as typed, and when failed attempts lock the user out.

use serde::Deserialize;
use shared_config::Secret;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

use super::password::MAX_LENGTH;

/// Consecutive wrong passwords after which the user is locked.
pub(crate) const MAX_FAILED_LOGINS: i32 = 5;

/// How long the user stays locked, seconds. Meanwhile the right password is answered like a wrong
/// one: an attacker learns neither that the account exists nor that a guess was right.
pub(crate) const LOCKOUT_TTL_SECONDS: f64 = 1800.0;

/// A password as typed, 1 to 128 characters: never logged, never trimmed. The rules for new
/// passwords are in [`super::password`].
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PasswordText(Secret<String>);

/// The text is empty, or so long that hashing it would be a denial of service.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("must have 1 to {MAX_LENGTH} characters")]
pub(crate) struct InvalidPasswordText;

impl PasswordText {
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
        if (1..=MAX_LENGTH).contains(&text.chars().count()) {
            Ok(Self(Secret::new(text)))
        } else {
            Err(InvalidPasswordText)
        }
    }
}

impl utoipa::PartialSchema for PasswordText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .min_length(Some(1))
            .max_length(Some(MAX_LENGTH))
            .into()
    }
}

impl utoipa::ToSchema for PasswordText {}
