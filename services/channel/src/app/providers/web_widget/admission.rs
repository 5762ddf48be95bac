//! Which pages may use a widget.

use std::net::IpAddr;

use shared_cache::Key;
use shared_models::ChannelId;

use crate::app::limits;
use crate::domain::origin::Origin;
use crate::domain::visitor_token::{BadToken, SessionClaims};
use crate::error::Error;
use crate::state::AppState;
use crate::store::channels::{self, WidgetRow};
use crate::store::tenants::TenantSettings;

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
    network: IpAddr,
) -> Result<Admitted, Error> {
    let found = find_widget(app, channel, network).await?;
    let (widget, account) = found.ok_or(Error::OriginNotAllowed)?;
    let allowed = &widget.settings.allowed_origins;
    let is_allowed = |page: &Origin| allowed.admits(page) && account.origins.admits(page);
    if origin.as_ref().is_some_and(|page| !is_allowed(page)) {
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

/// The widget and its account: two copies in Redis, or else one look-up in PostgreSQL, which is
/// limited per network since the ids may be invented.
pub(crate) async fn find_widget(
    app: &AppState,
    channel: ChannelId,
    network: IpAddr,
) -> Result<Option<(WidgetRow, TenantSettings)>, Error> {
    let widget_key = Key::widget(channel);
    let start = match app.widgets.find::<WidgetRow>(&widget_key).await {
        Ok(widget) => {
            let account_key = Key::account_settings(widget.creator);
            match app.accounts.find::<TenantSettings>(&account_key).await {
                Ok(account) => return Ok(Some((widget, account))),
                Err(start) => start,
            }
        }
        Err(start) => start,
    };
    limits::charge_look_up(&app.cache, &network.to_string()).await?;
    let found = channels::find_widget(&app.db, channel).await?;
    if let Some((widget, account)) = &found {
        let account_key = Key::account_settings(widget.creator);
        app.widgets.fill(&widget_key, widget, start);
        app.accounts.fill(&account_key, account, start);
    }
    Ok(found)
}
