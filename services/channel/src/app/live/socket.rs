//! One socket of a widget, from its first frame to its close code.

mod inbound;
mod suspension;

use std::collections::HashSet;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use jiff::Timestamp;
use tokio::time::{Instant, Sleep, interval, sleep, sleep_until, timeout};

use self::suspension::SuspensionWatch;
use super::broadcast::{Broadcaster, Subscription};
use super::conversations::Signal;
use crate::app::conversations::answer;
use crate::domain::conversation::{ConversationKey, HandledBy};
use crate::domain::frame::ServerFrame;
use crate::domain::frame_budget::FrameBudget;
use crate::domain::reorder_buffer::ReorderBuffer;
use crate::domain::visitor_token::SessionClaims;
use crate::state::AppState;
use crate::store::conversations::{self, ConversationRow};
use crate::store::messages::{self, MessageRow};

/// How often the client is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(25);
/// A client is presumed gone after two missed pings and some tolerance.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest wait for a client to accept a frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the client's close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Missed messages that are sent one by one; beyond that, the client gets a snapshot.
const MAX_MISSED: i64 = 1000;
/// Messages in a snapshot.
const SNAPSHOT_SIZE: i64 = 100;
/// Longest wait for a message that another one has overtaken.
const REORDER_TIMEOUT: Duration = Duration::from_millis(50);
/// Invalid or too frequent frames before the connection is closed.
const MAX_PROTOCOL_ERRORS: u32 = 50;
/// Longest wait for an answer when this process stops.
const ANSWER_DRAIN_TIMEOUT: Duration = Duration::from_secs(7);
/// Sockets are closed over this time when the process stops, so that their clients do not all
/// reconnect at once.
const MAX_CLOSE_JITTER: Duration = Duration::from_secs(3);

/// The token has expired: the client renews it and reconnects.
pub(crate) const EXPIRED: Close = Close(4401, "the session has ended; request a new one");
/// The page may not embed this widget, or the widget is deleted: the client stops.
pub(crate) const FORBIDDEN: Close = Close(4403, "this page may not embed the widget");
/// The account is suspended: the client stops.
const SUSPENDED: Close = Close(4403, "this account is suspended");
const SLOW: Close = Close(4408, "too far behind; resume from the last number");
const RESTART: Close = Close(close_code::RESTART, "the service restarts; reconnect");
const TOO_LARGE: Close = Close(close_code::SIZE, "a frame is larger than 64 KiB");
const PROTOCOL_ERRORS: Close = Close(
    close_code::POLICY,
    "too many invalid or too frequent frames",
);
const UNAVAILABLE: Close = Close(
    close_code::AGAIN,
    "a store does not answer; try again shortly",
);

/// The code and the reason of a close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Close(u16, &'static str);

/// Why a connection ends.
enum End {
    /// The client gets a close frame.
    Closed(Close),
    /// The client has disconnected.
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Closed(close)
    }
}

type Step = Result<(), End>;

/// Sends a close frame and nothing else.
pub(crate) async fn reject(mut socket: WebSocket, close: Close) {
    send_close(&mut socket, close).await;
}

async fn send_close(socket: &mut WebSocket, Close(code, reason): Close) {
    let reason = Utf8Bytes::from_static(reason);
    let frame = Message::Close(Some(CloseFrame { code, reason }));
    if timeout(SEND_TIMEOUT, socket.send(frame))
        .await
        .is_ok_and(|sent| sent.is_ok())
    {
        // The client answers with its own close frame; without waiting for it, ours could be lost.
        let closed_by_client = async { while let Some(Ok(_)) = socket.recv().await {} };
        let _ = timeout(CLOSE_TIMEOUT, closed_by_client).await;
    }
}

/// A connected widget.
struct Connection {
    app: AppState,
    session: SessionClaims,
    key: ConversationKey,
    socket: WebSocket,
    /// Question answered and JSON of each message.
    messages: ReorderBuffer<(i64, Utf8Bytes)>,
    /// When a missing message is read from the database.
    reorder_deadline: Option<Instant>,
    /// The last question whose answer has been sent.
    answered: i64,
    /// Messages that came over this socket: the client knows them from their acks.
    own_seqs: HashSet<i64>,
    protocol_errors: u32,
    connected_at: Instant,
    budget: FrameBudget,
    last_activity: Instant,
}

