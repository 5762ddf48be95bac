//! Checks and counts a socket before its upgrade.

use std::net::IpAddr;

use axum::extract::ws::WebSocket;

use super::socket::{self, Close};
use super::socket_slots::{SocketSlot, SocketSource};
use crate::app::providers::web_widget::admission::Admitted;
use crate::domain::visitor_token::SessionClaims;
use crate::error::Error;
use crate::state::AppState;

/// A socket that is counted and may be upgraded.
pub(crate) struct PendingSocket {
    app: AppState,
    /// A socket with an invalid token is upgraded as well: a page can read its close code, but not
    /// the status of a refused upgrade.
    session: Result<SessionClaims, Close>,
    slot: SocketSlot,
}

/// Takes a slot for the socket, or fails when one of the bounds is reached.
pub(crate) fn prepare(
    app: &AppState,
    admitted: &Admitted,
    network: IpAddr,
    token: &str,
) -> Result<PendingSocket, Error> {
    let session = session_of(app, admitted, token);
    let source = SocketSource {
        visitor: session.as_ref().ok().map(|session| session.visitor),
        address: network,
        channel: admitted.channel,
        creator: admitted.widget.creator,
    };
    let slot = app.socket_slots.acquire(source).map_err(|cap| {
        metrics::counter!("channel_sockets_refused_total", "cap" => cap.as_str()).increment(1);
        Error::TooManySockets(cap)
    })?;
    Ok(PendingSocket {
        app: app.clone(),
        session,
        slot,
    })
}

fn session_of(app: &AppState, admitted: &Admitted, token: &str) -> Result<SessionClaims, Close> {
    // A new session helps against an expired token as well as against an invalid one.
    let session = app.tokens.session(token).map_err(|_| socket::EXPIRED)?;
    admitted.check(&session).map_err(|_| socket::FORBIDDEN)?;
    Ok(session)
}

impl PendingSocket {
    /// Serves the upgraded socket until it ends, then frees its slot.
    pub(crate) async fn serve(self, since: i64, socket: WebSocket) {
        let _slot = self.slot;
        match self.session {
            // Boxed: a connection to Redis by TLS has made it large.
            Ok(session) => Box::pin(socket::run(self.app, session, since, socket)).await,
            Err(close) => socket::reject(socket, close).await,
        }
    }
}
