//! Sessions of visitors. Nothing is stored until the first message.

use std::net::IpAddr;

use jiff::Timestamp;
use shared_models::{ConversationId, VisitorId};

use super::admission::Admitted;
use crate::app::limits;
use crate::domain::visitor_token::{BadToken, IssuedTokens, VisitorClaims};
use crate::error::Error;
use crate::state::AppState;
use crate::store::conversations;

/// A session that has started.
pub(crate) struct StartedSession {
    pub(crate) tokens: IssuedTokens,
    pub(crate) conversation: ConversationId,
}

/// Starts a session of a new visitor, or of the one that the visitor token names.
pub(crate) async fn start(
    app: &AppState,
    admitted: &Admitted,
    network: IpAddr,
    visitor_token: Option<&str>,
) -> Result<StartedSession, Error> {
    let origin = admitted.origin.as_deref().ok_or(Error::OriginNotAllowed)?;
    limits::charge_session(&app.cache, admitted.channel, &network.to_string()).await?;
    let visitor = match visitor_token {
        Some(token) => resume(app, admitted, origin, token).await?,
        None => VisitorClaims::new(
            admitted.channel,
            VisitorId::new(),
            ConversationId::new(),
            origin,
        ),
    };
    let now = Timestamp::now().as_second();
    let tokens = app.tokens.issue(now, admitted.widget.creator, &visitor)?;
    Ok(StartedSession {
        tokens,
        conversation: visitor.conversation,
    })
}

/// The visitor of a token. A visitor whose conversation is closed starts another one.
async fn resume(
    app: &AppState,
    admitted: &Admitted,
    origin: &str,
    token: &str,
) -> Result<VisitorClaims, Error> {
    let mut claims = app.tokens.visitor(token).map_err(Error::Visitor)?;
    if claims.channel != admitted.channel || claims.origin != origin {
        return Err(Error::Visitor(BadToken::Invalid));
    }
    let tenant = admitted.widget.creator;
    if conversations::is_closed(&app.db, tenant, claims.conversation).await? {
        claims.conversation = ConversationId::new();
    }
    Ok(claims)
}
