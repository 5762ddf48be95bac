//! How the assistant of a tenant answers, within the platform's bounds.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use shared_ai_client::AnswerMode;
use shared_models::Bounded;
use shared_models::text::{MultiLine, SingleLine};
use utoipa::ToSchema;

use super::policies::Phrase;
use super::prompt::MAX_ANSWER_TOKENS;

/// Most topics of a tenant.
const MAX_TOPICS: usize = 20;
/// Most phrases of a topic.
const MAX_PHRASES: usize = 50;

/// How the assistant answers. What is absent is as the platform has it; a question or a channel
/// that names a mode, a number of passages or collections is answered with those.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AnswerSettings {
    /// How answers are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<AnswerMode>,
    /// The name of the model server that is asked first (`GET /models` lists them).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 63)]
    pub(crate) chat_server: Option<SingleLine<63>>,
    /// Passages to answer from, 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 10)]
    pub(crate) passages: Option<Bounded<1, 10>>,
    /// How similar to the question a passage must be.
    pub(crate) relevance: Relevance,
    /// How freely the chat model words its answers: from 0, always the likeliest word, to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<Temperature>,
    /// Tokens that the chat model may write, 64 to 512.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u16>, minimum = 64, maximum = 512)]
    pub(crate) max_answer_tokens: Option<Bounded<64, MAX_ANSWER_TOKENS>>,
    /// What is done for a person who seems to be in danger.
    pub(crate) crisis: CrisisPolicy,
    /// Topics that the assistant does not answer itself, at most 20. The first that matches a
    /// question decides.
    #[schema(value_type = Vec<TopicPolicy>, max_items = 20)]
    pub(crate) topics: Topics,
}

/// How similar to the question a passage must be, relative to what is measured for the platform's
/// embedding model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Relevance {
    /// Less than measured: more questions are answered, some of them wrongly.
    Lenient,
    /// As measured.
    #[default]
    Balanced,
    /// More than measured: fewer questions are answered.
    Strict,
}

impl Relevance {
    /// The least nearness of a relevant passage, see `Calibration::nearness`.
    pub(crate) const fn min_nearness(self) -> f32 {
        match self {
            Self::Lenient => -0.1,
            Self::Balanced => 0.0,
            Self::Strict => 0.15,
        }
    }
}

/// A temperature of a chat model, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub(crate) struct Temperature(f64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must lie between 0 and 1")]
pub(crate) struct NotATemperature;

impl TryFrom<f64> for Temperature {
    type Error = NotATemperature;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        let is_allowed = (0.0..=1.0).contains(&value);
        is_allowed.then_some(Self(value)).ok_or(NotATemperature)
    }
}

impl From<Temperature> for f64 {
    fn from(temperature: Temperature) -> Self {
        temperature.0
    }
}

impl utoipa::PartialSchema for Temperature {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::Number)
            .minimum(Some(0))
            .maximum(Some(1))
            .into()
    }
}

impl ToSchema for Temperature {}

/// What is done for a person who seems to be in danger. They always get the contacts of people who
/// can help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CrisisPolicy {
    /// Added to the reply: a contact of yours.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    pub(crate) contact: Option<MultiLine<500>>,
    /// Whether the conversation then waits for a person.
    pub(crate) hand_over: bool,
}

impl Default for CrisisPolicy {
    fn default() -> Self {
        Self {
            contact: None,
            hand_over: true,
        }
    }
}

/// A topic that the assistant does not answer itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopicPolicy {
    /// Shown to members of the account, and unique.
    #[schema(value_type = String, min_length = 1, max_length = 60)]
    pub(crate) name: SingleLine<60>,
    /// A question with one of these phrases, 1 to 50, is about the topic. Case, accents, width and
    /// the number of a noun make no difference.
    #[schema(value_type = Vec<Phrase>, min_items = 1, max_items = 50)]
    pub(crate) phrases: Phrases,
    /// Given word for word in place of an answer.
    #[schema(value_type = String, min_length = 1, max_length = 1000)]
    pub(crate) reply: MultiLine<1000>,
    /// Whether the conversation then waits for a person.
    #[serde(default)]
    pub(crate) hand_over: bool,
}

