//! What a client says over its socket, and what it is told in return.

use std::time::Duration;

use axum::extract::ws::Message;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Connection, EXPIRED, End, FORBIDDEN, MAX_NONSENSE, NONSENSE, Step, TOO_LARGE, away};
use crate::domain::frame::{ClientFrame, ErrorFrame, ServerFrame};
use crate::live::answer;
use crate::live::inbox::{self, Outcome};
use crate::store::conversations;

impl Connection {
    /// Takes what the client sends.
    pub(super) async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Step {
        self.seen = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => self.read(text.as_str()).await,
            Some(Ok(Message::Binary(_))) => {
                self.refuse("unsupported_frame", "send text frames").await
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Err(error)) if is_too_large(&error) => Err(TOO_LARGE.into()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
        }
    }

    async fn read(&mut self, text: &str) -> Step {
        let frame = serde_json::from_str(text);
        // Every frame costs a query or an answer, so the pace is checked before either.
        if let Err(wait) = self.budget.pay(self.began.elapsed()) {
            let client_msg_id = match frame {
                Ok(ClientFrame::UserMessage { client_msg_id, .. }) => Some(client_msg_id),
                _ => None,
            };
            return self.refuse_pace(client_msg_id, wait).await;
        }
        match frame {
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

    async fn reply(&mut self, client_msg_id: Uuid, stored: sqlx::Result<Outcome>) -> Step {
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
            Ok(Outcome::Paced(wait)) => error(
                "rate_limited",
                "too many messages; wait a moment",
                Some(seconds(wait)),
            ),
            Ok(Outcome::ChannelGone) => return Err(FORBIDDEN.into()),
            Ok(Outcome::Closed) => return Err(EXPIRED.into()),
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
        self.complain(ErrorFrame {
            code,
            message,
            ..ErrorFrame::default()
        })
        .await
    }

    /// Refuses a frame that came too fast; a message may be sent once more after the wait.
    async fn refuse_pace(&mut self, client_msg_id: Option<Uuid>, wait: Duration) -> Step {
        self.complain(ErrorFrame {
            code: "rate_limited",
            message: "too many frames; wait a moment",
            client_msg_id,
            retry_after: Some(seconds(wait)),
            ..ErrorFrame::default()
        })
        .await
    }

    /// Says what is wrong with a frame, until there were too many of that kind.
    async fn complain(&mut self, error: ErrorFrame<'_>) -> Step {
        self.nonsense += 1;
        if self.nonsense > MAX_NONSENSE {
            return Err(NONSENSE.into());
        }
        self.say(ServerFrame::Error(error).line().into()).await
    }
}

/// Whole seconds, at least one: a client that waits for none would try at once.
fn seconds(wait: Duration) -> u64 {
    let seconds = u64::try_from(wait.as_millis().div_ceil(1000));
    seconds.unwrap_or(60).max(1)
}

/// axum hides the kind of a protocol error, and this one has a close code of its own.
fn is_too_large(error: &axum::Error) -> bool {
    error.to_string().contains("too long") || error.to_string().contains("too large")
}
