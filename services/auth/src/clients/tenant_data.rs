//! The calls of the other services: copy and erase what they keep of a tenant.

use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use reqwest::{RequestBuilder, Response};
use shared_config::Service;
use shared_models::tenant_data::END;
use shared_models::{CreatorId, ExportRecord, RowCounts};
use shared_web::tenant_data::ROUTE;

use super::Privacy;
use crate::state::AppState;

/// Who is asked besides auth itself, in this order: creator-hub first, whose workers would
/// otherwise hand documents to ai-engine after it was emptied.
pub(super) const PEERS: [Service; 3] = [Service::CreatorHub, Service::AiEngine, Service::Channel];
/// Longest wait for a service to erase.
const ERASING: Duration = Duration::from_mins(5);
/// Longest silence within a copy.
const SILENCE: Duration = Duration::from_secs(30);

/// Why a service did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum PeerError {
    #[error("it does not answer: {0}")]
    Away(#[from] reqwest::Error),
    #[error("it answers {0}")]
    Refused(reqwest::StatusCode),
    #[error("it fell silent")]
    Silent,
    #[error("it broke off")]
    BrokeOff,
    #[error("a line cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("no token for it")]
    NoToken,
}

/// Erases what a service keeps of a tenant.
pub(super) async fn erase(
    app: &AppState,
    service: Service,
    creator: CreatorId,
) -> Result<RowCounts, PeerError> {
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
    Ok(Copy {
        stream: Box::pin(response.bytes_stream()),
        rest: Vec::new(),
        searched: 0,
    })
}

/// A copy on its way.
pub(super) struct Copy<S> {
    stream: std::pin::Pin<Box<S>>,
    rest: Vec<u8>,
    /// So much of the rest has no end of line.
    searched: usize,
}

impl<S: Stream<Item = reqwest::Result<bytes::Bytes>>> Copy<S> {
    /// The next line; none after the last one. A copy without its last line is an error.
    pub(super) async fn next(&mut self) -> Result<Option<ExportRecord>, PeerError> {
        loop {
            let end = self.rest[self.searched..].iter().position(|b| *b == b'\n');
            if let Some(end) = end {
                let line: Vec<u8> = self.rest.drain(..=self.searched + end).collect();
                self.searched = 0;
                let line: ExportRecord = serde_json::from_slice(&line)?;
                return Ok((line.kind != END).then_some(line));
            }
            self.searched = self.rest.len();
            let more = tokio::time::timeout(SILENCE, self.stream.next()).await;
            match more.map_err(|_| PeerError::Silent)? {
                Some(bytes) => self.rest.extend_from_slice(&bytes?),
                None => return Err(PeerError::BrokeOff),
            }
        }
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
    let token = app.verifier.signer().tenant_token(service, creator);
    let token = token.map_err(|_| PeerError::NoToken)?;
    let response = request.bearer_auth(token).send().await?;
    if response.status().is_success() {
        return Ok(response);
    }
    Err(PeerError::Refused(response.status()))
}
