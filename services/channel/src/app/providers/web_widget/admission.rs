//! Which pages may use a widget.

use shared_models::ChannelId;

use crate::domain::origin::Origin;
use crate::domain::visitor_token::{BadToken, SessionClaims};
use crate::error::Error;
use crate::state::AppState;
use crate::store::channels::{self, WidgetRow};
use crate::store::tenants;

/// A widget that the calling page may use.
#[derive(Debug, Clone)]
pub(crate) struct Admitted {
    pub(crate) channel: ChannelId,
    pub(crate) widget: WidgetRow,
    /// The page's origin; `None` for a read by a page of this host, for which browsers send none.
    pub(crate) origin: Option<String>,
}

impl Admitted {
    /// Checks that a session belongs to this widget and this page.
    pub(crate) fn check(&self, session: &SessionClaims) -> Result<(), BadToken> {
        let is_other_page = |origin: &String| *origin != session.origin;
        let is_foreign = session.channel != self.channel
            || session.creator != self.widget.creator
            || self.origin.as_ref().is_some_and(is_other_page);
        if is_foreign {
            Err(BadToken::Invalid)
        } else {
            Ok(())
        }
    }
}

/// Admits a page if the widget and the account allow its origin. An unknown widget and a foreign
/// page get the same error, so that ids cannot be probed.
pub(crate) async fn admit(
    app: &AppState,
    channel: ChannelId,
    origin: Option<Origin>,
) -> Result<Admitted, Error> {
    let widget = channels::find_widget(&app.db, channel).await?;
    let widget = widget.ok_or(Error::OriginNotAllowed)?;
    let allowed = &widget.settings.allowed_origins;
    if origin.as_ref().is_some_and(|page| !allowed.admits(page)) {
        return Err(Error::OriginNotAllowed);
    }
    let mut tx = app.db.tenant_read(widget.creator).await?;
    let account = tenants::find(&mut tx).await?;
    if origin
        .as_ref()
        .is_some_and(|page| !account.origins.admits(page))
    {
        return Err(Error::OriginNotAllowed);
    }
    if account.suspended {
        return Err(Error::TenantSuspended);
    }
    Ok(Admitted {
        channel,
        widget,
        origin: origin.map(|page| page.as_str().to_owned()),
    })
}
