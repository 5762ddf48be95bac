//! The rooms of this process: one a conversation, with its sockets and the answer in the making.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use shared_cache::{Cache, Key};
use shared_models::{ConversationId, CreatorId};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::relay::{Relay, Told};
use crate::domain::frame::{ServerFrame, SourceLine};
use crate::store::messages::MessageRow;

/// Events that may wait for a socket; one that falls further behind is closed and resumes.
const QUEUE: usize = 256;

/// Something for the sockets of a conversation.
#[derive(Debug, Clone)]
pub(crate) enum Signal {
    /// Passing, on the way to the answer of a question: shown now or never.
    Passing { reply_to: i64, line: Utf8Bytes },
    /// A stored message with its number, and the question that it answers, or 0.
    Stored {
        seq: i64,
        reply_to: i64,
        line: Utf8Bytes,
    },
    /// Something may have been missed: read on from the database.
    Look,
}

/// Where a conversation's events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Room {
    pub(crate) creator: CreatorId,
    pub(crate) conversation: ConversationId,
}

impl Room {
    /// The channel of the room in Redis.
    pub(crate) fn key(self) -> Key {
        Key::conversation_events(self.creator, self.conversation)
    }
}

/// The rooms of this process.
#[derive(Clone)]
pub(crate) struct Hub {
    rooms: Rooms,
    relay: Relay,
    next: Arc<AtomicU64>,
}

/// The rooms, shared with the relay.
#[derive(Clone, Default)]
pub(crate) struct Rooms(Arc<Mutex<HashMap<Room, Present>>>);

#[derive(Default)]
struct Present {
    sockets: Vec<(u64, Sender<Signal>)>,
    answer: Option<Answering>,
}

/// The answer in the making, for whoever comes late.
#[derive(Default)]
struct Answering {
    reply_to: i64,
    sources: Vec<SourceLine>,
    text: String,
}

impl Hub {
    /// No rooms yet; nothing connects before the first socket.
    pub(crate) fn new(cache: Cache) -> Self {
        let rooms = Rooms::default();
        Self {
            relay: Relay::start(cache, rooms.clone()),
            rooms,
            next: Arc::default(),
        }
    }

    /// Takes a seat in a room, and gives what a late comer has to hear first. How many seats there
    /// may be was settled before the upgrade.
    pub(crate) async fn join(&self, room: Room) -> (Seat, Vec<String>) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, queue) = mpsc::channel(QUEUE);
        let heard = {
            let mut rooms = self.rooms.lock();
            let present = rooms.entry(room).or_default();
            present.sockets.push((id, sender));
            present
                .answer
                .as_ref()
                .map_or_else(Vec::new, Answering::lines)
        };
        let seat = Seat {
            hub: self.clone(),
            room,
            id,
            queue,
        };
        self.relay.attend(room).await;
        (seat, heard)
    }

    /// Whether this process is making an answer there.
    pub(crate) fn is_answering(&self, room: Room) -> bool {
        let rooms = self.rooms.lock();
        rooms
            .get(&room)
            .is_some_and(|present| present.answer.is_some())
    }

    /// Tells of an answer that begins.
    pub(crate) fn start(&self, room: Room, reply_to: i64) {
        let mut rooms = self.rooms.lock();
        let answer = Answering {
            reply_to,
            ..Answering::default()
        };
        rooms.entry(room).or_default().answer = Some(answer);
        self.pass(
            &mut rooms,
            room,
            reply_to,
            &ServerFrame::AiStart { reply_to },
        );
    }

    /// Tells that an answer is still awaited, while it has no word yet.
    pub(crate) fn still(&self, room: Room) {
        let mut rooms = self.rooms.lock();
        let answer = rooms.get(&room).and_then(|p| p.answer.as_ref());
        if let Some(reply_to) = answer.filter(|a| a.text.is_empty()).map(|a| a.reply_to) {
            self.pass(
                &mut rooms,
                room,
                reply_to,
                &ServerFrame::AiStart { reply_to },
            );
        }
    }

    /// Tells what an answer will rest on.
    pub(crate) fn sources(&self, room: Room, reply_to: i64, sources: &[SourceLine]) {
        let mut rooms = self.rooms.lock();
        if let Some(answer) = rooms.get_mut(&room).and_then(|p| p.answer.as_mut()) {
            answer.sources = sources.to_vec();
        }
        self.pass(
            &mut rooms,
            room,
            reply_to,
            &ServerFrame::AiSources { reply_to, sources },
        );
    }

    /// Tells more of an answer.
    pub(crate) fn delta(&self, room: Room, reply_to: i64, text: &str) {
        let mut rooms = self.rooms.lock();
        if let Some(answer) = rooms.get_mut(&room).and_then(|p| p.answer.as_mut()) {
            answer.text.push_str(text);
        }
        self.pass(
            &mut rooms,
            room,
            reply_to,
            &ServerFrame::AiDelta { reply_to, text },
        );
    }

    /// Ends an answer: the last word is the stored message, a failure, or nothing.
    pub(crate) fn end(&self, room: Room) {
        let mut rooms = self.rooms.lock();
        if let Some(present) = rooms.get_mut(&room) {
            present.answer = None;
            if present.sockets.is_empty() {
                rooms.remove(&room);
            }
        }
    }

    /// Tells of a failure on the way to the answer of a question.
    pub(crate) fn failed(&self, room: Room, reply_to: i64, frame: &ServerFrame<'_>) {
        self.pass(&mut self.rooms.lock(), room, reply_to, frame);
    }

    /// Tells of a message that is committed.
    pub(crate) fn stored(&self, room: Room, message: &MessageRow) {
        let told = Told::stored(message);
        self.rooms.lock().deliver(room, &told.signal());
        self.relay.tell(room, told);
    }

    fn pass(&self, rooms: &mut Locked<'_>, room: Room, reply_to: i64, frame: &ServerFrame<'_>) {
        let told = Told::passing(reply_to, frame);
        rooms.deliver(room, &told.signal());
        self.relay.tell(room, told);
    }

    fn leave(&self, room: Room, id: u64) {
        let mut rooms = self.rooms.lock();
        let Some(present) = rooms.get_mut(&room) else {
            return;
        };
        present.sockets.retain(|(socket, _)| *socket != id);
        if present.sockets.is_empty() {
            self.relay.depart(room);
            if present.answer.is_none() {
                rooms.remove(&room);
            }
        }
    }
}

