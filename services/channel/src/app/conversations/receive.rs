//! Receives a visitor's message: stores it once and numbers it.

use std::time::Duration;

use shared_db::TenantTx;
use shared_models::event::MessageReceived;
use shared_quota::{ChargeError, Exceeded, Quota};
use uuid::Uuid;

use super::answer;
use crate::app::limits;
use crate::domain::visitor_token::SessionClaims;
use crate::state::AppState;
use crate::store::messages::{self, MessageRow};
use crate::store::{channels, contacts, conversations};

/// The result of receiving a message.
#[derive(Debug)]
pub(crate) enum Outcome {
    Stored(Box<MessageRow>),
    /// Already stored under that number.
    Duplicate(i64),
    RateLimited(Duration),
    /// The account has used its messages of this month.
    QuotaExceeded(Exceeded),
    /// The channel is disabled or deleted.
    ChannelClosed,
    /// The conversation is closed; a new session starts another one.
    ConversationClosed,
}

/// Stores a message with the job that answers it, unless it is stored already. The rate limit is
/// charged only for new messages, so retrying after a lost ack is free.
pub(crate) async fn receive_message(
    app: &AppState,
    session: &SessionClaims,
    client_msg_id: Uuid,
    content: &str,
) -> sqlx::Result<Outcome> {
    let conversation = session.conversation;
    let mut read = app.db.tenant_read(session.creator).await?;
    let duplicate = messages::find_client_message(&mut read, conversation, client_msg_id).await?;
    if let Some(seq) = duplicate {
        return Ok(Outcome::Duplicate(seq));
    }
    let Some(widget) = channels::find_enabled_widget(&mut read, session.channel).await? else {
        return Ok(Outcome::ChannelClosed);
    };
    drop(read);
    let wait = limits::charge_message(&app.cache, session, widget.messages_per_minute).await;
    if let Some(wait) = wait {
        return Ok(Outcome::RateLimited(wait));
    }
    let mut tx = app.db.tenant(session.creator).await?;
    let announce = |reached| app.events.publication(reached);
    let quota = Quota::MessagesPerMonth;
    let charged = app.quotas.charge(&mut tx, quota, 1, announce);
    match charged.await {
        Ok(()) => {}
        Err(ChargeError::Exceeded(exceeded)) => return Ok(Outcome::QuotaExceeded(exceeded)),
        Err(ChargeError::Database(error)) => return Err(error),
    }
    let Some(seq) = next_seq(&mut tx, session).await? else {
        return Ok(Outcome::ConversationClosed);
    };
    // Checked again under the row lock of the conversation: a concurrent request with the same
    // message has committed by now.
    let duplicate = messages::find_client_message(&mut tx, conversation, client_msg_id).await?;
    if let Some(stored_seq) = duplicate {
        return Ok(Outcome::Duplicate(stored_seq));
    }
    let row = messages::insert_question(&mut tx, conversation, seq, client_msg_id, content).await?;
    let received = MessageReceived {
        channel: session.channel,
        conversation,
        message: row.id,
    };
    app.events.publish(&mut tx, received).await?;
    answer::enqueue(app, &mut tx, conversation).await?;
    tx.commit().await?;
    metrics::counter!("channel_messages_total", "role" => "user").increment(1);
    Ok(Outcome::Stored(Box::new(row)))
}

/// The next number of the conversation, which is created with its first message. `None` when it
/// is closed.
async fn next_seq(tx: &mut TenantTx, session: &SessionClaims) -> sqlx::Result<Option<i64>> {
    let id = session.conversation;
    if let Some(seq) = conversations::next_seq(tx, id).await? {
        return Ok(Some(seq));
    }
    contacts::insert(tx, session.visitor, session.channel).await?;
    conversations::insert(tx, session).await?;
    conversations::next_seq(tx, id).await
}
