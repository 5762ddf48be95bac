//! A widget's settings: plain values set by a creator, never style sheets or markup.

use serde::{Deserialize, Deserializer, Serialize};
use shared_ai_client::AnswerMode;
use shared_ai_client::answer::MAX_COLLECTIONS;
use shared_models::CollectionId;
use shared_models::text::{MultiLine, SingleLine};
use utoipa::ToSchema;

use super::origin::AllowedOrigins;

/// The widget's colour scheme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    /// Dark text on a light background.
    Light,
    /// Light text on a dark background.
    Dark,
    /// The visitor's system setting.
    #[default]
    Auto,
}

/// The corner of the page where the widget is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = WidgetPosition)]
pub(crate) enum Corner {
    /// Bottom right.
    #[default]
    BottomRight,
    /// Bottom left.
    BottomLeft,
    /// Top right.
    TopRight,
    /// Top left.
    TopLeft,
}

/// A colour `#rrggbb`, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Color(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a colour such as #4f46e5")]
pub(crate) struct NotAColor;

impl Color {
    /// Parses `#rrggbb` in either case.
    pub(crate) fn parse(text: &str) -> Result<Self, NotAColor> {
        let digits = text.strip_prefix('#').ok_or(NotAColor)?;
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NotAColor);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl Default for Color {
    fn default() -> Self {
        Self("#4f46e5".to_owned())
    }
}

impl TryFrom<String> for Color {
    type Error = NotAColor;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.0
    }
}

impl utoipa::PartialSchema for Color {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^#[0-9a-fA-F]{6}$"))
            .into()
    }
}

impl ToSchema for Color {}

/// Messages per minute from one visitor, 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub(crate) struct MessagesPerMinute(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must lie between 1 and 100")]
pub(crate) struct OutOfRange;

impl Default for MessagesPerMinute {
    fn default() -> Self {
        Self(10)
    }
}

impl TryFrom<u32> for MessagesPerMinute {
    type Error = OutOfRange;

    fn try_from(count: u32) -> Result<Self, Self::Error> {
        if (1..=100).contains(&count) {
            Ok(Self(count))
        } else {
            Err(OutOfRange)
        }
    }
}

impl From<MessagesPerMinute> for u32 {
    fn from(rate: MessagesPerMinute) -> Self {
        rate.0
    }
}

impl utoipa::PartialSchema for MessagesPerMinute {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::Integer)
            .minimum(Some(1))
            .maximum(Some(100))
            .default(Some(serde_json::json!(10)))
            .into()
    }
}

impl ToSchema for MessagesPerMinute {}

/// A web widget: allowed origins, appearance and answer mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WidgetSettings {
    /// Origins that may embed the widget, 1 to 20: exact, or `https://*.example.com` for every
    /// subdomain. A wildcard does not include the domain itself.
    pub(crate) allowed_origins: AllowedOrigins,
    /// The first message that a visitor sees.
    #[serde(default = "default_welcome")]
    pub(crate) welcome_message: MultiLine<500>,
    /// Placeholder text of the input field.
    #[serde(default = "default_placeholder")]
    pub(crate) placeholder: SingleLine<100>,
    /// Colour scheme.
    #[serde(default)]
    pub(crate) theme: Theme,
    /// Corner of the page.
    #[serde(default)]
    pub(crate) position: Corner,
    /// Colour of buttons and of the visitor's messages.
    #[serde(default)]
    pub(crate) primary_color: Color,
    /// How questions are answered; defaults to the platform's mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer_mode: Option<AnswerMode>,
    /// Messages per minute from one visitor.
    #[serde(default)]
    pub(crate) messages_per_minute: MessagesPerMinute,
    /// Questions are answered from documents of these collections only, at most 20; from all
    /// documents that visitors may know when empty.
    #[serde(default, skip_serializing_if = "Collections::is_empty")]
    #[schema(value_type = Vec<CollectionId>, max_items = 20)]
    pub(crate) collections: Collections,
}