/// The topics of a tenant: each has a name of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<TopicPolicy>", into = "Vec<TopicPolicy>")]
pub(crate) struct Topics(Vec<TopicPolicy>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadTopics {
    #[error("must have at most {MAX_TOPICS} topics")]
    TooMany,
    #[error("must not have two topics of the same name")]
    SameName,
}

impl Topics {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &TopicPolicy> {
        self.0.iter()
    }
}

impl TryFrom<Vec<TopicPolicy>> for Topics {
    type Error = BadTopics;

    fn try_from(topics: Vec<TopicPolicy>) -> Result<Self, Self::Error> {
        if topics.len() > MAX_TOPICS {
            return Err(BadTopics::TooMany);
        }
        let mut names = HashSet::new();
        let mut is_new = |topic: &TopicPolicy| names.insert(topic.name.as_str().to_lowercase());
        if !topics.iter().all(&mut is_new) {
            return Err(BadTopics::SameName);
        }
        Ok(Self(topics))
    }
}

impl From<Topics> for Vec<TopicPolicy> {
    fn from(topics: Topics) -> Self {
        topics.0
    }
}

/// The phrases of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Phrase>", into = "Vec<Phrase>")]
pub(crate) struct Phrases(Vec<Phrase>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {MAX_PHRASES} phrases")]
pub(crate) struct BadPhrases;

impl Phrases {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Phrase> {
        self.0.iter()
    }
}

impl TryFrom<Vec<Phrase>> for Phrases {
    type Error = BadPhrases;

    fn try_from(phrases: Vec<Phrase>) -> Result<Self, Self::Error> {
        let is_allowed = (1..=MAX_PHRASES).contains(&phrases.len());
        is_allowed.then_some(Self(phrases)).ok_or(BadPhrases)
    }
}

impl From<Phrases> for Vec<Phrase> {
    fn from(phrases: Phrases) -> Self {
        phrases.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: serde_json::Value) -> Result<AnswerSettings, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    fn topic(name: &str) -> serde_json::Value {
        json!({"name": name, "phrases": ["refund"], "reply": "Please write to us."})
    }

    #[test]
    fn nothing_set_is_the_platforms_settings() {
        let settings = parse(json!({})).unwrap();
        assert_eq!(settings, AnswerSettings::default());
        assert!(settings.crisis.hand_over);
        let written = serde_json::to_value(&settings).unwrap();
        assert_eq!(
            written,
            json!({"relevance": "balanced", "crisis": {"hand_over": true}, "topics": []})
        );
        assert_eq!(
            parse(written).unwrap(),
            settings,
            "what is stored reads back"
        );
    }

    #[test]
    fn what_lies_outside_the_bounds_is_refused_with_the_bounds() {
        let topics: Vec<_> = (0..21).map(|n| topic(&n.to_string())).collect();
        for (value, expected) in [
            (json!({"passages": 11}), "between 1 and 10"),
            (json!({"max_answer_tokens": 513}), "between 64 and 512"),
            (json!({"temperature": 1.1}), "between 0 and 1"),
            (json!({"temperature": -0.1}), "between 0 and 1"),
            (json!({"relevance": "exact"}), "unknown variant"),
            (json!({"top_p": 1}), "unknown field"),
            (json!({"topics": topics}), "at most 20 topics"),
            (
                json!({"topics": [topic("Money"), topic("money")]}),
                "same name",
            ),
            (
                json!({"topics": [{"name": "a", "phrases": [], "reply": "b"}]}),
                "1 to 50 phrases",
            ),
            (
                json!({"topics": [{"name": "a", "phrases": ["?!"], "reply": "b"}]}),
                "at least one word",
            ),
        ] {
            let error = parse(value.clone()).unwrap_err();
            assert!(error.contains(expected), "{value}: {error}");
        }
    }
}
