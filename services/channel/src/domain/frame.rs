//! What a widget and this service say to each other: one JSON object a frame.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_ai_client::{AnswerMode, Source};
use shared_models::text::MultiLine;
use shared_models::{ConversationId, DocumentId};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a widget says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ClientFrame {
    /// A question. Repeating one with the same id has no second effect.
    UserMessage {
        /// Chosen by the client.
        client_msg_id: Uuid,
        /// What is said.
        content: MultiLine<2000>,
    },
    /// Answer the last question again, after that failed.
    Retry,
    /// Is anybody there?
    Ping,
}

/// A passage that an answer rests on, as a visitor and an inbox see it: the passage itself stays
/// with the creator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SourceLine {
    /// The number by which the answer cites it: `[n]`.
    pub(crate) number: u32,
    /// The document.
    pub(crate) document_id: DocumentId,
    /// The document's title.
    pub(crate) title: String,
    /// The heading above the passage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) heading: Option<String>,
    /// Whether the answer cites it.
    pub(crate) cited: bool,
}

impl SourceLine {
    /// The line of a source.
    pub(crate) fn of(source: &Source, citations: &[u32]) -> Self {
        Self {
            number: source.number,
            document_id: source.document_id,
            title: source.title.clone(),
            heading: source.heading.clone(),
            cited: citations.contains(&source.number),
        }
    }
}

/// What this service says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ServerFrame<'a> {
    /// First of all: where the conversation stands. Without `recovered`, the client clears its
    /// view, since what follows are the last messages and not all that it missed.
    Status {
        message: &'static str,
        conversation_id: ConversationId,
        last_seq: i64,
        recovered: bool,
        answering: bool,
    },
    /// A stored turn of the visitor, for the other sockets and for a resume.
    UserMessage {
        seq: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        client_msg_id: Option<Uuid>,
        content: &'a str,
        created_at: Timestamp,
    },
    /// The message is stored.
    Ack { client_msg_id: Uuid, seq: i64 },
    /// The assistant is at it; repeated until the first word.
    AiStart { reply_to: i64 },
    /// What the answer will rest on.
    AiSources {
        reply_to: i64,
        sources: &'a [SourceLine],
    },
    /// More text.
    AiDelta { reply_to: i64, text: &'a str },
    /// The whole answer, stored.
    AiResponse {
        seq: i64,
        reply_to: Option<i64>,
        content: &'a str,
        sources: &'a [SourceLine],
        mode: Option<AnswerMode>,
        fell_back: bool,
        created_at: Timestamp,
    },
    /// Something failed; the connection goes on.
    Error(ErrorFrame<'a>),
    /// Yes.
    Pong,
}

/// What failed, and for which message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorFrame<'a> {
    /// A stable word.
    pub(crate) code: &'a str,
    /// For a person.
    pub(crate) message: &'a str,
    /// The message that was not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_msg_id: Option<Uuid>,
    /// The stored question that was not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<i64>,
    /// Seconds after which another try makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
}

impl ServerFrame<'_> {
    /// The frame as text, made once for all sockets.
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::ClientFrame;

    #[test]
    fn a_client_frame_is_one_of_three() {
        let parse = |text: &str| serde_json::from_str::<ClientFrame>(text);
        assert_eq!(parse(r#"{"type":"ping"}"#).unwrap(), ClientFrame::Ping);
        assert_eq!(parse(r#"{"type":"retry"}"#).unwrap(), ClientFrame::Retry);
        let id = "0190a0a0-0000-7000-8000-000000000000";
        let message =
            format!(r#"{{"type":"user_message","client_msg_id":"{id}","content":" x "}}"#);
        let ClientFrame::UserMessage { content, .. } = parse(&message).unwrap() else {
            panic!("another frame");
        };
        assert_eq!(content.as_str(), "x");
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"type":"shout"}"#,
            r#"{"type":"user_message","content":"x"}"#,
            r#"{"type":"user_message","client_msg_id":"1","content":"x"}"#,
            &message.replace(" x ", ""),
            &message.replace(" x ", &"x".repeat(2001)),
            &message.replace("\"type\"", "\"creator_id\":\"x\",\"type\""),
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
