//! Frames from the client and the replies to them.

use std::time::Duration;

use axum::extract::ws::Message;
use serde::Deserialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Connection, EXPIRED, End, FORBIDDEN, MAX_PROTOCOL_ERRORS, PROTOCOL_ERRORS, Step, TOO_LARGE,
    unavailable,
};
use crate::app::conversations::answer::reopen_last_question;
use crate::app::conversations::receive::{self, Outcome};
use crate::domain::frame::{ClientFrame, ErrorCode, ErrorFrame, ServerFrame};

impl Connection {
    /// Handles whatever the socket receives.
    pub(super) async fn on_frame(&mut self, message: Option<Result<Message, axum::Error>>) -> Step {
        self.last_activity = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => self.on_text(text.as_str()).await,
            Some(Ok(Message::Binary(_))) => {
                self.refuse(ErrorCode::UnsupportedFrame, "send text frames")
                    .await
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Err(error)) if is_too_large(&error) => Err(TOO_LARGE.into()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
        }
    }

    async fn on_text(&mut self, text: &str) -> Step {
        let frame = serde_json::from_str(text);
        // Every frame costs a query or a reply, so the budget is charged before either.
        if let Err(wait) = self.budget.charge(self.connected_at.elapsed()) {
            let client_msg_id = match frame {
                Ok(ClientFrame::UserMessage { client_msg_id, .. }) => Some(client_msg_id),
                _ => None,
            };
            return self.refuse_too_fast(client_msg_id, wait).await;
        }
        match frame {
            Ok(ClientFrame::Ping) => self.send(ServerFrame::Pong.to_json().into()).await,
            Ok(ClientFrame::Retry) => self.retry().await,
            Ok(ClientFrame::Stop { reply_to }) => {
                self.app.broadcaster.stop_answer(self.key, reply_to);
                Ok(())
            }
            Ok(ClientFrame::UserMessage {
                client_msg_id,
                content,
            }) => {
                let (app, session) = (&self.app, &self.session);
                let received =
                    receive::receive_message(app, session, client_msg_id, content.as_str()).await;
                self.acknowledge(client_msg_id, received).await
            }
            Err(error) => {
                // serde_json appends a position, which does not help a client of one-line frames.
                let reason = error.to_string();
                let without_position = reason.split(" at line ").next().unwrap_or_default();
                // With the id, so that the widget can give the text back to the visitor.
                self.protocol_error(ErrorFrame {
                    client_msg_id: message_id(text),
                    ..ErrorFrame::new(ErrorCode::MalformedMessage, without_position)
                })
                .await
            }
        }
    }

    async fn acknowledge(&mut self, client_msg_id: Uuid, received: sqlx::Result<Outcome>) -> Step {
        let error = |code, message, retry_after| {
            ServerFrame::Error(ErrorFrame {
                code,
                message,
                retry_after,
                client_msg_id: Some(client_msg_id),
                reply_to: None,
            })
        };
        let frame = match received {
            Ok(Outcome::Stored(row)) => {
                let seq = row.seq;
                self.own_seqs.insert(seq);
                // Before the ack, which a slow client delays: the answer has begun already.
                self.app.broadcaster.send_stored(self.key, &row);
                ServerFrame::Ack { client_msg_id, seq }
            }
            Ok(Outcome::Duplicate(seq)) => ServerFrame::Ack { client_msg_id, seq },
            Ok(Outcome::RateLimited(wait)) => error(
                ErrorCode::RateLimited,
                "too many messages; wait a moment",
                Some(whole_seconds(wait)),
            ),
            // Without a time: no widget should try again for weeks.
            Ok(Outcome::QuotaExceeded(exceeded)) => {
                tracing::info!(limit = exceeded.limit, "quota of messages used up");
                let message = "this assistant has no messages left this month";
                error(ErrorCode::QuotaExceeded, message, None)
            }
            Ok(Outcome::ChannelClosed) => return Err(FORBIDDEN.into()),
            Ok(Outcome::ConversationClosed) => return Err(EXPIRED.into()),
            Err(cause) => {
                tracing::error!(error = %cause, "visitor's message could not be stored");
                error(
                    ErrorCode::DependencyUnavailable,
                    "postgres does not answer; try again shortly",
                    Some(2),
                )
            }
        };
        self.send(frame.to_json().into()).await
    }

    /// Requests an answer to the last question again, if the first one failed.
    async fn retry(&mut self) -> Step {
        let reopened = reopen_last_question(&self.app, self.key).await;
        if reopened.map_err(unavailable)? {
            return Ok(());
        }
        self.refuse(
            ErrorCode::NothingToRetry,
            "the last message is answered already",
        )
        .await
    }

    async fn refuse(&mut self, code: ErrorCode, message: &str) -> Step {
        self.protocol_error(ErrorFrame::new(code, message)).await
    }

    /// Refuses a frame that came too fast. The client may resend a message after the wait.
    async fn refuse_too_fast(&mut self, client_msg_id: Option<Uuid>, wait: Duration) -> Step {
        self.protocol_error(ErrorFrame {
            client_msg_id,
            retry_after: Some(whole_seconds(wait)),
            ..ErrorFrame::new(ErrorCode::RateLimited, "too many frames; wait a moment")
        })
        .await
    }

    /// Reports an error; closes the connection after too many.
    async fn protocol_error(&mut self, error: ErrorFrame<'_>) -> Step {
        self.protocol_errors += 1;
        if self.protocol_errors > MAX_PROTOCOL_ERRORS {
            return Err(PROTOCOL_ERRORS.into());
        }
        self.send(ServerFrame::Error(error).to_json().into()).await
    }
}

/// The id of a message whose content is refused.
fn message_id(frame: &str) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Named {
        client_msg_id: Uuid,
    }
    let named = serde_json::from_str::<Named>(frame).ok();
    named.map(|message| message.client_msg_id)
}

/// At least one: a client that waits for zero seconds would retry immediately.
fn whole_seconds(wait: Duration) -> u64 {
    let seconds = u64::try_from(wait.as_millis().div_ceil(1000));
    seconds.unwrap_or(60).max(1)
}

/// axum hides the kind of a protocol error, and this one has its own close code.
fn is_too_large(error: &axum::Error) -> bool {
    error.to_string().contains("too long") || error.to_string().contains("too large")
}
