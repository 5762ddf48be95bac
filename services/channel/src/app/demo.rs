//! The demo page.

use shared_models::ChannelId;

use crate::domain::origin::Origin;
use crate::error::Error;
use crate::state::AppState;
use crate::store::channels;

/// Whether that page may embed the channel's widget.
pub(crate) async fn may_embed(
    app: &AppState,
    channel: ChannelId,
    page: &Origin,
) -> Result<bool, Error> {
    let widget = channels::find_widget(&app.db, channel).await?;
    Ok(widget.is_some_and(|widget| widget.settings.allowed_origins.admits(page)))
}
