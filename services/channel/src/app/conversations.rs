//! Conversations and transcripts, for the creator.

pub(crate) mod answer;
pub(crate) mod receive;
pub(crate) mod summary;

use shared_models::{ConversationId, CreatorId};
use uuid::Uuid;

use crate::domain::conversation::HandledBy;
use crate::error::Error;
use crate::state::AppState;
use crate::store::{conversations, messages};

pub(crate) use crate::store::conversations::{ConversationFilter, ConversationRow, Waiting};
pub(crate) use crate::store::messages::MessageRow;

/// Up to `limit` conversations after that one, newest first.
pub(crate) async fn list(
    app: &AppState,
    tenant: CreatorId,
    filter: ConversationFilter,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ConversationRow>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    Ok(conversations::list(&mut tx, filter, after, limit).await?)
}

/// Gives a conversation that waits for a person back to the assistant.
pub(crate) async fn hand_back(
    app: &AppState,
    tenant: CreatorId,
    id: ConversationId,
) -> Result<ConversationRow, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    let is_handed_back = conversations::hand_back(&mut tx, id).await?;
    let row = conversations::find(&mut tx, id).await?;
    let row = row.ok_or(Error::UnknownConversation)?;
    // To the assistant it belongs already: the same request again changes nothing.
    if !is_handed_back && row.handled_by != HandledBy::Bot {
        return Err(Error::NotWaiting);
    }
    tx.commit().await?;
    Ok(row)
}

pub(crate) async fn find(
    app: &AppState,
    tenant: CreatorId,
    id: ConversationId,
) -> Result<ConversationRow, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let row = conversations::find(&mut tx, id).await?;
    row.ok_or(Error::UnknownConversation)
}

/// Up to `limit` messages after that number, oldest first.
pub(crate) async fn transcript(
    app: &AppState,
    tenant: CreatorId,
    id: ConversationId,
    after_seq: i64,
    limit: i64,
) -> Result<Vec<MessageRow>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    if conversations::find(&mut tx, id).await?.is_none() {
        return Err(Error::UnknownConversation);
    }
    Ok(messages::after(&mut tx, id, after_seq, limit).await?)
}
