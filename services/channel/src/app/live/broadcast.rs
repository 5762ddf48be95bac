//! Delivers events to the sockets of a conversation: directly to those of this process, through
//! the relay to those of other processes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use shared_cache::{Cache, Key};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::relay::Relay;
use crate::domain::conversation::ConversationKey;
use crate::domain::frame::{CitedSource, ServerFrame};
use crate::store::messages::MessageRow;

/// Events queued for one socket. A socket that falls further behind is closed; its client resumes.
const QUEUE_CAPACITY: usize = 256;

/// An event for the sockets of a conversation.
#[derive(Debug, Clone)]
pub(crate) enum Signal {
    /// A step towards the answer to question `reply_to`. It is not stored, so a socket that misses
    /// it never shows it.
    Ephemeral { reply_to: i64, json: Utf8Bytes },
    /// A stored message and the question that it answers, or 0.
    Stored {
        seq: i64,
        reply_to: i64,
        json: Utf8Bytes,
    },
    /// Events may have been lost: read the messages from the database.
    Resync,
}

impl Signal {
    fn ephemeral(reply_to: i64, frame: &ServerFrame<'_>) -> Self {
        Self::Ephemeral {
            reply_to,
            json: frame.to_json().into(),
        }
    }

    fn stored(message: &MessageRow) -> Self {
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

/// Delivers the events of all conversations that have sockets or answers in this process.
#[derive(Clone)]
pub(crate) struct Broadcaster {
    conversations: Conversations,
    relay: Relay,
    next_socket: Arc<AtomicU64>,
}

/// The conversations of this process, shared with the relay.
#[derive(Clone, Default)]
pub(crate) struct Conversations(Arc<Mutex<HashMap<ConversationKey, LiveConversation>>>);

#[derive(Default)]
struct LiveConversation {
    sockets: Vec<(u64, Sender<Signal>)>,
    pending_answer: Option<PendingAnswer>,
}

/// The answer so far, for sockets that connect while it is generated.
#[derive(Default)]
struct PendingAnswer {
    reply_to: i64,
    sources: Vec<CitedSource>,
    text: String,
}

impl Broadcaster {
    /// Connects to Redis when the first socket subscribes.
    pub(crate) fn new(cache: Cache) -> Self {
        let conversations = Conversations::default();
        Self {
            relay: Relay::start(cache, conversations.clone()),
            conversations,
            next_socket: Arc::default(),
        }
    }

    /// Subscribes a socket and returns the frames of the pending answer. `SocketSlots` has bounded
    /// the number of sockets before the upgrade.
    pub(crate) async fn subscribe(&self, key: ConversationKey) -> (Subscription, Vec<String>) {
        let socket = self.next_socket.fetch_add(1, Ordering::Relaxed);
        let (sender, queue) = mpsc::channel(QUEUE_CAPACITY);
        let answer_so_far = {
            let mut conversations = self.conversations.lock();
            let live = conversations.entry(key).or_default();
            live.sockets.push((socket, sender));
            live.pending_answer
                .as_ref()
                .map_or_else(Vec::new, PendingAnswer::frames)
        };
        let subscription = Subscription {
            broadcaster: self.clone(),
            key,
            socket,
            queue,
        };
        self.relay.subscribe(key).await;
        (subscription, answer_so_far)
    }

    /// Whether this process is generating an answer in that conversation.
    pub(crate) fn is_answering(&self, key: ConversationKey) -> bool {
        let conversations = self.conversations.lock();
        conversations
            .get(&key)
            .is_some_and(|live| live.pending_answer.is_some())
    }

    /// Announces that the answer to a question is being generated.
    pub(crate) fn start_answer(&self, key: ConversationKey, reply_to: i64) {
        let mut conversations = self.conversations.lock();
        let answer = PendingAnswer {
            reply_to,
            ..PendingAnswer::default()
        };
        conversations.entry(key).or_default().pending_answer = Some(answer);
        self.send(
            &mut conversations,
            key,
            reply_to,
            &ServerFrame::AiStart { reply_to },
        );
    }

    /// Repeats the announcement while the answer has no text yet.
    pub(crate) fn repeat_start(&self, key: ConversationKey) {
        let mut conversations = self.conversations.lock();
        let waiting = conversations
            .pending_answer(key)
            .filter(|answer| answer.text.is_empty())
            .map(|answer| answer.reply_to);
        if let Some(reply_to) = waiting {
            self.send(
                &mut conversations,
                key,
                reply_to,
                &ServerFrame::AiStart { reply_to },
            );
        }
    }

    /// Sends the sources of the pending answer.
    pub(crate) fn send_sources(
        &self,
        key: ConversationKey,
        reply_to: i64,
        sources: &[CitedSource],
    ) {
        let mut conversations = self.conversations.lock();
        if let Some(answer) = conversations.pending_answer(key) {
            answer.sources = sources.to_vec();
        }
        self.send(
            &mut conversations,
            key,
            reply_to,
            &ServerFrame::AiSources { reply_to, sources },
        );
    }

    /// Sends the next piece of the pending answer.
    pub(crate) fn send_delta(&self, key: ConversationKey, reply_to: i64, text: &str) {
        let mut conversations = self.conversations.lock();
        if let Some(answer) = conversations.pending_answer(key) {
            answer.text.push_str(text);
        }
        self.send(
            &mut conversations,
            key,
            reply_to,
            &ServerFrame::AiDelta { reply_to, text },
        );
    }

    /// Forgets the pending answer. The stored message or a failure is sent separately.
    pub(crate) fn end_answer(&self, key: ConversationKey) {
        let mut conversations = self.conversations.lock();
        if let Some(live) = conversations.get_mut(&key) {
            live.pending_answer = None;
            if live.sockets.is_empty() {
                conversations.remove(&key);
            }
        }
    }

    /// Reports that a question could not be answered.
    pub(crate) fn send_failure(
        &self,
        key: ConversationKey,
        reply_to: i64,
        frame: &ServerFrame<'_>,
    ) {
        self.send(&mut self.conversations.lock(), key, reply_to, frame);
    }

    /// Sends a committed message.
    pub(crate) fn send_stored(&self, key: ConversationKey, message: &MessageRow) {
        let signal = Signal::stored(message);
        self.conversations.lock().deliver(key, &signal);
        self.relay.publish(key, signal);
    }

    fn send(
        &self,
        conversations: &mut LockedConversations<'_>,
        key: ConversationKey,
        reply_to: i64,
        frame: &ServerFrame<'_>,
    ) {
        let signal = Signal::ephemeral(reply_to, frame);
        conversations.deliver(key, &signal);
        self.relay.publish(key, signal);
    }

    fn unsubscribe(&self, key: ConversationKey, socket: u64) {
        let mut conversations = self.conversations.lock();
        let Some(live) = conversations.get_mut(&key) else {
            return;
        };
        live.sockets.retain(|(other, _)| *other != socket);
        if live.sockets.is_empty() {
            self.relay.unsubscribe(key);
            if live.pending_answer.is_none() {
                conversations.remove(&key);
            }
        }
    }
}

impl PendingAnswer {
    fn frames(&self) -> Vec<String> {
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
struct LockedConversations<'a>(MutexGuard<'a, HashMap<ConversationKey, LiveConversation>>);

impl Conversations {
    fn lock(&self) -> LockedConversations<'_> {
        LockedConversations(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Delivers another process's event to the sockets of this process.
    pub(crate) fn deliver(&self, key: ConversationKey, signal: &Signal) {
        self.lock().deliver(key, signal);
    }

    /// Whether the conversation has sockets in this process.
    pub(crate) fn has_sockets(&self, key: ConversationKey) -> bool {
        let conversations = self.lock();
        conversations
            .get(&key)
            .is_some_and(|live| !live.sockets.is_empty())
    }

    /// The conversations that have sockets in this process.
    pub(crate) fn with_sockets(&self) -> Vec<ConversationKey> {
        let conversations = self.lock();
        conversations
            .iter()
            .filter(|(_, live)| !live.sockets.is_empty())
            .map(|(key, _)| *key)
            .collect()
    }
}

impl LockedConversations<'_> {
    /// Drops the sender of a full queue: its socket sees the end of the queue and closes.
    fn deliver(&mut self, key: ConversationKey, signal: &Signal) {
        if let Some(live) = self.0.get_mut(&key) {
            live.sockets
                .retain(|(_, queue)| queue.try_send(signal.clone()).is_ok());
        }
    }

    fn pending_answer(&mut self, key: ConversationKey) -> Option<&mut PendingAnswer> {
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

/// A socket's subscription to a conversation; dropping it unsubscribes.
pub(crate) struct Subscription {
    broadcaster: Broadcaster,
    key: ConversationKey,
    socket: u64,
    queue: Receiver<Signal>,
}

impl Subscription {
    /// The next event, or `None` when the socket has fallen too far behind.
    pub(crate) async fn next(&mut self) -> Option<Signal> {
        self.queue.recv().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.broadcaster.unsubscribe(self.key, self.socket);
    }
}
