//! Rate limits for visitors, addresses and channels.

use std::time::Duration;

use shared_cache::{Cache, Decision, Key, Limit};
use shared_models::ChannelId;

use crate::domain::visitor_token::SessionClaims;
use crate::domain::widget_settings::MessagesPerMinute;
use crate::error::Error;

const RATE_WINDOW: Duration = Duration::from_mins(1);
/// Sessions per minute from one address, which an office may share.
const MAX_SESSIONS: Limit = Limit {
    count: 120,
    window: RATE_WINDOW,
    burst: 120,
};
/// Look-ups of widgets per minute from one network. Widgets that are in use have a copy in Redis
/// and need none.
const MAX_LOOK_UPS: Limit = Limit {
    count: 600,
    window: RATE_WINDOW,
    burst: 200,
};
/// Originals of documents per minute that one network may open.
const MAX_ORIGINALS: Limit = Limit {
    count: 240,
    window: RATE_WINDOW,
    burst: 120,
};
/// Messages per minute on one channel.
const MAX_CHANNEL_MESSAGES: Limit = Limit {
    count: 1200,
    window: RATE_WINDOW,
    burst: 600,
};

/// Charges one look-up of a widget that has no copy in Redis. Fails open: without Redis every
/// request needs one.
pub(crate) async fn charge_look_up(cache: &Cache, network: &str) -> Result<(), Error> {
    charge_network(cache, "widget-look-up", network, &MAX_LOOK_UPS).await
}

/// Charges the download of one original. Fails open: what is public may be read.
pub(crate) async fn charge_original(cache: &Cache, network: &str) -> Result<(), Error> {
    charge_network(cache, "widget-original", network, &MAX_ORIGINALS).await
}

async fn charge_network(
    cache: &Cache,
    name: &'static str,
    network: &str,
    limit: &Limit,
) -> Result<(), Error> {
    let key = Key::limit(name, network);
    match cache.take(&key, limit, 1).await {
        Ok(Decision::Refused { retry_after, .. }) => Err(Error::RateLimited(retry_after)),
        Ok(Decision::Allowed { .. }) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, limit = name, "Redis unavailable; request not rate-limited");
            Ok(())
        }
    }
}

/// Charges one session. Fails closed: without Redis, no session starts.
pub(crate) async fn charge_session(
    cache: &Cache,
    channel: ChannelId,
    address: &str,
) -> Result<(), Error> {
    let key = Key::limit("widget-session", &format!("{channel}:{address}"));
    let decision = cache.take(&key, &MAX_SESSIONS, 1).await;
    match decision.map_err(Error::Cache)? {
        Decision::Allowed { .. } => Ok(()),
        Decision::Refused { retry_after, .. } => Err(Error::RateLimited(retry_after)),
    }
}

/// Charges one message and returns the time to wait if there were too many. Fails open: visitors
/// have a token and get one answer at a time, and without Redis no message must be lost.
pub(crate) async fn charge_message(
    cache: &Cache,
    session: &SessionClaims,
    rate: MessagesPerMinute,
) -> Option<Duration> {
    let count = u32::from(rate);
    let max_visitor_messages = Limit {
        count,
        window: RATE_WINDOW,
        burst: count,
    };
    let visitor = Key::limit("widget-message", &session.visitor.to_string());
    let channel = Key::limit("widget-messages", &session.channel.to_string());
    for (key, limit) in [
        (visitor, max_visitor_messages),
        (channel, MAX_CHANNEL_MESSAGES),
    ] {
        match cache.take(&key, &limit, 1).await {
            Ok(Decision::Allowed { .. }) => {}
            Ok(Decision::Refused { retry_after, .. }) => return Some(retry_after),
            Err(error) => {
                tracing::warn!(%error, "Redis unavailable; message not rate-limited");
            }
        }
    }
    None
}