impl Answering {
    fn lines(&self) -> Vec<String> {
        let (reply_to, sources) = (self.reply_to, &self.sources[..]);
        let mut lines = vec![ServerFrame::AiStart { reply_to }.line()];
        if !sources.is_empty() {
            lines.push(ServerFrame::AiSources { reply_to, sources }.line());
        }
        if !self.text.is_empty() {
            let text = &self.text;
            lines.push(ServerFrame::AiDelta { reply_to, text }.line());
        }
        lines
    }
}

/// The rooms while they are locked; never over an await.
struct Locked<'a>(MutexGuard<'a, HashMap<Room, Present>>);

impl Rooms {
    fn lock(&self) -> Locked<'_> {
        Locked(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the sockets of a room what another process told.
    pub(crate) fn deliver(&self, room: Room, signal: &Signal) {
        self.lock().deliver(room, signal);
    }

    /// Whether a room has sockets.
    pub(crate) fn is_attended(&self, room: Room) -> bool {
        let rooms = self.lock();
        rooms
            .get(&room)
            .is_some_and(|present| !present.sockets.is_empty())
    }

    /// The rooms with sockets.
    pub(crate) fn attended(&self) -> Vec<Room> {
        let rooms = self.lock();
        let attended = rooms.iter().filter(|(_, p)| !p.sockets.is_empty());
        attended.map(|(room, _)| *room).collect()
    }
}

impl Locked<'_> {
    /// A queue that is full loses its sender: the socket sees the end of its queue and closes.
    fn deliver(&mut self, room: Room, signal: &Signal) {
        if let Some(present) = self.0.get_mut(&room) {
            present
                .sockets
                .retain(|(_, queue)| queue.try_send(signal.clone()).is_ok());
        }
    }
}

impl std::ops::Deref for Locked<'_> {
    type Target = HashMap<Room, Present>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// A socket's place in a room; dropped, it is free again.
pub(crate) struct Seat {
    hub: Hub,
    room: Room,
    id: u64,
    queue: Receiver<Signal>,
}

impl Seat {
    /// The next event; none when this socket has fallen too far behind.
    pub(crate) async fn next(&mut self) -> Option<Signal> {
        self.queue.recv().await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.leave(self.room, self.id);
    }
}
