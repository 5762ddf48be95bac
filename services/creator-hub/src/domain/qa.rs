//! Question-and-answer pairs: as they are stored, written and selected.

pub(crate) mod table;

use std::fmt;

use jiff::Timestamp;
use shared_models::limits::{QA_ANSWER, QA_QUESTION, QA_QUESTIONS};
use shared_models::text::{MultiLine, SingleLine};
use shared_models::words::{KEY_BYTES, question_key};
use shared_models::{CollectionId, QaPairId, Visibility};
use uuid::Uuid;

/// Most collections that a pair is in.
pub(crate) const MAX_COLLECTIONS: usize = 20;

/// A question as it is written.
pub(crate) type QuestionText = SingleLine<QA_QUESTION>;
/// An answer as it is written.
pub(crate) type AnswerText = MultiLine<QA_ANSWER>;
/// What two questions have in common if they are the same.
pub(crate) type QuestionKey = [u8; KEY_BYTES];

/// A question of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PairQuestion {
    pub(crate) text: String,
    pub(crate) key: QuestionKey,
}

/// The questions of a pair: at least one, none twice, the first one is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Questions(Vec<PairQuestion>);

/// Why questions are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadQuestions {
    /// One has no word, or there is none.
    NoWord,
    TooMany,
}

impl fmt::Display for BadQuestions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWord => f.write_str("must have a word"),
            Self::TooMany => write!(f, "a pair may have {QA_QUESTIONS} questions"),
        }
    }
}

impl Questions {
    /// Takes the questions of a pair; one that is there already is left out.
    pub(crate) fn of(texts: impl IntoIterator<Item = QuestionText>) -> Result<Self, BadQuestions> {
        let mut questions: Vec<PairQuestion> = Vec::new();
        for text in texts {
            let key = question_key(text.as_str()).ok_or(BadQuestions::NoWord)?;
            if questions.iter().all(|known| known.key != key) {
                let text = text.into();
                questions.push(PairQuestion { text, key });
            }
        }
        match questions.len() {
            0 => Err(BadQuestions::NoWord),
            1..=QA_QUESTIONS => Ok(Self(questions)),
            _ => Err(BadQuestions::TooMany),
        }
    }

    /// Them, the first one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &PairQuestion> {
        self.0.iter()
    }

    /// The one that is shown, and the others.
    pub(crate) fn split(&self) -> (String, Vec<String>) {
        let mut texts = self.0.iter().map(|question| question.text.clone());
        (texts.next().unwrap_or_default(), texts.collect())
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = QuestionKey> {
        self.0.iter().map(|question| question.key)
    }
}

/// What people write of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PairContent {
    pub(crate) questions: Questions,
    pub(crate) answer: String,
    pub(crate) visibility: Visibility,
    pub(crate) collections: Vec<CollectionId>,
}

/// A pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredPair {
    pub(crate) id: QaPairId,
    pub(crate) content: PairContent,
    /// Rises with each change.
    pub(crate) revision: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// The fields to change; an absent field stays unchanged.
#[derive(Debug, Clone, Default)]
pub(crate) struct PairChange {
    pub(crate) question: Option<QuestionText>,
    pub(crate) other_questions: Option<Vec<QuestionText>>,
    pub(crate) answer: Option<AnswerText>,
    pub(crate) visibility: Option<Visibility>,
    pub(crate) collections: Option<Vec<CollectionId>>,
}

impl PairChange {
    /// The pair after the change.
    pub(crate) fn apply(self, old: PairContent) -> Result<PairContent, BadQuestions> {
        let mut known = old.questions.0.into_iter().map(|question| question.text);
        let first = known.next().unwrap_or_default();
        let texts = |all: Vec<String>| -> Vec<QuestionText> {
            let parsed = all.iter().filter_map(|text| QuestionText::parse(text).ok());
            parsed.collect()
        };
        let mut questions = match self.question {
            Some(question) => vec![question],
            None => texts(vec![first]),
        };
        questions.extend(match self.other_questions {
            Some(others) => others,
            None => texts(known.collect()),
        });
        Ok(PairContent {
            questions: Questions::of(questions)?,
            answer: self.answer.map_or(old.answer, String::from),
            visibility: self.visibility.unwrap_or(old.visibility),
            collections: self.collections.unwrap_or(old.collections),
        })
    }
}

/// The filters and the position of a page of pairs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PairSelection<'a> {
    /// In a question or the answer, in whatever case.
    pub(crate) text: Option<&'a str>,
    pub(crate) collection: Option<CollectionId>,
    /// The last pair of the previous page.
    pub(crate) after: Option<Uuid>,
    pub(crate) limit: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions(texts: &[&str]) -> Result<Vec<String>, BadQuestions> {
        let parsed = texts.iter().map(|text| QuestionText::parse(text).unwrap());
        let questions = Questions::of(parsed)?;
        Ok(questions.iter().map(|q| q.text.clone()).collect())
    }

    #[test]
    fn a_question_that_is_there_already_is_left_out() {
        let kept = questions(&["How much is it?", "how much  is it", "What does it cost?"]);
        assert_eq!(kept.unwrap(), ["How much is it?", "What does it cost?"]);
        assert_eq!(questions(&["?!"]), Err(BadQuestions::NoWord));
        assert_eq!(questions(&[]), Err(BadQuestions::NoWord));
        let many: Vec<String> = (0..11).map(|n| format!("Question {n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(questions(&many), Err(BadQuestions::TooMany));
    }

    #[test]
    fn what_is_absent_stays() {
        let parse = |text| QuestionText::parse(text).unwrap();
        let old = PairContent {
            questions: Questions::of([parse("One?"), parse("Two?")]).unwrap(),
            answer: "A".to_owned(),
            visibility: Visibility::Internal,
            collections: vec![CollectionId::new()],
        };
        let same = PairChange::default().apply(old.clone()).unwrap();
        assert_eq!(same, old);
        let change = PairChange {
            question: Some(parse("Three?")),
            ..PairChange::default()
        };
        let texts = |content: &PairContent| -> Vec<String> {
            content.questions.iter().map(|q| q.text.clone()).collect()
        };
        let changed = change.apply(old.clone()).unwrap();
        assert_eq!(texts(&changed), ["Three?", "Two?"]);
        let change = PairChange {
            other_questions: Some(Vec::new()),
            ..PairChange::default()
        };
        assert_eq!(texts(&change.apply(old).unwrap()), ["One?"]);
    }
}
