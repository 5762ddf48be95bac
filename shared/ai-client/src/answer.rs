//! A question and the events of its answer.

use serde::{Deserialize, Serialize};
use shared_models::text::MultiLine;
use shared_models::{ChunkId, DocumentId, GenerationId};
use utoipa::ToSchema;

/// How an answer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerMode {
    /// The chat model writes it from what was found.
    Generative,
    /// The best passages word for word, quoted and cited; no model call.
    Extractive,
    /// Generative; extractive, marked as such, while the chat model is away or overloaded.
    Auto,
}

impl AnswerMode {
    /// The word on the wire and in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generative => "generative",
            Self::Extractive => "extractive",
            Self::Auto => "auto",
        }
    }
}

/// The word names no mode.
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
    /// What is asked, 1 to 4000 characters.
    pub question: MultiLine<4000>,
    /// How to answer; the platform's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<AnswerMode>,
    /// The turns before, oldest first; at most 20 are looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub history: Vec<Turn>,
    /// Passages to answer from, 1 to 10; 4 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10)]
    pub passages: Option<u8>,
}

/// One turn of the conversation so far.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Who spoke.
    pub role: TurnRole,
    /// What was said.
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

/// A passage that an answer rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// The number by which the answer cites it: `[n]`.
    pub number: u32,
    /// The document.
    pub document_id: DocumentId,
    /// The document's title.
    pub title: String,
    /// The passage.
    pub chunk_id: ChunkId,
    /// Its place in the document, from 0.
    pub ordinal: i32,
    /// The heading above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading: Option<String>,
    /// Its text.
    pub text: String,
    /// Fused rank of meaning and words; larger is better.
    pub score: f64,
}

/// One event of the stream: `sources` first, then `token`s, `done` or `error` last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "event", content = "data")]
pub enum AnswerEvent {
    /// What the answer rests on; empty when nothing was found.
    Sources(Vec<Source>),
    /// More text.
    Token(Token),
    /// The end.
    Done(Done),
    /// The end, by failure; text already sent stays and is incomplete.
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
    /// How it was made in the end.
    pub mode: AnswerMode,
    /// True when it should have been generative and the chat model was away.
    pub fell_back: bool,
    /// Numbers of the sources that the text cites.
    pub citations: Vec<u32>,
    /// What it cost.
    pub usage: Usage,
}

/// Counted by the model, never estimated; zero where no model was called.
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
    /// A stable word.
    pub code: String,
    /// For a person.
    pub message: String,
}
