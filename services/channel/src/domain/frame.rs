//! The frames of a widget's socket: one JSON object each. `web/widget/src/protocol.ts` is the
//! other end of this protocol.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_ai_client::{AnswerFailure, AnswerMode, Source, SourceKind};
use shared_document::Position;
use shared_models::text::MultiLine;
use shared_models::{ConversationId, DocumentId, Visibility};
use utoipa::ToSchema;
use uuid::Uuid;

/// A frame from a widget.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ClientFrame {
    /// A question. Repeating it with the same id has no further effect.
    UserMessage {
        client_msg_id: Uuid,
        content: MultiLine<2000>,
    },
    /// Requests an answer to the last question after a failure.
    Retry,
    /// Ends the answer to that question; what it said so far is kept.
    Stop {
        reply_to: i64,
    },
    Ping,
}

/// A source of an answer. Of its text, visitors see what the answer quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SourceLine)]
pub(crate) struct CitedSource {
    /// The number that the answer cites: `[n]`.
    pub(crate) number: u32,
    /// What it is a part of.
    #[serde(default)]
    pub(crate) kind: SourceKind,
    /// The source document, or the question-and-answer pair.
    pub(crate) document_id: DocumentId,
    /// The document's title; of a pair, its question.
    pub(crate) title: String,
    /// The heading above the passage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) heading: Option<String>,
    /// Where in the document's file the passage begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<Position>,
    /// Whether visitors may open the original.
    #[serde(default)]
    pub(crate) public: bool,
    /// Whether the answer cites this source.
    pub(crate) cited: bool,
}

impl CitedSource {
    /// Records which sources the finished answer cites.
    pub(crate) fn mark_cited(sources: &mut [Self], citations: &[u32]) {
        for source in sources {
            source.cited = citations.contains(&source.number);
        }
    }
}

impl From<Source> for CitedSource {
    /// The answer is not finished, so it does not cite the source yet.
    fn from(source: Source) -> Self {
        Self {
            number: source.number,
            kind: source.kind,
            document_id: source.document_id,
            title: source.title,
            heading: source.heading,
            position: source.position,
            // A pair has no original.
            public: source.visibility == Visibility::Public && source.kind == SourceKind::Document,
            cited: false,
        }
    }
}

/// A frame to a widget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ServerFrame<'a> {
    /// The first frame: the state of the conversation. Without `recovered`, the client clears its
    /// view, because the latest messages follow and not all that it missed.
    Status {
        message: &'static str,
        conversation_id: ConversationId,
        last_seq: i64,
        recovered: bool,
        answering: bool,
    },
    /// A stored message of the visitor, for the other sockets and after a reconnect.
    UserMessage {
        seq: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        client_msg_id: Option<Uuid>,
        content: &'a str,
        created_at: Timestamp,
    },
    /// The visitor's message is stored.
    Ack {
        client_msg_id: Uuid,
        seq: i64,
    },
    /// An answer is being generated; repeated until its first text.
    AiStart {
        reply_to: i64,
    },
    /// The sources of the answer, before its text.
    AiSources {
        reply_to: i64,
        sources: &'a [CitedSource],
    },
    /// The next piece of the answer.
    AiDelta {
        reply_to: i64,
        text: &'a str,
    },
    /// The stored answer: complete, or what it said when the visitor stopped it.
    AiResponse {
        seq: i64,
        reply_to: Option<i64>,
        content: &'a str,
        sources: &'a [CitedSource],
        mode: Option<AnswerMode>,
        fell_back: bool,
        truncated: bool,
        stopped: bool,
        created_at: Timestamp,
    },
    /// A failure; the connection stays open.
    Error(ErrorFrame<'a>),
    Pong,
}

/// A failure and the message that it concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorFrame<'a> {
    /// Stable and machine-readable.
    pub(crate) code: ErrorCode,
    /// Human-readable.
    pub(crate) message: &'a str,
    /// The message that was not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_msg_id: Option<Uuid>,
    /// The stored question that was not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<i64>,
    /// Seconds to wait before a retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
}

impl<'a> ErrorFrame<'a> {
    /// A failure that concerns no message.
    pub(crate) const fn new(code: ErrorCode, message: &'a str) -> Self {
        Self {
            code,
            message,
            client_msg_id: None,
            reply_to: None,
            retry_after: None,
        }
    }
}

/// What went wrong at a socket. Widgets read the serialised text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorCode {
    /// The frame is not a text.
    UnsupportedFrame,
    /// The frame is not one of the protocol.
    MalformedMessage,
    /// Too many frames, messages or questions.
    RateLimited,
    /// The account has used its messages of this month.
    QuotaExceeded,
    /// The last question is answered already.
    NothingToRetry,
    /// PostgreSQL or ai-engine does not answer.
    DependencyUnavailable,
    /// ai-engine refused the question.
    AnswerRefused,
    /// The answer ended before it was complete.
    AnswerInterrupted,
    /// The visitor stopped the answer before its first text.
    AnswerStopped,
    /// The answer took too long.
    AnswerTimeout,
    /// The answer is longer than what is stored.
    AnswerTooLong,
    /// A fault of the platform.
    Internal,
    /// What ai-engine reports of an answer that failed.
    #[serde(untagged)]
    Answer(AnswerFailure),
}

impl ServerFrame<'_> {
    /// Serialized once, for all sockets.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::ClientFrame;

    #[test]
    fn a_client_frame_has_one_of_four_types() {
        let parse = |text: &str| serde_json::from_str::<ClientFrame>(text);
        assert_eq!(parse(r#"{"type":"ping"}"#).unwrap(), ClientFrame::Ping);
        assert_eq!(parse(r#"{"type":"retry"}"#).unwrap(), ClientFrame::Retry);
        let stop = parse(r#"{"type":"stop","reply_to":7}"#).unwrap();
        assert_eq!(stop, ClientFrame::Stop { reply_to: 7 });
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
            r#"{"type":"stop"}"#,
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
