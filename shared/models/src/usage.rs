//! What an account uses, as its bills and limits count it.

use serde::{Deserialize, Serialize};

/// A kind of use, counted in the unit that its name says.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum UsageKind {
    /// Documents that were uploaded.
    DocumentsUploaded,
    /// Bytes of documents that were uploaded.
    BytesUploaded,
    /// Answers that the assistant gave or began.
    Answers,
    /// Tokens that the chat model read.
    PromptTokens,
    /// Tokens that the chat model wrote.
    CompletionTokens,
    /// Messages of the audience.
    Messages,
}

impl UsageKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::DocumentsUploaded,
        Self::BytesUploaded,
        Self::Answers,
        Self::PromptTokens,
        Self::CompletionTokens,
        Self::Messages,
    ];

    /// The word in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DocumentsUploaded => "documents_uploaded",
            Self::BytesUploaded => "bytes_uploaded",
            Self::Answers => "answers",
            Self::PromptTokens => "prompt_tokens",
            Self::CompletionTokens => "completion_tokens",
            Self::Messages => "messages",
        }
    }

    /// The kind of that word.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
