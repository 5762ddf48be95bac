//! The originals of documents that the visitors of a widget may open.

use std::net::IpAddr;

use shared_hub_client::{HubError, Original};
use shared_models::{ChannelId, CollectionId, DocumentId};

use super::admission::find_widget;
use crate::app::limits;
use crate::error::Error;
use crate::state::AppState;

/// Opens the original of a public document within the collections of an enabled widget. Whatever
/// else the widget or the document is, the caller learns only that there is none.
pub(crate) async fn open(
    app: &AppState,
    channel: ChannelId,
    document: DocumentId,
    network: IpAddr,
) -> Result<Original, Error> {
    limits::charge_original(&app.cache, &network.to_string()).await?;
    let found = find_widget(app, channel, network).await?;
    let (widget, account) = found.ok_or(Error::UnknownDocument)?;
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
