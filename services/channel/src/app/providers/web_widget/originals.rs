//! The originals of documents that the visitors of a widget may open.

use shared_hub_client::{HubError, Original};
use shared_models::{ChannelId, CollectionId, DocumentId};

use crate::error::Error;
use crate::state::AppState;
use crate::store::{channels, tenants};

/// Opens the original of a public document within the collections of an enabled widget. Whatever
/// else the widget or the document is, the caller learns only that there is none.
pub(crate) async fn open(
    app: &AppState,
    channel: ChannelId,
    document: DocumentId,
) -> Result<Original, Error> {
    let widget = channels::find_widget(&app.db, channel).await?;
    let widget = widget.ok_or(Error::UnknownDocument)?;
    let mut tx = app.db.tenant_read(widget.creator).await?;
    let account = tenants::find(&mut tx).await?;
    drop(tx);
    if account.suspended {
        return Err(Error::UnknownDocument);
    }
    let collections: Vec<CollectionId> = widget.settings.collections.into();
    let opened = app
        .hub
        .open_original(widget.creator, document, &collections);
    opened.await.map_err(|error| match error {
        HubError::Refused { status: 404, .. } => Error::UnknownDocument,
        error => error.into(),
    })
}
