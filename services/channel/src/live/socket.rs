//! One socket of a widget, from its first frame to its close code.

mod hearing;
mod suspension;

use std::collections::HashSet;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use jiff::Timestamp;
use tokio::time::{Instant, Sleep, interval, sleep, sleep_until, timeout};

use super::answer;
use super::hub::{Hub, Room, Seat, Signal};
use crate::domain::frame::ServerFrame;
use crate::domain::frame_budget::FrameBudget;
use crate::domain::sequence::Sequence;
use crate::domain::visitor_token::SessionClaims;
use crate::state::AppState;
use crate::store::{conversations, messages};
use suspension::Suspension;

/// How often the client is pinged.
const PING: Duration = Duration::from_secs(25);
/// Two pings without any sign of life, and a little patience.
const DEAD: Duration = Duration::from_mins(1);
/// Longest wait for a client to take a frame.
const SEND: Duration = Duration::from_secs(10);
/// Missed messages that are sent one by one; with more, the view starts anew.
const MAX_MISSED: i64 = 1000;
/// Messages of a view that starts anew.
const FRESH: i64 = 100;
/// Longest wait for a message that another has overtaken.
const OVERTAKEN: Duration = Duration::from_millis(50);
/// Frames that make no sense or come too fast, before the connection ends.
const MAX_NONSENSE: u32 = 50;
/// Longest wait for an answer to end when this process stops.
const LAST_WORDS: Duration = Duration::from_secs(7);
/// Sockets are closed over so much time when this process stops, so that not all come back at
/// once.
const SPREAD: Duration = Duration::from_secs(3);

/// The token has ended: renew it first.
pub(crate) const EXPIRED: Close = Close(4401, "the session has ended; ask for a new one");
/// The page may not embed this widget, or the widget is gone: stop.
pub(crate) const FORBIDDEN: Close = Close(4403, "this page may not embed the widget");
/// The account is shut: stop.
const SUSPENDED: Close = Close(4403, "this account is suspended");
const SLOW: Close = Close(4408, "too far behind; resume from the last number");
const RESTART: Close = Close(close_code::RESTART, "the service restarts; connect again");
const TOO_LARGE: Close = Close(close_code::SIZE, "a frame is larger than 64 KiB");
const NONSENSE: Close = Close(
    close_code::POLICY,
    "too many frames that make no sense or come too fast",
);
const AWAY: Close = Close(
    close_code::AGAIN,
    "a store does not answer; try again shortly",
);

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Close(u16, &'static str);

/// What a connection may end in.
enum End {
    /// The client is told why.
    Told(Close),
    /// The client is gone.
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Told(close)
    }
}

/// A step of a connection.
type Step = Result<(), End>;

/// Sends a close frame and nothing else.
pub(crate) async fn turn_away(mut socket: WebSocket, close: Close) {
    say_goodbye(&mut socket, close).await;
}

async fn say_goodbye(socket: &mut WebSocket, Close(code, reason): Close) {
    let reason = Utf8Bytes::from_static(reason);
    let frame = Message::Close(Some(CloseFrame { code, reason }));
    if timeout(SEND, socket.send(frame))
        .await
        .is_ok_and(|sent| sent.is_ok())
    {
        // The client answers with its own close; without waiting for it, the frame could be lost.
        let farewell = async { while let Some(Ok(_)) = socket.recv().await {} };
        let _ = timeout(Duration::from_secs(1), farewell).await;
    }
}

/// A connected widget.
struct Connection {
    app: AppState,
    session: SessionClaims,
    room: Room,
    socket: WebSocket,
    sequence: Sequence<(i64, Utf8Bytes)>,
    /// When to look for a message that others wait for.
    look_at: Option<Instant>,
    /// The last question whose answer is sent.
    answered: i64,
    own: HashSet<i64>,
    nonsense: u32,
    began: Instant,
    budget: FrameBudget,
    seen: Instant,
}

/// Serves one socket until it ends.
pub(crate) async fn run(app: AppState, session: SessionClaims, since: i64, socket: WebSocket) {
    let room = Room {
        creator: session.creator,
        conversation: session.conversation,
    };
    let hub = app.hub.clone();
    let mut connection = Connection {
        app,
        session,
        room,
        socket,
        sequence: Sequence::after(since),
        look_at: None,
        answered: 0,
        own: HashSet::new(),
        nonsense: 0,
        began: Instant::now(),
        budget: FrameBudget::default(),
        seen: Instant::now(),
    };
    metrics::gauge!("widget_sockets").increment(1);
    let ended = connection.serve(&hub).await;
    metrics::gauge!("widget_sockets").decrement(1);
    if let Err(End::Told(close)) = ended {
        metrics::counter!("widget_closes_total", "code" => close.0.to_string()).increment(1);
        say_goodbye(&mut connection.socket, close).await;
    }
}

impl Connection {
    async fn serve(&mut self, hub: &Hub) -> Step {
        // First the seat, then the read: what happens in between is told twice, not never.
        let (mut seat, heard) = hub.join(self.room).await;
        let open = self.greet().await?;
        for line in heard {
            self.say(line.into()).await?;
        }
        if open {
            answer::wake(&self.app, self.room);
        }
        self.talk(hub, &mut seat).await
    }