/// At most 20 collections, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<CollectionId>", into = "Vec<CollectionId>")]
pub(crate) struct Collections(Vec<CollectionId>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must name at most 20 collections")]
pub(crate) struct TooManyCollections;

impl Collections {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Vec<CollectionId>> for Collections {
    type Error = TooManyCollections;

    fn try_from(mut ids: Vec<CollectionId>) -> Result<Self, Self::Error> {
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > MAX_COLLECTIONS {
            return Err(TooManyCollections);
        }
        Ok(Self(ids))
    }
}

impl From<Collections> for Vec<CollectionId> {
    fn from(collections: Collections) -> Self {
        collections.0
    }
}

/// Fields of a widget to change; absent fields stay unchanged.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are three cases"
)]
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WidgetChange {
    /// Origins that may embed the widget, 1 to 20; replaces the list.
    allowed_origins: Option<AllowedOrigins>,
    /// The first message that a visitor sees.
    welcome_message: Option<MultiLine<500>>,
    /// Placeholder text of the input field.
    placeholder: Option<SingleLine<100>>,
    /// Colour scheme.
    theme: Option<Theme>,
    /// Corner of the page.
    position: Option<Corner>,
    /// Colour of buttons and of the visitor's messages.
    primary_color: Option<Color>,
    /// How questions are answered; null restores the platform's mode.
    #[serde(default, deserialize_with = "present")]
    answer_mode: Option<Option<AnswerMode>>,
    /// Messages per minute from one visitor.
    messages_per_minute: Option<MessagesPerMinute>,
    /// The collections to answer from, at most 20; replaces the list, and an empty one stands for
    /// all documents that visitors may know.
    #[schema(value_type = Option<Vec<CollectionId>>, max_items = 20)]
    collections: Option<Collections>,
}

impl WidgetSettings {
    /// Applies a change.
    #[must_use]
    pub(crate) fn with_change(self, change: WidgetChange) -> Self {
        let WidgetChange {
            allowed_origins,
            welcome_message,
            placeholder,
            theme,
            position,
            primary_color,
            answer_mode,
            messages_per_minute,
            collections,
        } = change;
        Self {
            allowed_origins: allowed_origins.unwrap_or(self.allowed_origins),
            welcome_message: welcome_message.unwrap_or(self.welcome_message),
            placeholder: placeholder.unwrap_or(self.placeholder),
            theme: theme.unwrap_or(self.theme),
            position: position.unwrap_or(self.position),
            primary_color: primary_color.unwrap_or(self.primary_color),
            answer_mode: answer_mode.unwrap_or(self.answer_mode),
            messages_per_minute: messages_per_minute.unwrap_or(self.messages_per_minute),
            collections: collections.unwrap_or(self.collections),
        }
    }
}

/// Distinguishes a null field from an absent one, which serde by itself does not.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are three cases"
)]
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    value: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

#[expect(clippy::expect_used, reason = "a constant, parsed by a test")]
fn default_welcome() -> MultiLine<500> {
    MultiLine::parse("Hi! Ask me anything.").expect("a constant")
}

#[expect(clippy::expect_used, reason = "a constant, parsed by a test")]
fn default_placeholder() -> SingleLine<100> {
    SingleLine::parse("Type your question").expect("a constant")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared_models::CollectionId;

    use super::{Collections, Color, WidgetSettings};

    #[test]
    fn a_widget_names_at_most_twenty_collections_each_once() {
        let ids: Vec<CollectionId> = (0..21).map(|_| CollectionId::new()).collect();
        let parse = |ids: &[CollectionId]| serde_json::from_value::<Collections>(json!(ids));
        let twice = [&ids[..20], &ids[..3]].concat();
        assert_eq!(Vec::from(parse(&twice).unwrap()), ids[..20]);
        assert!(parse(&ids).is_err());
    }

    #[test]
    fn all_settings_but_the_origins_have_defaults() {
        let settings: WidgetSettings =
            serde_json::from_str(r#"{"allowed_origins":["https://example.com"]}"#).unwrap();
        assert_eq!(settings.welcome_message.as_str(), "Hi! Ask me anything.");
        assert_eq!(settings.placeholder.as_str(), "Type your question");
        let serialized = serde_json::to_string(&settings).unwrap();
        assert_eq!(
            serde_json::from_str::<WidgetSettings>(&serialized).unwrap(),
            settings
        );
    }

    #[test]
    fn a_colour_has_exactly_six_hex_digits() {
        assert!(Color::parse("#4F46e5").is_ok());
        for text in [
            "4f46e5",
            "#4f4",
            "#4f46eg",
            "red",
            "#4f46e5;x:y",
            "#４f46e5",
        ] {
            assert!(Color::parse(text).is_err(), "{text}");
        }
    }
}
