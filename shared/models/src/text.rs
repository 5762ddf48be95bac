//! Bounded text: trimmed, without control characters, at most `MAX` characters.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Text of 1 to `MAX` characters on one line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SingleLine<const MAX: usize>(String);

/// Text of 1 to `MAX` characters; line breaks and tabs are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MultiLine<const MAX: usize>(String);

/// The text is empty, too long or holds control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadText {
    max: usize,
}

impl fmt::Display for BadText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "must have 1 to {} characters and no control characters",
            self.max
        )
    }
}

impl std::error::Error for BadText {}

fn checked(text: &str, max: usize, allowed: &[char]) -> Result<String, BadText> {
    let text = text.trim();
    let control = |c: char| c.is_control() && !allowed.contains(&c);
    if text.is_empty() || text.chars().count() > max || text.contains(control) {
        return Err(BadText { max });
    }
    Ok(text.to_owned())
}

macro_rules! text {
    ($name:ident, $schema:literal, $allowed:expr) => {
        impl<const MAX: usize> $name<MAX> {
            /// Parses the text; surrounding white space is dropped.
            pub fn parse(text: &str) -> Result<Self, BadText> {
                checked(text, MAX, $allowed).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<const MAX: usize> TryFrom<String> for $name<MAX> {
            type Error = BadText;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl<const MAX: usize> From<$name<MAX>> for String {
            fn from(text: $name<MAX>) -> Self {
                text.0
            }
        }

        impl<const MAX: usize> utoipa::PartialSchema for $name<MAX> {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .min_length(Some(1))
                    .max_length(Some(MAX))
                    .into()
            }
        }

        impl<const MAX: usize> utoipa::ToSchema for $name<MAX> {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Owned(format!("{}{MAX}", $schema))
            }
        }
    };
}

// The names in the OpenAPI documents are part of generated clients, so they stay.
text!(SingleLine, "Line", &[]);
text!(MultiLine, "Prose", &['\n', '\r', '\t']);

#[cfg(test)]
mod tests {
    use super::{MultiLine, SingleLine};

    #[test]
    fn text_is_trimmed_and_bounded() {
        assert_eq!(SingleLine::<5>::parse("  abc ").unwrap().as_str(), "abc");
        assert!(SingleLine::<5>::parse("abcdef").is_err());
        assert!(SingleLine::<5>::parse("   ").is_err());
        assert!(SingleLine::<5>::parse("a\nb").is_err());
        assert!(MultiLine::<5>::parse("a\nb").is_ok());
        assert!(MultiLine::<5>::parse("a\u{0}b").is_err());
    }
}
