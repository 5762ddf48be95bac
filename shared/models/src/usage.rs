//! The units in which an account's usage is counted.

use serde::{Deserialize, Serialize};

/// A kind of usage; its name says the unit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum UsageKind {
    /// Documents that were uploaded.
    DocumentsUploaded,
    /// Bytes of documents that were uploaded.
    BytesUploaded,
    /// Answers of the assistant, including incomplete ones.
    Answers,
    /// Tokens that the chat model read.
    PromptTokens,
    /// Tokens that the chat model wrote.
    CompletionTokens,
    /// Messages by end users.
    Messages,
}

impl UsageKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::DocumentsUploaded,
        Self::BytesUploaded,
        Self::Answers,
        Self::PromptTokens,
        Self::CompletionTokens,
        Self::Messages,
    ];

    /// The name in the database and in responses.
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

    /// The kind of that name.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
