//! Exports and erases the data of a tenant in the other services.

use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use reqwest::{RequestBuilder, Response, StatusCode};
use shared_config::Service;
use shared_models::{CreatorId, ExportFailure, RowCounts};
use shared_web::tenant_data::{ExportError, ExportedLine, LineError, LineReader, ROUTE};

use crate::app::privacy::Privacy;
use crate::state::AppState;

/// A service that stores data of tenants, besides auth itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TenantDataService {
    CreatorHub,
    AiEngine,
    Channel,
}

impl TenantDataService {
    /// In the order of erasure: creator-hub first, because its workers would otherwise send
    /// documents to ai-engine after its data was erased.
    pub(crate) const ALL: [Self; 3] = [Self::CreatorHub, Self::AiEngine, Self::Channel];

    const fn service(self) -> Service {
        match self {
            Self::CreatorHub => Service::CreatorHub,
            Self::AiEngine => Service::AiEngine,
            Self::Channel => Service::Channel,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        self.service().name()
    }
}

/// Longest wait for a service to erase the data of a tenant.
const ERASURE_TIMEOUT: Duration = Duration::from_mins(5);
/// Longest wait for the next record of an export.
const RECORD_TIMEOUT: Duration = Duration::from_secs(30);

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TenantDataError {
    #[error("the service is unavailable: {0}")]
    Unavailable(#[from] reqwest::Error),
    #[error("the service refused the request with {0}")]
    Refused(StatusCode),
    #[error("the service sent nothing for {RECORD_TIMEOUT:?}")]
    Timeout,
    #[error(transparent)]
    Line(#[from] LineError<reqwest::Error>),
    #[error("no token for the service could be signed")]
    NoToken,
}

impl TenantDataError {
    /// Whether the service as a whole is unavailable. A failure within a response does not count:
    /// the data themselves may cause it, and then it would never end.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Refused(status) => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Timeout | Self::Line(_) | Self::NoToken => false,
        }
    }

    /// The failure that the service itself has reported.
    pub(crate) const fn reported(&self) -> Option<&ExportFailure> {
        match self {
            Self::Line(LineError::Failed(failure)) => Some(failure),
            _ => None,
        }
    }
}

impl From<TenantDataError> for ExportError {
    fn from(error: TenantDataError) -> Self {
        match error {
            TenantDataError::Line(LineError::Failed(failure)) => Self::Reported(failure),
            other => Self::Source(Box::new(other)),
        }
    }
}

/// Erases the data of a tenant in one service.
pub(crate) async fn erase(
    app: &AppState,
    service: TenantDataService,
    creator: CreatorId,
) -> Result<RowCounts, TenantDataError> {
    let url = url(&app.privacy, service);
    let request = app.privacy.http.delete(url).timeout(ERASURE_TIMEOUT);
    Ok(send(app, service, creator, request).await?.json().await?)
}

/// Opens the export of one service.
pub(crate) async fn export(
    app: &AppState,
    service: TenantDataService,
    creator: CreatorId,
) -> Result<RecordStream<impl Stream<Item = reqwest::Result<Bytes>> + use<>>, TenantDataError> {
    let request = app.privacy.http.get(url(&app.privacy, service));
    let sent = tokio::time::timeout(RECORD_TIMEOUT, send(app, service, creator, request));
    let response = sent.await.map_err(|_| TenantDataError::Timeout)??;
    Ok(RecordStream(LineReader::new(response.bytes_stream())))
}

/// The records of an export.
pub(crate) struct RecordStream<S>(LineReader<S>);

impl<S: Stream<Item = reqwest::Result<Bytes>>> RecordStream<S> {
    /// The next record; none after the last one. An export without its last record is an error.
    pub(crate) async fn next(&mut self) -> Result<Option<ExportedLine>, TenantDataError> {
        let line = tokio::time::timeout(RECORD_TIMEOUT, self.0.next()).await;
        Ok(line.map_err(|_| TenantDataError::Timeout)??)
    }
}

fn url(privacy: &Privacy, service: TenantDataService) -> String {
    let settings = &privacy.settings;
    let base = match service {
        TenantDataService::CreatorHub => &settings.creator_hub_url,
        TenantDataService::AiEngine => &settings.ai_engine_url,
        TenantDataService::Channel => &settings.channel_url,
    };
    format!("{base}{}{ROUTE}", service.service().prefix())
}

async fn send(
    app: &AppState,
    service: TenantDataService,
    creator: CreatorId,
    request: RequestBuilder,
) -> Result<Response, TenantDataError> {
    let token = app
        .verifier
        .signer()
        .tenant_token(service.service(), creator);
    let token = token.map_err(|_| TenantDataError::NoToken)?;
    let response = request.bearer_auth(token).send().await?;
    if response.status().is_success() {
        return Ok(response);
    }
    Err(TenantDataError::Refused(response.status()))
}
