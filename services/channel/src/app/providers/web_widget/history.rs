//! A visitor's own conversation, read without a socket.

use shared_models::ConversationId;
use shared_models::page::{BadPage, DEFAULT_LIMIT, MAX_LIMIT};

use super::admission::Admitted;
use crate::error::Error;
use crate::state::AppState;
use crate::store::messages::MessageRow;
use crate::store::{conversations, messages};

/// Part of a conversation, oldest first.
pub(crate) struct HistoryPage {
    pub(crate) conversation: ConversationId,
    pub(crate) messages: Vec<MessageRow>,
    /// The number of the conversation's last message.
    pub(crate) last_seq: i64,
}

/// Reads the messages after a number with a session token.
pub(crate) async fn read(
    app: &AppState,
    admitted: &Admitted,
    token: &str,
    after_seq: Option<i64>,
    limit: Option<i64>,
) -> Result<HistoryPage, Error> {
    let session = app.tokens.session(token).map_err(Error::Session)?;
    admitted.check(&session).map_err(Error::Session)?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(BadPage::Limit.into());
    }
    let after = after_seq.unwrap_or(0).max(0);
    let mut tx = app.db.tenant_read(session.creator).await?;
    let conversation = conversations::find(&mut tx, session.conversation).await?;
    Ok(HistoryPage {
        conversation: session.conversation,
        messages: messages::after(&mut tx, session.conversation, after, limit).await?,
        last_seq: conversation.map_or(0, |row| row.last_seq),
    })
}
