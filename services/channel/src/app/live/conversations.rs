//! The conversations of this process that have sockets or a pending answer, and the events that
//! their sockets receive.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use shared_cache::Key;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use crate::domain::conversation::ConversationKey;
use crate::domain::frame::{CitedSource, ServerFrame};
use crate::store::messages::MessageRow;

/// An event for the sockets of a conversation.
#[derive(Debug, Clone)]
pub(super) enum Signal {
    /// A step towards the answer to question `reply_to`. It is not stored, so a socket that misses
    /// it never shows it.
    Ephemeral { reply_to: i64, json: Utf8Bytes },
    /// A stored message and the question that it answers, or 0.
    Stored {
        seq: i64,
        reply_to: i64,
        json: Utf8Bytes,
    },
    /// A visitor stops the answer to question `reply_to`. It is for the process that generates the
    /// answer, not for sockets.
    Stop { reply_to: i64 },
    /// Events may have been lost: read the messages from the database.
    Resync,
}

impl Signal {
    pub(super) fn ephemeral(reply_to: i64, frame: &ServerFrame<'_>) -> Self {
        Self::Ephemeral {
            reply_to,
            json: frame.to_json().into(),
        }
    }

    pub(super) fn stored(message: &MessageRow) -> Self {
        Self::Stored {
            seq: message.seq,
            reply_to: message.reply_to.unwrap_or(0),
            json: message.to_json().into(),
        }
    }
}

/// The Redis topic of a conversation's events.
pub(super) fn redis_topic(key: ConversationKey) -> Key {
    Key::conversation_events(key.creator, key.conversation)
}

/// The conversations of this process, shared with the relay.
#[derive(Clone, Default)]
pub(super) struct Conversations(Arc<Mutex<HashMap<ConversationKey, LiveConversation>>>);

#[derive(Default)]
pub(super) struct LiveConversation {
    pub(super) sockets: Vec<(u64, Sender<Signal>)>,
    pub(super) pending_answer: Option<PendingAnswer>,
}

/// The answer so far, for sockets that connect while it is generated.
#[derive(Default)]
pub(super) struct PendingAnswer {
    pub(super) reply_to: i64,
    pub(super) sources: Vec<CitedSource>,
    pub(super) text: String,
    /// Cancelled when the visitor stops the answer.
    pub(super) stopped: CancellationToken,
}

impl PendingAnswer {
    pub(super) fn frames(&self) -> Vec<String> {
        let reply_to = self.reply_to;
        let mut frames = vec![ServerFrame::AiStart { reply_to }.to_json()];
        if !self.sources.is_empty() {
            let sources = &self.sources[..];
            frames.push(ServerFrame::AiSources { reply_to, sources }.to_json());
        }
        if !self.text.is_empty() {
            let text = &self.text;
            frames.push(ServerFrame::AiDelta { reply_to, text }.to_json());
        }
        frames
    }
}

/// The conversations while they are locked. Never held across an await.
pub(super) struct LockedConversations<'a>(
    MutexGuard<'a, HashMap<ConversationKey, LiveConversation>>,
);

impl Conversations {
    pub(super) fn lock(&self) -> LockedConversations<'_> {
        LockedConversations(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Delivers another process's event to the sockets of this process.
    pub(super) fn deliver(&self, key: ConversationKey, signal: &Signal) {
        self.lock().deliver(key, signal);
    }

    /// Whether the conversation has sockets or a pending answer in this process, so that the events
    /// of other processes concern it.
    pub(super) fn is_live(&self, key: ConversationKey) -> bool {
        self.lock().contains_key(&key)
    }

    /// The conversations that have sockets or a pending answer in this process.
    pub(super) fn live(&self) -> Vec<ConversationKey> {
        self.lock().keys().copied().collect()
    }
}

impl LockedConversations<'_> {
    /// Drops the sender of a full queue: its socket sees the end of the queue and closes.
    pub(super) fn deliver(&mut self, key: ConversationKey, signal: &Signal) {
        if let Signal::Stop { reply_to } = *signal {
            return self.stop_answer(key, reply_to);
        }
        if let Some(live) = self.0.get_mut(&key) {
            live.sockets
                .retain(|(_, queue)| queue.try_send(signal.clone()).is_ok());
        }
    }

    /// Without effect on the answer to another question, which the visitor may not have seen yet.
    fn stop_answer(&mut self, key: ConversationKey, reply_to: i64) {
        if let Some(answer) = self.pending_answer(key)
            && answer.reply_to == reply_to
        {
            answer.stopped.cancel();
        }
    }

    pub(super) fn pending_answer(&mut self, key: ConversationKey) -> Option<&mut PendingAnswer> {
        self.0.get_mut(&key)?.pending_answer.as_mut()
    }
}

impl std::ops::Deref for LockedConversations<'_> {
    type Target = HashMap<ConversationKey, LiveConversation>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for LockedConversations<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
