//! Exchanges the events of conversations with the other processes through Redis pub/sub. Without
//! Redis, each process still serves its own sockets, and the others read from the database.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Msg, RedisResult};
use serde::{Deserialize, Serialize};
use shared_cache::Cache;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{interval, timeout};
use uuid::Uuid;

use super::conversations::{Conversations, Signal, redis_topic};
use crate::domain::conversation::ConversationKey;

/// Events queued for Redis. More are dropped: every message can be read from the database.
const OUTGOING_CAPACITY: usize = 1024;
/// Longest wait of a new socket for the subscription to its conversation.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the connection is checked.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// Longest wait for Redis to reply to one command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause before a reconnect.
const RECONNECT_BACKOFF: Duration = Duration::from_secs(1);

/// What a process of an earlier version passes on to its sockets instead of stopping the answer:
/// a frame that widgets ignore.
const UNKNOWN_FRAME: &str = r#"{"type":"stop"}"#;

/// An event as it travels between processes. Two versions of the service exchange it during an
/// upgrade, so its field names are part of a protocol.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RelayedEvent {
    /// The sending process, which ignores its own events.
    from: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<i64>,
    /// Whether a visitor stops the answer to question `reply_to`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stop: bool,
    #[serde(rename = "line")]
    json: String,
}

impl RelayedEvent {
    /// `None` for a resync, which concerns one process only.
    fn new(from: Uuid, signal: Signal) -> Option<Self> {
        match signal {
            Signal::Ephemeral { reply_to, json } => Some(Self {
                from,
                seq: None,
                reply_to: Some(reply_to),
                stop: false,
                json: json.as_str().to_owned(),
            }),
            Signal::Stored {
                seq,
                reply_to,
                json,
            } => Some(Self {
                from,
                seq: Some(seq),
                reply_to: (reply_to != 0).then_some(reply_to),
                stop: false,
                json: json.as_str().to_owned(),
            }),
            Signal::Stop { reply_to } => Some(Self {
                from,
                seq: None,
                reply_to: Some(reply_to),
                stop: true,
                json: UNKNOWN_FRAME.to_owned(),
            }),
            Signal::Resync => None,
        }
    }

    fn into_signal(self) -> Signal {
        let reply_to = self.reply_to.unwrap_or(0);
        if self.stop {
            return Signal::Stop { reply_to };
        }
        let json = self.json.into();
        match self.seq {
            Some(seq) => Signal::Stored {
                seq,
                reply_to,
                json,
            },
            None => Signal::Ephemeral { reply_to, json },
        }
    }
}

enum Command {
    /// The sender, if any, is notified when the subscription is active.
    Subscribe(ConversationKey, Option<oneshot::Sender<()>>),
    Unsubscribe(ConversationKey),
}

/// The connection to the other processes.
#[derive(Clone)]
pub(crate) struct Relay {
    commands: mpsc::UnboundedSender<Command>,
    outgoing: mpsc::Sender<(ConversationKey, Signal)>,
}

impl Relay {
    /// Starts the two tasks; they end with the last clone of the relay.
    pub(crate) fn start(cache: Cache, conversations: Conversations) -> Self {
        let process = Uuid::new_v4();
        let (command_sender, commands) = mpsc::unbounded_channel();
        let (outgoing, queue) = mpsc::channel(OUTGOING_CAPACITY);
        tokio::spawn(publish_all(cache.clone(), process, queue));
        let listener = Listener {
            cache,
            conversations,
            process,
            subscribed: HashMap::new(),
        };
        tokio::spawn(listener.run(commands));
        Self {
            commands: command_sender,
            outgoing,
        }
    }

    /// Subscribes to a conversation. Returns when the subscription is active, or after a timeout
    /// if Redis is slow or unavailable.
    pub(crate) async fn subscribe(&self, key: ConversationKey) {
        let (done, subscribed) = oneshot::channel();
        if self
            .commands
            .send(Command::Subscribe(key, Some(done)))
            .is_ok()
        {
            let _ = timeout(SUBSCRIBE_TIMEOUT, subscribed).await;
        }
    }

    /// Subscribes to a conversation for an answer, which does not wait for it.
    pub(crate) fn follow(&self, key: ConversationKey) {
        let _ = self.commands.send(Command::Subscribe(key, None));
    }

    pub(crate) fn unsubscribe(&self, key: ConversationKey) {
        let _ = self.commands.send(Command::Unsubscribe(key));
    }

    /// Queues an event for the other processes; drops it when the queue is full.
    pub(crate) fn publish(&self, key: ConversationKey, signal: Signal) {
        let _ = self.outgoing.try_send((key, signal));
    }
}

/// Publishes in order. Logs only changes of availability, not every failed event.
async fn publish_all(
    cache: Cache,
    process: Uuid,
    mut queue: mpsc::Receiver<(ConversationKey, Signal)>,
) {
    let mut unavailable = false;
    while let Some((key, signal)) = queue.recv().await {
        let Some(event) = RelayedEvent::new(process, signal) else {
            continue;
        };
        let Ok(text) = serde_json::to_string(&event) else {
            continue;
        };
        let result = cache.publish(&redis_topic(key), &text).await;
        match (&result, unavailable) {
            (Err(error), false) => {
                tracing::warn!(%error, "Redis unavailable; other replicas receive no events");
            }
            (Ok(()), true) => {
                tracing::info!("Redis available again; other replicas receive events");
            }
            _ => {}
        }
        unavailable = result.is_err();
    }
}

