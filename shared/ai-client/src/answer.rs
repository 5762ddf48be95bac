//! A question and the events of its answer.

use http::HeaderName;
use serde::{Deserialize, Serialize};
use shared_document::Position;
use shared_models::text::MultiLine;
use shared_models::{Bounded, ChunkId, CollectionId, DocumentId, GenerationId, Visibility};
use utoipa::ToSchema;

/// The header that names the visitor who asks: documents that are internal are left out, and how
/// much of a document one visitor is shown has a bound. Without it, a member of the account asks.
pub const VISITOR: HeaderName = HeaderName::from_static("visitor-id");
/// Most collections that a question or a search may name.
pub const MAX_COLLECTIONS: usize = 20;

/// How an answer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerMode {
    /// The chat model writes it from the retrieved passages.
    Generative,
    /// The best passages verbatim, quoted and cited; no model call.
    Extractive,
    /// Generative; extractive, marked as such, while the chat model is unavailable or overloaded.
    Auto,
}

impl AnswerMode {
    /// The name in requests and settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generative => "generative",
            Self::Extractive => "extractive",
            Self::Auto => "auto",
        }
    }
}

/// The text is not the name of a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be generative, extractive or auto")]
pub struct NotAMode;

impl std::str::FromStr for AnswerMode {
    type Err = NotAMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "generative" => Ok(Self::Generative),
            "extractive" => Ok(Self::Extractive),
            "auto" => Ok(Self::Auto),
            _ => Err(NotAMode),
        }
    }
}

/// Ask the creator's assistant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question, 1 to 4000 characters.
    pub question: MultiLine<4000>,
    /// How to answer; the platform's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<AnswerMode>,
    /// The previous turns, oldest first; only the last 20 are used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub history: Vec<ChatTurn>,
    /// What was said before those turns, 1 to 2000 characters. It helps to understand the question,
    /// and is no source of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<MultiLine<2000>>,
    /// Passages to answer from, 1 to 10; 4 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 10)]
    pub passages: Option<Bounded<1, 10>>,
    /// Only documents of these collections are used; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub collections: Vec<CollectionId>,
    /// Whether the stream can be resumed after a lost connection: the answer then goes on without
    /// its caller, until it is complete or cancelled, and its events are kept for two minutes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumable: bool,
}

/// One previous turn of the conversation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Turn)]
pub struct ChatTurn {
    /// Who spoke.
    pub role: TurnRole,
    /// The text.
    pub content: MultiLine<8000>,
}

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TurnRole {
    /// The end user.
    User,
    /// The creator's assistant.
    Assistant,
}

/// What a source is a part of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A document.
    #[default]
    Document,
    /// A question-and-answer pair.
    QaPair,
}

/// A passage that an answer is based on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// The number by which the answer cites it: `[n]`.
    pub number: u32,
    /// What it is a part of.
    #[serde(default)]
    pub kind: SourceKind,
    /// The document, or the question-and-answer pair.
    pub document_id: DocumentId,
    /// The document's title; of a pair, its question.
    pub title: String,
    /// Who may see the document or the pair.
    #[serde(default)]
    pub visibility: Visibility,
    /// The passage; of a pair, the pair itself.
    pub chunk_id: ChunkId,
    /// Its position in the document, from 0.
    pub ordinal: i32,
    /// The heading above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading: Option<String>,
    /// Where in the document's file it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Its text.
    pub text: String,
    /// Fused score of vector and keyword search; larger is better.
    pub score: f64,
}

/// One event of the stream: `sources` first, then `token`s, then `done` or `error`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "event", content = "data")]
pub enum AnswerEvent {
    /// The passages that the answer is based on; empty when nothing was found.
    Sources(Vec<Source>),
    /// More text.
    Token(Token),
    /// The answer is complete.
    Done(Done),
    /// The answer failed; text already sent is incomplete.
    Error(Failure),
}

/// More text of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Append it to what came before.
    pub text: String,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// The stored generation.
    pub generation_id: GenerationId,
    /// The mode in which it was made.
    pub mode: AnswerMode,
    /// True when it is extractive only because the chat model was unavailable or slow, or wrote
    /// nothing that the sources support.
    pub fell_back: bool,
    /// Why it fell back; absent if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fell_back_reason: Option<FellBackReason>,
    /// True when the answer reached the limit of its length, so that its end is missing.
    #[serde(default)]
    pub truncated: bool,
    /// Numbers of the sources that the text cites. The answer of a question-and-answer pair is
    /// given word for word and cites its source here alone. Only these are citations in the text;
    /// a number in brackets that belongs to the material is written `\[3\]`, as in Markdown.
    pub citations: Vec<u32>,
    /// Tokens used.
    pub usage: Usage,
    /// The model server that was asked; absent if no model was called, or none answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The chat model of that server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// True when that is not the preferred server, since those before it did not answer.
    #[serde(default)]
    pub fallback: bool,
    /// Why the preferred server did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_reason: Option<FallbackReason>,
    /// The policy of the account that decided the answer; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<AppliedPolicy>,
}

/// A policy that decided an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppliedPolicy {
    /// Which one.
    pub kind: PolicyKind,
    /// The name of the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Whether a person shall reply: the conversation then waits for one.
    pub hand_over: bool,
}

/// The policies that decide answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// The person seems to be in danger.
    Crisis,
    /// The account does not let its assistant answer this topic.
    Topic,
}

impl PolicyKind {
    /// The serialised text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crisis => "crisis",
            Self::Topic => "topic",
        }
    }
}

/// The text is not the name of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be crisis or topic")]
pub struct NotAPolicy;

impl std::str::FromStr for PolicyKind {
    type Err = NotAPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "crisis" => Ok(Self::Crisis),
            "topic" => Ok(Self::Topic),
            _ => Err(NotAPolicy),
        }
    }
}

