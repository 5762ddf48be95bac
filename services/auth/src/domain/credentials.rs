//! A password as it was typed: never printed, never trimmed.

use serde::Deserialize;
use shared_config::Secret;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

use super::password::MAX_LENGTH;

/// 1 to 128 characters; the rules of new passwords are checked elsewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PasswordText(Secret<String>);

/// The text is empty, or long enough to be an attack on the hash.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("must have 1 to {MAX_LENGTH} characters")]
pub(crate) struct NotAPassword;

impl PasswordText {
    pub(crate) fn as_str(&self) -> &str {
        self.0.expose()
    }

    pub(crate) fn into_secret(self) -> Secret<String> {
        self.0
    }
}

impl TryFrom<String> for PasswordText {
    type Error = NotAPassword;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if (1..=MAX_LENGTH).contains(&text.chars().count()) {
            Ok(Self(Secret::new(text)))
        } else {
            Err(NotAPassword)
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
