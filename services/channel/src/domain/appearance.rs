//! How a widget looks and answers: data that a creator sets, never style sheets or markup.

use serde::{Deserialize, Deserializer, Serialize};
use shared_ai_client::AnswerMode;
use shared_models::text::{MultiLine, SingleLine};
use utoipa::ToSchema;

use super::origin::AllowedOrigins;

/// What a channel is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChannelKind {
    /// A chat on the creator's web pages.
    WebWidget,
}

impl ChannelKind {
    /// The word in tables.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::WebWidget => "web_widget",
        }
    }
}

/// Colours of the widget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    /// Dark text on light ground.
    Light,
    /// Light text on dark ground.
    Dark,
    /// As the visitor's system is set.
    #[default]
    Auto,
}

/// The corner of the page that the widget sits in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Position {
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

/// The text is no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a colour such as #4f46e5")]
pub(crate) struct NotAColor;

impl Color {
    /// Parses `#rrggbb`.
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

/// End-user messages a minute from one visitor, 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub(crate) struct MessagesPerMinute(u32);

/// The number is out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must lie between 1 and 100")]
pub(crate) struct BadPace;

impl Default for MessagesPerMinute {
    fn default() -> Self {
        Self(10)
    }
}

impl TryFrom<u32> for MessagesPerMinute {
    type Error = BadPace;

    fn try_from(count: u32) -> Result<Self, Self::Error> {
        if (1..=100).contains(&count) {
            Ok(Self(count))
        } else {
            Err(BadPace)
        }
    }
}

impl From<MessagesPerMinute> for u32 {
    fn from(pace: MessagesPerMinute) -> Self {
        pace.0
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

/// A web widget: who may embed it, how it looks, how it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WidgetSettings {
    /// Origins that may embed it, 1 to 20: exact, or `https://*.example.com` for every name below
    /// a domain (the domain itself is not below itself).
    pub(crate) allowed_origins: AllowedOrigins,
    /// What a visitor reads first.
    #[serde(default = "welcome")]
    pub(crate) welcome_message: MultiLine<500>,
    /// What stands in the empty input.
    #[serde(default = "placeholder")]
    pub(crate) placeholder: SingleLine<100>,
    /// Colours.
    #[serde(default)]
    pub(crate) theme: Theme,
    /// The corner of the page.
    #[serde(default)]
    pub(crate) position: Position,
    /// The colour of buttons and of the visitor's words.
    #[serde(default)]
    pub(crate) primary_color: Color,
    /// How questions are answered; the platform's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer_mode: Option<AnswerMode>,
    /// Messages a minute from one visitor.
    #[serde(default)]
    pub(crate) messages_per_minute: MessagesPerMinute,
}

/// Fields of a widget to change; absent ones stay.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are three things"
)]
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WidgetChange {
    /// Origins that may embed it, 1 to 20; replaces the list.
    allowed_origins: Option<AllowedOrigins>,
    /// What a visitor reads first.
    welcome_message: Option<MultiLine<500>>,
    /// What stands in the empty input.
    placeholder: Option<SingleLine<100>>,
    /// Colours.
    theme: Option<Theme>,
    /// The corner of the page.
    position: Option<Position>,
    /// The colour of buttons and of the visitor's words.
    primary_color: Option<Color>,
    /// How questions are answered; null is the platform's default.
    #[serde(default, deserialize_with = "named")]
    answer_mode: Option<Option<AnswerMode>>,
    /// Messages a minute from one visitor.
    messages_per_minute: Option<MessagesPerMinute>,
}

impl WidgetSettings {
    /// The settings with the named fields changed.
    pub(crate) fn changed(self, change: WidgetChange) -> Self {
        let WidgetChange {
            allowed_origins,
            welcome_message,
            placeholder,
            theme,
            position,
            primary_color,
            answer_mode,
            messages_per_minute,
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
        }
    }
}

/// A field that is named, be it as null: serde by itself takes null for absent.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are three things"
)]
fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    value: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

#[expect(clippy::expect_used, reason = "a constant that a test parses")]
fn welcome() -> MultiLine<500> {
    MultiLine::parse("Hi! Ask me anything.").expect("a constant")
}

#[expect(clippy::expect_used, reason = "a constant that a test parses")]
fn placeholder() -> SingleLine<100> {
    SingleLine::parse("Type your question").expect("a constant")
}

#[cfg(test)]
mod tests {
    use super::{Color, WidgetSettings};

    #[test]
    fn a_widget_needs_nothing_but_its_origins() {
        let settings: WidgetSettings =
            serde_json::from_str(r#"{"allowed_origins":["https://example.com"]}"#).unwrap();
        assert_eq!(settings.welcome_message.as_str(), "Hi! Ask me anything.");
        assert_eq!(settings.placeholder.as_str(), "Type your question");
        let again = serde_json::to_string(&settings).unwrap();
        assert_eq!(
            serde_json::from_str::<WidgetSettings>(&again).unwrap(),
            settings
        );
    }

    #[test]
    fn a_colour_is_six_digits_and_no_style_sheet() {
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
