//! The full name of a person.

use serde::Deserialize;
use shared_models::text::SingleLine;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

const MIN_LENGTH: usize = 2;
const MAX_LENGTH: usize = 100;

/// 2 to 100 characters on one line.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct FullName(SingleLine<MAX_LENGTH>);

/// The text is not a valid name.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("must have {MIN_LENGTH} to {MAX_LENGTH} characters and no control characters")]
pub(crate) struct InvalidName;

impl FullName {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for FullName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name = SingleLine::parse(&text).map_err(|_| InvalidName)?;
        if name.as_str().chars().count() < MIN_LENGTH {
            return Err(InvalidName);
        }
        Ok(Self(name))
    }
}

impl utoipa::PartialSchema for FullName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(MIN_LENGTH))
            .max_length(Some(MAX_LENGTH))
            .into()
    }
}

impl utoipa::ToSchema for FullName {}
