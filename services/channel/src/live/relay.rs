//! Carries what happens in a room to the other processes that show it, and theirs to us. Redis may
//! be lost: then each process tells its own sockets, and the database tells the rest.

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

use super::hub::{Room, Rooms, Signal};
use crate::domain::frame::ServerFrame;
use crate::store::messages::MessageRow;

/// Events that may wait for Redis; more are dropped, since the database has what matters.
const OUTGOING: usize = 1024;
/// Longest wait of a new socket for its room to be listened to.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a silent connection is asked whether it is still there.
const CHECK: Duration = Duration::from_secs(15);
/// Pause before the connection is made again.
const PAUSE: Duration = Duration::from_secs(1);

/// What one process tells the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Told {
    from: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<i64>,
    line: String,
}

impl Told {
    /// A stored message.
    pub(crate) fn stored(message: &MessageRow) -> Self {
        Self {
            from: Uuid::nil(),
            seq: Some(message.seq),
            reply_to: message.reply_to,
            line: message.line(),
        }
    }

    /// Something that passes on the way to the answer of a question.
    pub(crate) fn passing(reply_to: i64, frame: &ServerFrame<'_>) -> Self {
        Self {
            from: Uuid::nil(),
            seq: None,
            reply_to: Some(reply_to),
            line: frame.line(),
        }
    }

    /// The same for this process's own sockets.
    pub(crate) fn signal(&self) -> Signal {
        let (reply_to, line) = (self.reply_to.unwrap_or(0), self.line.clone().into());
        match self.seq {
            Some(seq) => Signal::Stored {
                seq,
                reply_to,
                line,
            },
            None => Signal::Passing { reply_to, line },
        }
    }
}

enum Wish {
    Attend(Room, oneshot::Sender<()>),
    Depart(Room),
}

/// The way to the other processes.
#[derive(Clone)]
pub(crate) struct Relay {
    wishes: mpsc::UnboundedSender<Wish>,
    outgoing: mpsc::Sender<(Room, Told)>,
}

impl Relay {
    /// Starts the two tasks; they end with the last clone of the relay.
    pub(crate) fn start(cache: Cache, rooms: Rooms) -> Self {
        let process = Uuid::new_v4();
        let (wishes, granting) = mpsc::unbounded_channel();
        let (outgoing, leaving) = mpsc::channel(OUTGOING);
        tokio::spawn(publish(cache.clone(), process, leaving));
        let listener = Listener {
            cache,
            rooms,
            process,
            channels: HashMap::new(),
        };
        tokio::spawn(listener.run(granting));
        Self { wishes, outgoing }
    }

    /// Listens to a room from now on; returns when it does, or when Redis is slow or away.
    pub(crate) async fn attend(&self, room: Room) {
        let (done, heard) = oneshot::channel();
        if self.wishes.send(Wish::Attend(room, done)).is_ok() {
            let _ = timeout(PATIENCE, heard).await;
        }
    }

    /// Listens no longer.
    pub(crate) fn depart(&self, room: Room) {
        let _ = self.wishes.send(Wish::Depart(room));
    }

    /// Tells the other processes, if that is possible now.
    pub(crate) fn tell(&self, room: Room, told: Told) {
        let _ = self.outgoing.try_send((room, told));
    }
}

/// Sends in order; says once that Redis is away, and once that it is back.
async fn publish(cache: Cache, process: Uuid, mut leaving: mpsc::Receiver<(Room, Told)>) {
    let mut away = false;
    while let Some((room, mut told)) = leaving.recv().await {
        told.from = process;
        let Ok(text) = serde_json::to_string(&told) else {
            continue;
        };
        let result = cache.publish(&room.key(), &text).await;
        match (&result, away) {
            (Err(error), false) => tracing::warn!(%error, "events do not reach other replicas"),
            (Ok(()), true) => tracing::info!("events reach other replicas again"),
            _ => {}
        }
        away = result.is_err();
    }
}

