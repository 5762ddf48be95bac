//! Takes in a visitor's message: stored once, with its number.

use std::time::Duration;

use shared_db::{TenantTx, usage};
use shared_models::UsageKind;
use uuid::Uuid;

use super::pace;
use crate::domain::visitor_token::SessionClaims;
use crate::state::AppState;
use crate::store::messages::{self, MessageRow};
use crate::store::{channels, conversations};

/// What became of a message.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Stored now.
    Stored(Box<MessageRow>),
    /// Stored before, under that number.
    Known(i64),
    /// Too many; wait.
    Paced(Duration),
    /// The channel was closed by its creator.
    ChannelGone,
    /// The conversation is over; a new session begins another.
    Closed,
}

/// Stores a message, unless it is stored already. The count comes first of what is new, so that
/// repeating a message after a lost ack costs nothing.
pub(crate) async fn take_in(
    app: &AppState,
    session: &SessionClaims,
    client_msg_id: Uuid,
    content: &str,
) -> sqlx::Result<Outcome> {
    let mut read = app.db.tenant_read(session.creator).await?;
    let known = messages::find_client_message(&mut read, session.conversation, client_msg_id);
    if let Some(seq) = known.await? {
        return Ok(Outcome::Known(seq));
    }
    let Some(channel) = channels::open_widget(&mut read, session.channel).await? else {
        return Ok(Outcome::ChannelGone);
    };
    drop(read);
    if let Some(wait) = pace::message(&app.cache, session, channel.messages_per_minute).await {
        return Ok(Outcome::Paced(wait));
    }
    let mut tx = app.db.tenant(session.creator).await?;
    let Some(seq) = number(&mut tx, session).await? else {
        return Ok(Outcome::Closed);
    };
    // Under the row lock of the conversation: whoever sent the same message has committed by now.
    let known = messages::find_client_message(&mut tx, session.conversation, client_msg_id);
    if let Some(seq) = known.await? {
        return Ok(Outcome::Known(seq));
    }
    let conversation = session.conversation;
    let row = messages::insert_question(&mut tx, conversation, seq, client_msg_id, content).await?;
    usage::record(&mut tx, &[(UsageKind::Messages, 1)]).await?;
    tx.commit().await?;
    metrics::counter!("widget_messages_total", "role" => "user").increment(1);
    Ok(Outcome::Stored(Box::new(row)))
}

/// The next number; opens the conversation with its first message.
async fn number(tx: &mut TenantTx, session: &SessionClaims) -> sqlx::Result<Option<i64>> {
    let id = session.conversation;
    if let Some(seq) = conversations::next_seq(tx, id).await? {
        return Ok(Some(seq));
    }
    conversations::open(tx, session).await?;
    conversations::next_seq(tx, id).await
}