/// Without a timeout, one connection that hangs would block every conversation.
async fn with_timeout<T>(call: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match timeout(COMMAND_TIMEOUT, call).await {
        Ok(result) => result,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

/// Waits before a reconnect and discards commands meanwhile, so that no socket waits for its
/// subscription. Returns `None` when the relay has been dropped.
async fn back_off(commands: &mut mpsc::UnboundedReceiver<Command>) -> Option<()> {
    let discard_all = async { while commands.recv().await.is_some() {} };
    timeout(RECONNECT_BACKOFF, discard_all)
        .await
        .err()
        .map(|_| ())
}

struct Listener {
    cache: Cache,
    conversations: Conversations,
    process: Uuid,
    /// By the name of the Redis topic.
    subscribed: HashMap<String, ConversationKey>,
}

impl Listener {
    /// Connects for the first socket or answer and reconnects whenever the connection ends.
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut reconnecting = false;
        while let Some(first_subscriber) = self.wait_for_subscriber(&mut commands).await {
            match self.connect(reconnecting).await {
                Ok((sink, stream)) => {
                    if let Some((key, done)) = first_subscriber {
                        self.confirm(key, done);
                    }
                    if self.listen(sink, stream, &mut commands).await.is_none() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "Redis unavailable; no events from other replicas");
                    drop(first_subscriber);
                    if back_off(&mut commands).await.is_none() {
                        return;
                    }
                }
            }
            reconnecting = true;
        }
    }

    /// Waits until a conversation is live. Returns `None` when the relay has been dropped.
    async fn wait_for_subscriber(
        &self,
        commands: &mut mpsc::UnboundedReceiver<Command>,
    ) -> Option<Option<(ConversationKey, Option<oneshot::Sender<()>>)>> {
        while self.conversations.live().is_empty() {
            if let Command::Subscribe(key, done) = commands.recv().await? {
                return Some(Some((key, done)));
            }
        }
        Some(None)
    }

    /// Connects and subscribes to all live conversations. After a reconnect, the sockets
    /// read what they have missed.
    async fn connect(&mut self, reconnecting: bool) -> RedisResult<(PubSubSink, PubSubStream)> {
        let (mut sink, stream) = with_timeout(self.cache.listen()).await?.split();
        self.subscribed.clear();
        for key in self.conversations.live() {
            let topic = self.cache.channel(&redis_topic(key));
            with_timeout(sink.subscribe(&topic)).await?;
            self.subscribed.insert(topic, key);
            if reconnecting {
                self.conversations.deliver(key, &Signal::Resync);
            }
        }
        Ok((sink, stream))
    }

    /// Notifies the subscriber. One that has stopped waiting must read what it missed until now.
    fn confirm(&self, key: ConversationKey, done: Option<oneshot::Sender<()>>) {
        if done.is_some_and(|done| done.send(()).is_err()) {
            self.conversations.deliver(key, &Signal::Resync);
        }
    }

    /// Handles commands and events until the connection ends. Returns `None` when the relay has
    /// been dropped.
    async fn listen(
        &mut self,
        mut sink: PubSubSink,
        mut stream: PubSubStream,
        commands: &mut mpsc::UnboundedReceiver<Command>,
    ) -> Option<()> {
        let mut ping = interval(PING_INTERVAL);
        ping.reset();
        loop {
            tokio::select! {
                command = commands.recv() => {
                    if self.apply(&mut sink, command?).await.is_err() {
                        return Some(());
                    }
                }
                message = stream.next() => match message {
                    Some(message) => self.on_message(&message),
                    None => return Some(()),
                },
                _ = ping.tick() => {
                    if with_timeout(sink.ping::<redis::Value>()).await.is_err() {
                        return Some(());
                    }
                }
            }
        }
    }

    /// A command may be outdated, so what decides is whether the conversation is live now.
    async fn apply(&mut self, sink: &mut PubSubSink, command: Command) -> RedisResult<()> {
        let (key, done) = match command {
            Command::Subscribe(key, done) => (key, done),
            Command::Unsubscribe(key) => (key, None),
        };
        let topic = self.cache.channel(&redis_topic(key));
        if self.conversations.is_live(key) {
            if let Entry::Vacant(entry) = self.subscribed.entry(topic) {
                with_timeout(sink.subscribe(entry.key())).await?;
                entry.insert(key);
            }
        } else if self.subscribed.remove(&topic).is_some() {
            with_timeout(sink.unsubscribe(&topic)).await?;
        }
        self.confirm(key, done);
        Ok(())
    }

    fn on_message(&self, message: &Msg) {
        let Some(key) = self.subscribed.get(message.get_channel_name()) else {
            return;
        };
        let Ok(event) = serde_json::from_slice::<RelayedEvent>(message.get_payload_bytes()) else {
            return;
        };
        if event.from != self.process {
            self.conversations.deliver(*key, &event.into_signal());
        }
    }
}