/// A connection that hangs must not hold up every room.
async fn in_time<T>(call: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match timeout(PAUSE, call).await {
        Ok(result) => result,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

/// Waits before the next try, and keeps nobody waiting for what cannot be had; none when the relay
/// itself has ended.
async fn pause(wished: &mut mpsc::UnboundedReceiver<Wish>) -> Option<()> {
    let ended = async { while wished.recv().await.is_some() {} };
    timeout(PAUSE, ended).await.err().map(|_| ())
}

struct Listener {
    cache: Cache,
    rooms: Rooms,
    process: Uuid,
    channels: HashMap<String, Room>,
}

impl Listener {
    /// Connects with the first room, and again whenever the connection ends.
    async fn run(mut self, mut wished: mpsc::UnboundedReceiver<Wish>) {
        let mut again = false;
        while let Some(waiting) = self.first_wish(&mut wished).await {
            match self.connect(again).await {
                Ok((sink, stream)) => {
                    if let Some((room, done)) = waiting {
                        self.tell_heard(room, &done);
                    }
                    if self.listen(sink, stream, &mut wished).await.is_none() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "events of other replicas do not arrive");
                    drop(waiting);
                    if pause(&mut wished).await.is_none() {
                        return;
                    }
                }
            }
            again = true;
        }
    }

    /// Waits for a socket, unless there is one; none when the relay itself has ended.
    async fn first_wish(
        &self,
        wished: &mut mpsc::UnboundedReceiver<Wish>,
    ) -> Option<Option<(Room, oneshot::Sender<()>)>> {
        while self.rooms.attended().is_empty() {
            if let Wish::Attend(room, done) = wished.recv().await? {
                return Some(Some((room, done)));
            }
        }
        Some(None)
    }

    /// Connects and listens to all rooms; after a lost connection, their sockets look for what
    /// they have missed.
    async fn connect(&mut self, again: bool) -> RedisResult<(PubSubSink, PubSubStream)> {
        let (mut sink, stream) = in_time(self.cache.listen()).await?.split();
        self.channels.clear();
        for room in self.rooms.attended() {
            let channel = self.cache.channel(&room.key());
            in_time(sink.subscribe(&channel)).await?;
            self.channels.insert(channel, room);
            if again {
                self.rooms.deliver(room, &Signal::Look);
            }
        }
        Ok((sink, stream))
    }

    /// Whoever has not waited until the room was listened to must look for what came before.
    fn tell_heard(&self, room: Room, done: &oneshot::Sender<()>) {
        if done.is_closed() {
            self.rooms.deliver(room, &Signal::Look);
        }
    }

    /// Listens until the connection ends; none when the relay itself has ended.
    async fn listen(
        &mut self,
        mut sink: PubSubSink,
        mut stream: PubSubStream,
        wished: &mut mpsc::UnboundedReceiver<Wish>,
    ) -> Option<()> {
        let mut check = interval(CHECK);
        check.reset();
        loop {
            tokio::select! {
                wish = wished.recv() => {
                    if self.grant(&mut sink, wish?).await.is_err() {
                        return Some(());
                    }
                }
                message = stream.next() => match message {
                    Some(message) => self.hear(&message),
                    None => return Some(()),
                },
                _ = check.tick() => {
                    if in_time(sink.ping::<redis::Value>()).await.is_err() {
                        return Some(());
                    }
                }
            }
        }
    }

    /// A wish may be out of date by now, so what counts is whether the room has sockets.
    async fn grant(&mut self, sink: &mut PubSubSink, wish: Wish) -> RedisResult<()> {
        let (room, done) = match wish {
            Wish::Attend(room, done) => (room, Some(done)),
            Wish::Depart(room) => (room, None),
        };
        let channel = self.cache.channel(&room.key());
        if self.rooms.is_attended(room) {
            if let Entry::Vacant(free) = self.channels.entry(channel) {
                in_time(sink.subscribe(free.key())).await?;
                free.insert(room);
            }
        } else if self.channels.remove(&channel).is_some() {
            in_time(sink.unsubscribe(&channel)).await?;
        }
        if let Some(done) = done {
            self.tell_heard(room, &done);
        }
        Ok(())
    }

    fn hear(&self, message: &Msg) {
        let Some(room) = self.channels.get(message.get_channel_name()) else {
            return;
        };
        let told: Option<Told> = serde_json::from_slice(message.get_payload_bytes()).ok();
        if let Some(told) = told.filter(|told| told.from != self.process) {
            self.rooms.deliver(*room, &told.signal());
        }
    }
}