/// Serves one socket until it ends.
pub(crate) async fn run(app: AppState, session: SessionClaims, since: i64, socket: WebSocket) {
    let key = ConversationKey {
        creator: session.creator,
        conversation: session.conversation,
    };
    let broadcaster = app.broadcaster.clone();
    let mut connection = Connection {
        app,
        session,
        key,
        socket,
        messages: ReorderBuffer::after(since),
        reorder_deadline: None,
        answered: 0,
        own_seqs: HashSet::new(),
        protocol_errors: 0,
        connected_at: Instant::now(),
        budget: FrameBudget::default(),
        last_activity: Instant::now(),
    };
    metrics::gauge!("channel_sockets").increment(1);
    let ended = connection.run(&broadcaster).await;
    metrics::gauge!("channel_sockets").decrement(1);
    if let Err(End::Closed(close)) = ended {
        metrics::counter!("channel_socket_closes_total", "code" => close.0.to_string())
            .increment(1);
        send_close(&mut connection.socket, close).await;
    }
}

/// What a client needs to continue a conversation.
struct Snapshot {
    conversation: Option<ConversationRow>,
    /// Whether the client's own messages remain valid.
    recovered: bool,
    since: i64,
    messages: Vec<MessageRow>,
}

impl Connection {
    async fn run(&mut self, broadcaster: &Broadcaster) -> Step {
        // Subscribes before it reads: a message that is stored in between arrives twice, which is
        // harmless, instead of never.
        let (mut subscription, answer_so_far) = broadcaster.subscribe(self.key).await;
        let has_open_question = self.send_snapshot().await?;
        for json in answer_so_far {
            self.send(json.into()).await?;
        }
        // Usually its job waits or runs already. The question is stored: a failure costs a retry.
        if has_open_question && let Err(error) = answer::ensure_job(&self.app, self.key).await {
            tracing::error!(%error, "open question not enqueued: database error");
        }
        self.serve(broadcaster, &mut subscription).await
    }

