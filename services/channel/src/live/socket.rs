//! One socket of a widget, from its first frame to its close code.

use std::collections::HashSet;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use jiff::Timestamp;
use tokio::time::{Instant, Sleep, interval, sleep, sleep_until, timeout};

use super::answer;
use super::hub::{Hub, Room, Seat, Signal};
use super::inbox::{self, Outcome};
use crate::domain::frame::{ClientFrame, ErrorFrame, ServerFrame};
use crate::domain::visitor_token::SessionClaims;
use crate::state::AppState;
use crate::store::{conversations, messages};

/// How often the client is pinged.
const PING: Duration = Duration::from_secs(25);
/// Two pings without any sign of life, and a little patience.
const DEAD: Duration = Duration::from_secs(60);
/// Longest wait for a client to take a frame.
const SEND: Duration = Duration::from_secs(10);
/// Missed messages that are sent one by one; with more, the view starts anew.
const MAX_MISSED: i64 = 1000;
/// Messages of a view that starts anew.
const FRESH: i64 = 100;
/// Frames that make no sense, before the connection ends.
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
const SLOW: Close = Close(4408, "too far behind; resume from the last number");
const TOO_MANY: Close = Close(4429, "too many connections to one conversation");
const RESTART: Close = Close(close_code::RESTART, "the service restarts; connect again");
const TOO_LARGE: Close = Close(close_code::SIZE, "a frame is larger than 64 KiB");
const NONSENSE: Close = Close(close_code::POLICY, "too many frames that make no sense");
const AWAY: Close = Close(
    close_code::AGAIN,
    "a store does not answer; try again shortly",
);

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Close(u16, &'static str);

/// What a step may end in: a close, or a client that is gone.
type Step = Result<(), Option<Close>>;

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
    last: i64,
    /// The last question whose answer is sent.
    answered: i64,
    own: HashSet<i64>,
    nonsense: u32,
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
        last: since,
        answered: 0,
        own: HashSet::new(),
        nonsense: 0,
        seen: Instant::now(),
    };
    metrics::gauge!("widget_sockets").increment(1);
    let ended = connection.serve(&hub).await;
    metrics::gauge!("widget_sockets").decrement(1);
    if let Err(Some(close)) = ended {
        metrics::counter!("widget_closes_total", "code" => close.0.to_string()).increment(1);
        say_goodbye(&mut connection.socket, close).await;
    }
}

impl Connection {
    async fn serve(&mut self, hub: &Hub) -> Step {
        // First the seat, then the read: what happens in between is told twice, not never.
        let (mut seat, heard) = hub.join(self.room).await.ok_or(Some(TOO_MANY))?;
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
        loop {
            tokio::select! {
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    leave.as_mut().reset(Instant::now() + self.time_to_leave(hub));
                }
                () = &mut leave => return Err(Some(RESTART)),
                () = &mut expiry => return Err(Some(EXPIRED)),
                _ = ping.tick() => self.ping().await?,
                signal = seat.next() => {
                    self.pass_on(signal.ok_or(Some(SLOW))?).await?;
                    if stopping && !hub.is_answering(self.room) {
                        return Err(Some(RESTART));
                    }
                }
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
    async fn greet(&mut self) -> Result<bool, Option<Close>> {
        let read = async {
            let mut tx = self.app.db.tenant_read(self.session.creator).await?;
            let row = conversations::find(&mut tx, self.session.conversation).await?;
            let last_seq = row.as_ref().map_or(0, |row| row.last_seq);
            let missed = last_seq - self.last;
            let recovered = (0..=MAX_MISSED).contains(&missed);
            let since = if recovered {
                self.last
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
        self.last = since;
        for row in rows {
            self.show(row.seq, row.reply_to.unwrap_or(0), row.line().into())
                .await?;
        }
        let open = row.is_some_and(|row| row.last_seq > row.answered_seq);
        Ok(open && !answering)
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
            } if seq == self.last + 1 => self.show(seq, reply_to, line).await,
            Signal::Stored { seq, .. } if seq <= self.last => Ok(()),
            Signal::Stored { .. } | Signal::Look => self.catch_up().await,
        }
    }

    /// Sends a message, unless it came over this socket and is known by its ack.
    async fn show(&mut self, seq: i64, reply_to: i64, line: Utf8Bytes) -> Step {
        self.last = seq;
        self.answered = self.answered.max(reply_to);
        if self.own.remove(&seq) {
            return Ok(());
        }
        self.say(line).await
    }

    /// Reads what a lost event did not tell. Numbers are committed in order, so no gap is left.
    async fn catch_up(&mut self) -> Step {
        let read = async {
            let mut tx = self.app.db.tenant_read(self.session.creator).await?;
            messages::after(&mut tx, self.session.conversation, self.last, MAX_MISSED).await
        };
        for row in read.await.map_err(away)? {
            self.show(row.seq, row.reply_to.unwrap_or(0), row.line().into())
                .await?;
        }
        Ok(())
    }

    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Step {
        self.seen = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => self.read(text.as_str()).await,
            Some(Ok(Message::Binary(_))) => {
                self.refuse("unsupported_frame", "send text frames").await
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Err(error)) if is_too_large(&error) => Err(Some(TOO_LARGE)),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(None),
        }
    }

    async fn read(&mut self, text: &str) -> Step {
        match serde_json::from_str(text) {
            Ok(ClientFrame::Ping) => self.say(ServerFrame::Pong.line().into()).await,
            Ok(ClientFrame::Retry) => self.retry().await,
            Ok(ClientFrame::UserMessage {
                client_msg_id,
                content,
            }) => {
                let stored =
                    inbox::take_in(&self.app, &self.session, client_msg_id, content.as_str()).await;
                self.reply(client_msg_id, stored).await
            }
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.split(" at line ").next().unwrap_or_default();
                self.refuse("malformed_message", reason).await
            }
        }
    }

