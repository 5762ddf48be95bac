//! A conversation, and who takes part in it.

use std::str::FromStr;

use shared_models::{ConversationId, CreatorId};

use super::UnknownName;

/// Identifies a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConversationKey {
    pub(crate) creator: CreatorId,
    pub(crate) conversation: ConversationId,
}

/// Who replies to the visitor. The database column and the API field are called `owner`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandledBy {
    Bot,
    /// Nobody yet: the visitor waits for a person.
    Waiting,
    Human,
    /// Nobody any more: the conversation is over.
    Closed,
}

impl HandledBy {
    /// The stored name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Waiting => "waiting",
            Self::Human => "human",
            Self::Closed => "closed",
        }
    }
}

impl FromStr for HandledBy {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "bot" => Ok(Self::Bot),
            "waiting" => Ok(Self::Waiting),
            "human" => Ok(Self::Human),
            "closed" => Ok(Self::Closed),
            _ => Err(UnknownName),
        }
    }
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageRole {
    User,
    Assistant,
}

impl MessageRole {
    /// The stored name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

impl FromStr for MessageRole {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "user" => Ok(Self::User),
            "assistant" => Ok(Self::Assistant),
            _ => Err(UnknownName),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HandledBy, MessageRole};

    #[test]
    fn stored_names_parse_back() {
        for handler in [
            HandledBy::Bot,
            HandledBy::Waiting,
            HandledBy::Human,
            HandledBy::Closed,
        ] {
            assert_eq!(handler.as_str().parse(), Ok(handler));
        }
        for role in [MessageRole::User, MessageRole::Assistant] {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("Bot".parse::<HandledBy>().is_err());
        assert!("".parse::<MessageRole>().is_err());
    }
}
