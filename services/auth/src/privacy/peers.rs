//! The calls of the other services: copy and erase what they keep of a tenant.

use std::time::Duration;

use futures_util::Stream;
use reqwest::{RequestBuilder, Response, StatusCode};
use shared_config::Service;
use shared_models::{CopyFailure, CreatorId, Tally};
use shared_web::tenant_data::{CopyError, Line, LineError, LineReader, ROUTE};

use super::Privacy;
use crate::state::AppState;

/// Who is asked besides auth itself, in this order: creator-hub first, whose workers would
/// otherwise hand documents to ai-engine after it was emptied.
pub(super) const PEERS: [Service; 3] = [Service::CreatorHub, Service::AiEngine, Service::Channel];
/// Longest wait for a service to erase.
const ERASING: Duration = Duration::from_mins(5);
/// Longest wait for a line of a copy.
const SILENCE: Duration = Duration::from_secs(30);

/// Why a service did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum PeerError {
    #[error("it does not answer: {0}")]
    Away(#[from] reqwest::Error),
    #[error("it answers {0}")]
    Refused(StatusCode),
    #[error("it fell silent")]
    Silent,
    #[error(transparent)]
    Line(#[from] LineError<reqwest::Error>),
    #[error("no token for it")]
    NoToken,
}

impl PeerError {
    /// Whether the service is unavailable as a whole, and will be back. What fails within an
    /// answer is something else: the data themselves may be what breaks it.
    pub(super) fn is_outage(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::Refused(status) => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Silent | Self::Line(_) | Self::NoToken => false,
        }
    }

    /// What the service itself says of its failure.
    pub(super) fn reported(&self) -> Option<&CopyFailure> {
        match self {
            Self::Line(LineError::Failed(failure)) => Some(failure),
            _ => None,
        }
    }
}

impl From<PeerError> for CopyError {
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::Line(LineError::Failed(failure)) => Self::Reported(failure),
            other => Self::Source(Box::new(other)),
        }
    }
}

/// Erases what a service keeps of a tenant.
pub(super) async fn erase(
    app: &AppState,
    service: Service,
    creator: CreatorId,
) -> Result<Tally, PeerError> {
    let url = url(&app.privacy, service);
    let request = app.privacy.http.delete(url).timeout(ERASING);
    Ok(send(app, service, creator, request).await?.json().await?)
}

/// The lines of what a service keeps of a tenant.
pub(super) async fn copy(
    app: &AppState,
    service: Service,
    creator: CreatorId,
) -> Result<Copy<impl Stream<Item = reqwest::Result<bytes::Bytes>> + use<>>, PeerError> {
    let request = app.privacy.http.get(url(&app.privacy, service));
    let sent = tokio::time::timeout(SILENCE, send(app, service, creator, request));
    let response = sent.await.map_err(|_| PeerError::Silent)??;
    Ok(Copy(LineReader::new(response.bytes_stream())))
}

/// A copy on its way.
pub(super) struct Copy<S>(LineReader<S>);

impl<S: Stream<Item = reqwest::Result<bytes::Bytes>>> Copy<S> {
    /// The next line; none after the last one. A copy without its last line is an error.
    pub(super) async fn next(&mut self) -> Result<Option<Line>, PeerError> {
        let line = tokio::time::timeout(SILENCE, self.0.next()).await;
        Ok(line.map_err(|_| PeerError::Silent)??)
    }
}

fn url(privacy: &Privacy, service: Service) -> String {
    let settings = &privacy.settings;
    let base = match service {
        Service::CreatorHub => &settings.creator_hub_url,
        Service::AiEngine => &settings.ai_engine_url,
        Service::Channel | Service::Auth => &settings.channel_url,
    };
    format!("{base}{}{ROUTE}", service.prefix())
}

async fn send(
    app: &AppState,
    service: Service,
    creator: CreatorId,
    request: RequestBuilder,
) -> Result<Response, PeerError> {
    let token = app.verifier.internal_token(service, creator);
    let token = token.map_err(|_| PeerError::NoToken)?;
    let response = request.bearer_auth(token).send().await?;
    if response.status().is_success() {
        return Ok(response);
    }
    Err(PeerError::Refused(response.status()))
}