    async fn serve(&mut self, broadcaster: &Broadcaster, events: &mut Subscription) -> Step {
        let stop = self.app.stop.clone();
        let mut stopping = false;
        let mut ping = interval(PING_INTERVAL);
        ping.reset();
        let mut expiry = std::pin::pin!(until(self.session.exp));
        let mut drained = std::pin::pin!(sleep(Duration::MAX));
        let mut suspension = SuspensionWatch::new(&self.app, self.session.creator);
        loop {
            tokio::select! {
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    drained.as_mut().reset(Instant::now() + self.drain_time(broadcaster));
                }
                () = &mut drained => return Err(RESTART.into()),
                () = &mut expiry => return Err(EXPIRED.into()),
                () = suspension.suspended() => return Err(SUSPENDED.into()),
                _ = ping.tick() => self.ping().await?,
                signal = events.next() => {
                    self.forward(signal.ok_or(SLOW)?).await?;
                    if stopping && !broadcaster.is_answering(self.key) {
                        return Err(RESTART.into());
                    }
                }
                () = at(self.reorder_deadline) => self.catch_up().await?,
                message = self.socket.recv() => self.on_frame(message).await?,
            }
        }
    }

    /// How long the socket stays open when the process stops: until a pending answer ends, else a
    /// random part of a time that grows with the number of sockets.
    fn drain_time(&self, broadcaster: &Broadcaster) -> Duration {
        if broadcaster.is_answering(self.key) {
            return ANSWER_DRAIN_TIMEOUT;
        }
        let sockets = u32::try_from(self.app.tasks.len()).unwrap_or(u32::MAX);
        let max = MAX_CLOSE_JITTER.min(Duration::from_millis(2) * sockets);
        let mut random = [0_u8; 2];
        let _ = getrandom::fill(&mut random);
        max * u32::from(u16::from_le_bytes(random)) / u32::from(u16::MAX)
    }

    /// Sends the state of the conversation and the missed messages. Returns whether a question may
    /// still be answered by the assistant.
    async fn send_snapshot(&mut self) -> Result<bool, End> {
        let known = self.messages.last();
        let snapshot = read_snapshot(&self.app, &self.session, known).await;
        let snapshot = snapshot.map_err(unavailable)?;
        let conversation = snapshot.conversation.as_ref();
        let status = ServerFrame::Status {
            message: "connected",
            conversation_id: self.session.conversation,
            last_seq: conversation.map_or(0, |row| row.last_seq),
            recovered: snapshot.recovered,
            answering: conversation.is_some_and(|row| row.answering),
        };
        self.send(status.to_json().into()).await?;
        self.messages = ReorderBuffer::after(snapshot.since);
        for row in &snapshot.messages {
            self.show_row(row).await?;
        }
        Ok(conversation
            .is_some_and(|row| row.handled_by == HandledBy::Bot && row.last_seq > row.answered_seq))
    }

    async fn forward(&mut self, signal: Signal) -> Step {
        match signal {
            // After a catch-up, the answer may have been sent before the steps towards it.
            Signal::Ephemeral { reply_to, .. } if reply_to <= self.answered => Ok(()),
            Signal::Ephemeral { json, .. } => self.send(json).await,
            Signal::Stored {
                seq,
                reply_to,
                json,
            } => {
                self.show(seq, reply_to, json).await?;
                if self.messages.is_full() {
                    self.catch_up().await?;
                }
                Ok(())
            }
            Signal::Stop { .. } => Ok(()),
            Signal::Resync => self.catch_up().await,
        }
    }

    /// Sends a message when all before it have been sent. An overtaken message usually arrives
    /// within moments; a lost one is read from the database.
    async fn show(&mut self, seq: i64, reply_to: i64, json: Utf8Bytes) -> Step {
        for (next_seq, (answers, next_json)) in self.messages.push(seq, (reply_to, json)) {
            self.answered = self.answered.max(answers);
            if !self.own_seqs.remove(&next_seq) {
                self.send(next_json).await?;
            }
        }
        let deadline = self
            .reorder_deadline
            .unwrap_or_else(|| Instant::now() + REORDER_TIMEOUT);
        self.reorder_deadline = self.messages.has_gap().then_some(deadline);
        Ok(())
    }

    async fn show_row(&mut self, row: &MessageRow) -> Step {
        let reply_to = row.reply_to.unwrap_or(0);
        self.show(row.seq, reply_to, row.to_json().into()).await
    }

    /// Reads messages whose events were lost. Numbers are committed in order, so no gap remains.
    async fn catch_up(&mut self) -> Step {
        let read = async {
            let mut tx = self.app.db.tenant_read(self.session.creator).await?;
            let last = self.messages.last();
            messages::after(&mut tx, self.session.conversation, last, MAX_MISSED).await
        };
        self.reorder_deadline = None;
        for row in &read.await.map_err(unavailable)? {
            self.show_row(row).await?;
        }
        Ok(())
    }

    async fn ping(&mut self) -> Step {
        if self.last_activity.elapsed() > IDLE_TIMEOUT {
            return Err(End::Gone);
        }
        self.send_message(Message::Ping(axum::body::Bytes::new()))
            .await
    }

    async fn send(&mut self, json: Utf8Bytes) -> Step {
        self.send_message(Message::Text(json)).await
    }

    async fn send_message(&mut self, message: Message) -> Step {
        match timeout(SEND_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(SLOW.into()),
        }
    }
}

/// Reads the messages after `known`, or the latest ones if too many were missed.
async fn read_snapshot(
    app: &AppState,
    session: &SessionClaims,
    known: i64,
) -> sqlx::Result<Snapshot> {
    let id = session.conversation;
    let mut tx = app.db.tenant_read(session.creator).await?;
    let conversation = conversations::find(&mut tx, id).await?;
    let last_seq = conversation.as_ref().map_or(0, |row| row.last_seq);
    let recovered = (0..=MAX_MISSED).contains(&(last_seq - known));
    let since = if recovered {
        known
    } else {
        (last_seq - SNAPSHOT_SIZE).max(0)
    };
    Ok(Snapshot {
        messages: messages::after(&mut tx, id, since, MAX_MISSED).await?,
        conversation,
        recovered,
        since,
    })
}

/// Never completes without a time.
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
    reason = "the signature that map_err needs"
)]
fn unavailable(error: sqlx::Error) -> End {
    tracing::error!(%error, "conversation could not be read; socket closed");
    UNAVAILABLE.into()
}