    async fn reply(&mut self, client_msg_id: uuid::Uuid, stored: sqlx::Result<Outcome>) -> Step {
        let error = |code, message, retry_after| {
            ServerFrame::Error(ErrorFrame {
                code,
                message,
                retry_after,
                client_msg_id: Some(client_msg_id),
                reply_to: None,
            })
        };
        let frame = match stored {
            Ok(Outcome::Stored(row)) => {
                let seq = row.seq;
                self.own.insert(seq);
                let ack = ServerFrame::Ack { client_msg_id, seq };
                self.say(ack.line().into()).await?;
                self.app.hub.stored(self.room, &row);
                answer::wake(&self.app, self.room);
                return Ok(());
            }
            Ok(Outcome::Known(seq)) => ServerFrame::Ack { client_msg_id, seq },
            Ok(Outcome::Paced(wait)) => {
                let seconds = u64::try_from(wait.as_millis().div_ceil(1000))
                    .unwrap_or(60)
                    .max(1);
                error(
                    "rate_limited",
                    "too many messages; wait a moment",
                    Some(seconds),
                )
            }
            Ok(Outcome::ChannelGone) => return Err(Some(FORBIDDEN)),
            Ok(Outcome::Closed) => return Err(Some(EXPIRED)),
            Err(cause) => {
                tracing::error!(error = %cause, "a message was not stored");
                error(
                    "dependency_unavailable",
                    "postgres does not answer; try again shortly",
                    Some(2),
                )
            }
        };
        self.say(frame.line().into()).await
    }

    /// Asks again for the answer of the last question, if that had failed.
    async fn retry(&mut self) -> Step {
        let reopened = async {
            let mut tx = self.app.db.tenant(self.session.creator).await?;
            let reopened = conversations::reopen(&mut tx, self.session.conversation).await?;
            tx.commit().await?;
            Ok::<_, sqlx::Error>(reopened)
        };
        if reopened.await.map_err(away)? {
            answer::wake(&self.app, self.room);
            return Ok(());
        }
        self.refuse("nothing_to_retry", "the last message is answered already")
            .await
    }

    async fn refuse(&mut self, code: &str, message: &str) -> Step {
        self.nonsense += 1;
        if self.nonsense > MAX_NONSENSE {
            return Err(Some(NONSENSE));
        }
        let frame = ServerFrame::Error(ErrorFrame {
            code,
            message,
            ..ErrorFrame::default()
        });
        self.say(frame.line().into()).await
    }

    async fn ping(&mut self) -> Step {
        if self.seen.elapsed() > DEAD {
            return Err(None);
        }
        self.send(Message::Ping(axum::body::Bytes::new())).await
    }

    async fn say(&mut self, line: Utf8Bytes) -> Step {
        self.send(Message::Text(line)).await
    }

    async fn send(&mut self, message: Message) -> Step {
        match timeout(SEND, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(None),
            Err(_) => Err(Some(SLOW)),
        }
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
fn away(error: sqlx::Error) -> Option<Close> {
    tracing::error!(%error, "a conversation could not be read");
    Some(AWAY)
}

/// axum hides the kind of a protocol error, and this one has a close code of its own.
fn is_too_large(error: &axum::Error) -> bool {
    error.to_string().contains("too long") || error.to_string().contains("too large")
}
