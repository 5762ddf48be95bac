//! The catalogue of events: what happened to a tenant's objects, for features that follow it.
//!
//! A payload has ids, counts and states; never a text, a name or an address of a person, because
//! events are kept and delivered long after the object is gone. A field may be added to a version
//! if it has a default. Any other change is a new version, and [`Event::decode`] then reads both.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ChannelId, ConversationId, DocumentId, MessageId, Quota, Role, UsageKind, UserId};

/// Declares the types of events. A name and a version are stored and never change their meaning.
macro_rules! catalogue {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, version $version:literal;)*) => {
        /// The type of an event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType {
            $($(#[$doc])* $variant,)*
        }

        impl EventType {
            /// All types.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The version in which this type is published.
            pub const fn version(self) -> i16 {
                match self { $(Self::$variant => $version,)* }
            }
        }

        /// An event with its payload.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Event {
            $($(#[$doc])* $variant($variant),)*
        }

        impl Event {
            /// The type.
            pub const fn event_type(&self) -> EventType {
                match self { $(Self::$variant(_) => EventType::$variant,)* }
            }

            /// The payload as it is stored.
            pub fn payload(&self) -> serde_json::Result<Value> {
                match self { $(Self::$variant(payload) => serde_json::to_value(payload),)* }
            }

            /// Reads a stored event.
            pub fn decode(
                name: &str,
                version: i16,
                payload: Value,
            ) -> Result<Self, UnreadableEvent> {
                match (name, version) {
                    $(($name, $version) => read(payload).map(Self::$variant),)*
                    $(($name, _) => Err(UnreadableEvent::UnknownVersion),)*
                    _ => Err(UnreadableEvent::UnknownType),
                }
            }
        }

        $(impl From<$variant> for Event {
            fn from(payload: $variant) -> Self {
                Self::$variant(payload)
            }
        })*
    };
}

catalogue! {
    /// A document was uploaded.
    DocumentUploaded = "document.uploaded", version 1;
    /// A document became searchable, for the first time or again.
    DocumentIndexed = "document.indexed", version 1;
    /// A document was deleted; its file and passages are being removed.
    DocumentDeleted = "document.deleted", version 1;
    /// A user became a member of the account.
    MemberJoined = "member.joined", version 1;
    /// A member has another role.
    MemberRoleChanged = "member.role_changed", version 1;
    /// A user is no longer a member.
    MemberRemoved = "member.removed", version 1;
    /// Something was used that is counted and that no other event tells of.
    UsageRecorded = "usage.recorded", version 1;
    /// An end user has written a message.
    MessageReceived = "message.received", version 1;
    /// A message of an end user was answered.
    MessageAnswered = "message.answered", version 1;
    /// An account has come near to one of its quotas, or has reached it.
    QuotaReached = "quota.reached", version 1;
}

/// See [`EventType::DocumentUploaded`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentUploaded {
    /// The document.
    pub document: DocumentId,
    /// Length of its file.
    pub bytes: i64,
}

/// See [`EventType::DocumentIndexed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentIndexed {
    /// The document.
    pub document: DocumentId,
    /// The version of the document that is searchable now.
    pub version: i32,
    /// Number of its passages.
    pub passages: i32,
}

/// See [`EventType::DocumentDeleted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentDeleted {
    /// The document.
    pub document: DocumentId,
    /// Length of its file.
    pub bytes: i64,
}

/// See [`EventType::MemberJoined`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberJoined {
    /// The member.
    pub user: UserId,
    /// The first role.
    pub role: Role,
}

/// See [`EventType::MemberRoleChanged`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRoleChanged {
    /// The member.
    pub user: UserId,
    /// The new role.
    pub role: Role,
}

/// See [`EventType::MemberRemoved`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRemoved {
    /// The former member.
    pub user: UserId,
}

/// See [`EventType::UsageRecorded`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecorded {
    /// What was used, and how much of it.
    pub used: BTreeMap<UsageKind, i64>,
}

/// See [`EventType::MessageReceived`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageReceived {
    /// The channel.
    pub channel: ChannelId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The message of the end user.
    pub message: MessageId,
}

/// See [`EventType::MessageAnswered`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageAnswered {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message with the answer.
    pub message: MessageId,
    /// The number within the conversation of the message that is answered.
    pub reply_to: i64,
}

/// See [`EventType::QuotaReached`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaReached {
    /// Which one.
    pub quota: Quota,
    /// Percent of it: 80 or 100.
    pub percent: u8,
    /// What the account uses, with the addition that was made.
    pub used: u64,
    /// What it may use.
    pub limit: u64,
}

impl UsageRecorded {
    /// These quantities, without those of zero; none if nothing is left.
    pub fn of(used: &[(UsageKind, i64)]) -> Option<Self> {
        let used: BTreeMap<_, _> = used.iter().copied().filter(|(_, q)| *q > 0).collect();
        (!used.is_empty()).then_some(Self { used })
    }
}

impl EventType {
    /// The type of that name; none for a type that only a newer version knows.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == name)
    }
}

/// Why a stored event cannot be read by this version.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEvent {
    /// Only a newer version knows this type.
    #[error("this version of the service does not know this type of event")]
    UnknownType,
    /// Only a newer version knows this version of the type.
    #[error("this version of the service does not know this version of the event")]
    UnknownVersion,
    /// The payload does not have the form of its type and version.
    #[error("the payload of the event is invalid: {0}")]
    Payload(#[from] serde_json::Error),
}

fn read<T: DeserializeOwned>(payload: Value) -> Result<T, UnreadableEvent> {
    Ok(serde_json::from_value(payload)?)
}

#[cfg(test)]
mod tests;
