//! How much a visitor, an address and a channel may ask for.

use std::time::Duration;

use shared_cache::{Cache, Decision, Key, Limit};
use shared_models::ChannelId;

use crate::domain::appearance::MessagesPerMinute;
use crate::domain::visitor_token::SessionClaims;
use crate::error::Error;

/// The window of every limit here.
const MINUTE: Duration = Duration::from_mins(1);
/// Sessions a minute from one address: an office shares one.
const SESSIONS: Limit = Limit {
    count: 120,
    window: MINUTE,
    burst: 120,
};
/// Messages a minute on one channel.
const CHANNEL_MESSAGES: Limit = Limit {
    count: 1200,
    window: MINUTE,
    burst: 600,
};

/// Counts a session. Fails closed: what cannot be counted is not begun.
pub(crate) async fn session(cache: &Cache, channel: ChannelId, address: &str) -> Result<(), Error> {
    let key = Key::limit("widget-session", &format!("{channel}:{address}"));
    match cache.take(&key, &SESSIONS, 1).await.map_err(Error::Cache)? {
        Decision::Allowed { .. } => Ok(()),
        Decision::Refused { retry_after, .. } => Err(Error::RateLimited(retry_after)),
    }
}

/// Counts a message; gives the time to wait when there were too many. Fails open: a visitor has a
/// token, answers are made one at a time, and a lost Redis must not lose words.
pub(crate) async fn message(
    cache: &Cache,
    session: &SessionClaims,
    pace: MessagesPerMinute,
) -> Option<Duration> {
    let count = u32::from(pace);
    let visitor = Limit {
        count,
        window: MINUTE,
        burst: count,
    };
    let by_visitor = Key::limit("widget-message", &session.visitor.to_string());
    let by_channel = Key::limit("widget-messages", &session.channel.to_string());
    for (key, limit) in [(by_visitor, visitor), (by_channel, CHANNEL_MESSAGES)] {
        match cache.take(&key, &limit, 1).await {
            Ok(Decision::Allowed { .. }) => {}
            Ok(Decision::Refused { retry_after, .. }) => return Some(retry_after),
            Err(error) => tracing::warn!(%error, "a message was not counted"),
        }
    }
    None
}