/// Why a model server did not answer, so that another one was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FallbackReason {
    /// It had too much to do, or a limit of its account was reached.
    Overloaded,
    /// It failed.
    Failed,
    /// It did not answer in time.
    Timeout,
    /// It could not be reached.
    Unreachable,
    /// It refused the request: a wrong key, an unknown model, a missing Secret.
    Misconfigured,
    /// Its response was not one of its protocol.
    Malformed,
    /// The question exceeded the context window of its model.
    TooLong,
    /// A reason of another version.
    #[serde(other)]
    Other,
}

impl FallbackReason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Overloaded,
        Self::Failed,
        Self::Timeout,
        Self::Unreachable,
        Self::Misconfigured,
        Self::Malformed,
        Self::TooLong,
        Self::Other,
    ];

    /// The serialised text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Misconfigured => "misconfigured",
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::Other => "other",
        }
    }

    /// The reason of that text; `Other` for one that is not known.
    pub fn of_code(code: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|reason| reason.as_str() == code)
            .unwrap_or(Self::Other)
    }
}

/// Why an answer quotes its sources, although the chat model was to write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FellBackReason {
    /// The chat model has too much to do: the question would have waited too long, or did.
    Overloaded,
    /// The chat model cannot be reached, is missing, or has failed repeatedly.
    Unavailable,
    /// It wrote no sentence in time.
    Slow,
    /// It failed before it had written a sentence.
    Failed,
    /// The sources support nothing of what it wrote.
    Unsupported,
    /// A reason of another version.
    #[serde(other)]
    Other,
}

impl FellBackReason {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Overloaded,
        Self::Unavailable,
        Self::Slow,
        Self::Failed,
        Self::Unsupported,
        Self::Other,
    ];

    /// The reason of that text; `Other` for one that is not known.
    pub fn of_code(code: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|reason| reason.as_str() == code)
            .unwrap_or(Self::Other)
    }

    /// The serialised text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::Slow => "slow",
            Self::Failed => "failed",
            Self::Unsupported => "unsupported",
            Self::Other => "other",
        }
    }
}

/// Tokens as counted by the model, never estimated; zero without a model call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Tokens that the model read.
    pub prompt_tokens: u32,
    /// Tokens that the model wrote.
    pub completion_tokens: u32,
}

/// Why an answer ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// What went wrong.
    pub code: AnswerFailure,
    /// For a person.
    pub message: String,
}

/// Why an answer failed. The serialised text is the code that callers and widgets see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFailure {
    /// The model server is unavailable.
    DependencyUnavailable,
    /// The model server does not have the chat model.
    ModelMissing,
    /// The model server has too much to do.
    Overloaded,
    /// The question and its conversation exceed the model's context window.
    TooLong,
    /// The chat model failed.
    ModelFailed,
    /// The model server closed the stream early.
    StreamCut,
    /// The answer was cancelled by a request (`DELETE` of its record).
    Cancelled,
    /// A fault of the platform, or a code of another version.
    #[serde(other)]
    Internal,
}

impl AnswerFailure {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::DependencyUnavailable,
        Self::ModelMissing,
        Self::Overloaded,
        Self::TooLong,
        Self::ModelFailed,
        Self::StreamCut,
        Self::Cancelled,
        Self::Internal,
    ];

    /// The serialised text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DependencyUnavailable => "dependency_unavailable",
            Self::ModelMissing => "model_missing",
            Self::Overloaded => "overloaded",
            Self::TooLong => "too_long",
            Self::ModelFailed => "model_failed",
            Self::StreamCut => "stream_cut",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }

    /// The failure with that code; `Internal` for one that is not known.
    pub fn of_code(code: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|failure| failure.as_str() == code)
            .unwrap_or(Self::Internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_spelled_on_the_wire_as_it_is_stored_and_an_unknown_one_is_read() {
        for failure in AnswerFailure::ALL {
            assert_eq!(serde_json::to_value(failure).unwrap(), failure.as_str());
            assert_eq!(AnswerFailure::of_code(failure.as_str()), failure);
        }
        let later = r#"{"event":"error","data":{"code":"of a later version","message":"no"}}"#;
        let AnswerEvent::Error(failure) = serde_json::from_str(later).unwrap() else {
            panic!("another event");
        };
        assert_eq!(failure.code, AnswerFailure::Internal);
        assert_eq!(AnswerFailure::of_code("of a later version"), failure.code);
    }

    #[test]
    fn the_last_event_of_another_version_is_read() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let usage = r#"{"prompt_tokens":1,"completion_tokens":2}"#;
        let known = format!(
            r#"{{"generation_id":"{id}","mode":"extractive","fell_back":false,"citations":[1],
                "usage":{usage}"#
        );
        let older: Done = serde_json::from_str(&format!("{known}}}")).unwrap();
        assert!(!older.truncated);
        assert!(!older.fallback && older.server.is_none());
        assert_eq!(older.fell_back_reason, None);
        for (text, reason) in [
            ("overloaded", FellBackReason::Overloaded),
            ("of a later version", FellBackReason::Other),
        ] {
            let fell_back = format!("{known},\"fell_back_reason\":\"{text}\"}}");
            let done: Done = serde_json::from_str(&fell_back).unwrap();
            assert_eq!(done.fell_back_reason, Some(reason));
        }
        for reason in FellBackReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert_eq!(FellBackReason::of_code(reason.as_str()), reason);
        }
        for reason in FallbackReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert_eq!(FallbackReason::of_code(reason.as_str()), reason);
        }
        let newer = format!("{known},\"truncated\":true,\"unknown\":1}}");
        assert!(serde_json::from_str::<Done>(&newer).unwrap().truncated);
    }
}
