//! Topics that a tenant has set apart: recognised by their phrases.

use serde::{Deserialize, Serialize};
use shared_models::text::SingleLine;

use super::settings::{TopicPolicy, Topics};
use crate::domain::tokenizer::{PhraseWord, phrase_words};

/// A phrase of a topic: at least one word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Phrase(SingleLine<100>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 100 characters and at least one word")]
pub(crate) struct NotAPhrase;

impl TryFrom<String> for Phrase {
    type Error = NotAPhrase;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let line = SingleLine::try_from(text).map_err(|_| NotAPhrase)?;
        let has_words = !phrase_words(line.as_str()).is_empty();
        has_words.then_some(Self(line)).ok_or(NotAPhrase)
    }
}

impl From<Phrase> for String {
    fn from(phrase: Phrase) -> Self {
        phrase.0.into()
    }
}

impl utoipa::PartialSchema for Phrase {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .min_length(Some(1))
            .max_length(Some(100))
            .into()
    }
}

impl utoipa::ToSchema for Phrase {}

impl Phrase {
    fn is_in(&self, question: &[PhraseWord]) -> bool {
        let phrase = phrase_words(self.0.as_str());
        question.windows(phrase.len()).any(|part| {
            part.iter()
                .zip(&phrase)
                .all(|(one, other)| one.matches(other))
        })
    }
}

/// The first topic that the question is about.
pub(crate) fn topic_of<'t>(question: &str, topics: &'t Topics) -> Option<&'t TopicPolicy> {
    let words = phrase_words(question);
    topics
        .iter()
        .find(|topic| topic.phrases.iter().any(|phrase| phrase.is_in(&words)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn topics(phrases: &[&str]) -> Topics {
        let topic = json!([{"name": "Set apart", "phrases": phrases, "reply": "Ask us."}]);
        serde_json::from_value(topic).unwrap()
    }

    #[test]
    fn a_phrase_is_recognised_however_it_is_written() {
        for (phrase, question) in [
            ("refund", "Can I get a REFUND?"),
            ("refund", "How do refunds work"),
            (
                "investment advice",
                "do you give investment\u{a0}advice, please",
            ),
            ("Rückerstattung", "Wie lange dauern Rückerstattungen?"),
            ("Ru\u{308}ckerstattung", "eine rückerstattung bitte"),
            ("devolución", "quiero una devolucion"),
            ("remboursement", "Des remboursements sont possibles ?"),
            ("rimborso", "Ｒｉｍｂｏｒｓｏ possibile?"),
            ("reembolso", "e os reembolsos?"),
            ("返金", "注文の返金はできますか"),
            ("退款", "请问可以退款吗？"),
            ("re\u{ad}fund", "a ref\u{200b}und"),
        ] {
            assert!(
                topic_of(question, &topics(&[phrase])).is_some(),
                "{phrase}: {question}"
            );
        }
    }

    #[test]
    fn other_words_are_not_the_phrase() {
        for (phrase, question) in [
            ("refund", "Do you fund refugees?"),
            ("organ", "How do I organize my week?"),
            ("investment advice", "Any advice on my investment in time?"),
            ("art", "How do I start a party?"),
            ("返金", "返事とお金"),
            ("sue", "Is Susan your coach?"),
        ] {
            assert!(
                topic_of(question, &topics(&[phrase])).is_none(),
                "{phrase}: {question}"
            );
        }
    }

    #[test]
    fn the_first_topic_decides() {
        let topic = |name: &str, phrase: &str| {
            let phrases = [phrase];
            json!({"name": name, "phrases": phrases, "reply": "Ask us."})
        };
        let both = json!([topic("money", "refund"), topic("law", "lawyer")]);
        let both: Topics = serde_json::from_value(both).unwrap();
        let name = |question| topic_of(question, &both).map(|topic| topic.name.as_str());
        assert_eq!(name("My lawyer wants a refund"), Some("money"));
        assert_eq!(name("My lawyer wants more"), Some("law"));
        assert_eq!(name(""), None);
    }
}