    async fn talk(&mut self, hub: &Hub, seat: &mut Seat) -> Step {
        let (stop, mut stopping) = (self.app.stop.clone(), false);
        let mut ping = interval(PING);
        ping.reset();
        let mut expiry = std::pin::pin!(until(self.session.exp));
        let mut leave = std::pin::pin!(sleep(Duration::MAX));
        let mut suspension = Suspension::of(&self.app, self.session.creator);
        loop {
            tokio::select! {
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    leave.as_mut().reset(Instant::now() + self.time_to_leave(hub));
                }
                () = &mut leave => return Err(RESTART.into()),
                () = &mut expiry => return Err(EXPIRED.into()),
                () = suspension.begins() => return Err(SUSPENDED.into()),
                _ = ping.tick() => self.ping().await?,
                signal = seat.next() => {
                    self.pass_on(signal.ok_or(SLOW)?).await?;
                    if stopping && !hub.is_answering(self.room) {
                        return Err(RESTART.into());
                    }
                }
                () = at(self.look_at) => self.catch_up().await?,
                message = self.socket.recv() => self.hear(message).await?,
            }
        }
    }

    /// An answer may end first; otherwise sockets go one after the other.
    fn time_to_leave(&self, hub: &Hub) -> Duration {
        if hub.is_answering(self.room) {
            return LAST_WORDS;
        }
        let sockets = u32::try_from(self.app.tasks.len()).unwrap_or(u32::MAX);
        let spread = SPREAD.min(Duration::from_millis(2) * sockets);
        let mut random = [0_u8; 2];
        let _ = getrandom::fill(&mut random);
        spread * u32::from(u16::from_le_bytes(random)) / u32::from(u16::MAX)
    }

    /// Says where the conversation stands and what was missed; whether a question is open.
    async fn greet(&mut self) -> Result<bool, End> {
        let read = async {
            let mut tx = self.app.db.tenant_read(self.session.creator).await?;
            let row = conversations::find(&mut tx, self.session.conversation).await?;
            let last_seq = row.as_ref().map_or(0, |row| row.last_seq);
            let known = self.sequence.last();
            let missed = last_seq - known;
            let recovered = (0..=MAX_MISSED).contains(&missed);
            let since = if recovered {
                known
            } else {
                (last_seq - FRESH).max(0)
            };
            let conversation = self.session.conversation;
            let rows = messages::after(&mut tx, conversation, since, MAX_MISSED).await?;
            Ok::<_, sqlx::Error>((row, recovered, since, rows))
        };
        let (row, recovered, since, rows) = read.await.map_err(away)?;
        let answering = row.as_ref().is_some_and(|row| row.answering);
        let status = ServerFrame::Status {
            message: "connected",
            conversation_id: self.session.conversation,
            last_seq: row.as_ref().map_or(0, |row| row.last_seq),
            recovered,
            answering,
        };
        self.say(status.line().into()).await?;
        self.sequence = Sequence::after(since);
        for row in rows {
            self.take(row.seq, row.reply_to.unwrap_or(0), row.line().into())
                .await?;
        }
        let open = row.is_some_and(|row| row.last_seq > row.answered_seq);
        Ok(open)
    }

    async fn pass_on(&mut self, signal: Signal) -> Step {
        match signal {
            // After catching up, the steps towards an answer may come later than the answer.
            Signal::Passing { reply_to, .. } if reply_to <= self.answered => Ok(()),
            Signal::Passing { line, .. } => self.say(line).await,
            Signal::Stored {
                seq,
                reply_to,
                line,
            } => {
                self.take(seq, reply_to, line).await?;
                if self.sequence.is_full() {
                    self.catch_up().await?;
                }
                Ok(())
            }
            Signal::Look => self.catch_up().await,
        }
    }

    /// Shows a message when its turn has come. One that was overtaken on the way comes in a
    /// moment; one that was lost is read from the database.
    async fn take(&mut self, seq: i64, reply_to: i64, line: Utf8Bytes) -> Step {
        for (seq, (reply_to, line)) in self.sequence.take(seq, (reply_to, line)) {
            self.answered = self.answered.max(reply_to);
            // What came over this socket is known by its ack.
            if !self.own.remove(&seq) {
                self.say(line).await?;
            }
        }
        let look_at = self.look_at.unwrap_or_else(|| Instant::now() + OVERTAKEN);
        self.look_at = self.sequence.has_gap().then_some(look_at);
        Ok(())
    }

    /// Reads what a lost event did not tell. Numbers are committed in order, so no gap is left.
    async fn catch_up(&mut self) -> Step {
        let read = async {
            let mut tx = self.app.db.tenant_read(self.session.creator).await?;
            let last = self.sequence.last();
            messages::after(&mut tx, self.session.conversation, last, MAX_MISSED).await
        };
        self.look_at = None;
        for row in read.await.map_err(away)? {
            self.take(row.seq, row.reply_to.unwrap_or(0), row.line().into())
                .await?;
        }
        Ok(())
    }

    async fn ping(&mut self) -> Step {
        if self.seen.elapsed() > DEAD {
            return Err(End::Gone);
        }
        self.send(Message::Ping(axum::body::Bytes::new())).await
    }

    async fn say(&mut self, line: Utf8Bytes) -> Step {
        self.send(Message::Text(line)).await
    }

    async fn send(&mut self, message: Message) -> Step {
        match timeout(SEND, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(SLOW.into()),
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn until(epoch_seconds: i64) -> Sleep {
    let left = epoch_seconds - Timestamp::now().as_second();
    sleep_until(Instant::now() + Duration::from_secs(u64::try_from(left).unwrap_or(0)))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err asks for"
)]
fn away(error: sqlx::Error) -> End {
    tracing::error!(%error, "a conversation could not be read");
    AWAY.into()
}
