//! Delivers events to the sockets of a conversation: directly to those of this process, through
//! the relay to those of other processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shared_cache::Cache;
use tokio::sync::mpsc::{self, Receiver};
use tokio_util::sync::CancellationToken;

use super::conversations::{Conversations, LockedConversations, PendingAnswer, Signal};
use super::relay::Relay;
use crate::domain::conversation::ConversationKey;
use crate::domain::frame::{CitedSource, ServerFrame};
use crate::store::messages::MessageRow;

/// Events queued for one socket. A socket that falls further behind is closed; its client resumes.
const QUEUE_CAPACITY: usize = 256;

/// Delivers the events of all conversations that have sockets or answers in this process.
#[derive(Clone)]
pub(crate) struct Broadcaster {
    conversations: Conversations,
    relay: Relay,
    next_socket: Arc<AtomicU64>,
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

    /// Announces that the answer to a question is being generated. The token is cancelled when the
    /// visitor stops it.
    pub(crate) fn start_answer(&self, key: ConversationKey, reply_to: i64) -> CancellationToken {
        let mut conversations = self.conversations.lock();
        let answer = PendingAnswer {
            reply_to,
            ..PendingAnswer::default()
        };
        let stopped = answer.stopped.clone();
        conversations.entry(key).or_default().pending_answer = Some(answer);
        self.send(
            &mut conversations,
            key,
            reply_to,
            &ServerFrame::AiStart { reply_to },
        );
        // The visitor's socket may be in another process.
        self.relay.follow(key);
        stopped
    }

    /// Stops the answer to a question, whichever process generates it.
    pub(crate) fn stop_answer(&self, key: ConversationKey, reply_to: i64) {
        let signal = Signal::Stop { reply_to };
        self.conversations.lock().deliver(key, &signal);
        self.relay.publish(key, signal);
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
                self.relay.unsubscribe(key);
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
        if live.sockets.is_empty() && live.pending_answer.is_none() {
            conversations.remove(&key);
            self.relay.unsubscribe(key);
        }
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
    pub(super) async fn next(&mut self) -> Option<Signal> {
        self.queue.recv().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.broadcaster.unsubscribe(self.key, self.socket);
    }
}
