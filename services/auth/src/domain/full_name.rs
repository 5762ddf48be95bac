//! The name of a person.

use serde::Deserialize;
use shared_models::text::SingleLine;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

const MIN: usize = 2;
const MAX: usize = 100;

/// 2 to 100 characters on one line.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct FullName(SingleLine<MAX>);

/// The text is no name.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("must have {MIN} to {MAX} characters and no control characters")]
pub(crate) struct NotAName;

impl FullName {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for FullName {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let line = SingleLine::parse(&text).map_err(|_| NotAName)?;
        if line.as_str().chars().count() < MIN {
            return Err(NotAName);
        }
        Ok(Self(line))
    }
}

impl utoipa::PartialSchema for FullName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(MIN))
            .max_length(Some(MAX))
            .into()
    }
}

impl utoipa::ToSchema for FullName {}
