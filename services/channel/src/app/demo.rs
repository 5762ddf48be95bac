//! The demo page.

use std::net::IpAddr;

use shared_models::ChannelId;

use crate::app::providers::web_widget::admission::find_widget;
use crate::domain::origin::Origin;
use crate::error::Error;
use crate::state::AppState;

/// Whether that page may embed the channel's widget.
pub(crate) async fn may_embed(
    app: &AppState,
    channel: ChannelId,
    page: &Origin,
    network: IpAddr,
) -> Result<bool, Error> {
    let found = find_widget(app, channel, network).await?;
    Ok(found.is_some_and(|(widget, _)| widget.settings.allowed_origins.admits(page)))
}
