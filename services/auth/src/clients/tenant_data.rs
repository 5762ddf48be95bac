//! Exports and erases the data of a tenant in the other services.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use reqwest::Method;
use shared_config::Service;
use shared_models::{CreatorId, ExportFailure, RowCounts};
use shared_rpc::{RpcClient, RpcError, TokenSource};
use shared_web::tenant_data::{ExportError, ExportedLine, LineError, LineReader, ROUTE};

use crate::config::PrivacySettings;

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
    #[error(transparent)]
    Call(#[from] RpcError),
    #[error("the service sent nothing for {RECORD_TIMEOUT:?}")]
    Timeout,
    #[error(transparent)]
    Line(#[from] LineError<reqwest::Error>),
}

impl TenantDataError {
    /// Whether the service as a whole is unavailable. A failure within a response does not count:
    /// the data themselves may cause it, and then it would never end.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Call(RpcError::Unavailable { .. }) => true,
            Self::Call(RpcError::Refused { status, .. }) => *status >= 500 || *status == 429,
            Self::Call(_) | Self::Timeout | Self::Line(_) => false,
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

/// The clients of the services.
#[derive(Debug, Clone)]
pub(crate) struct TenantDataClients {
    creator_hub: RpcClient,
    ai_engine: RpcClient,
    channel: RpcClient,
}

impl TenantDataClients {
    pub(crate) fn new(
        settings: &PrivacySettings,
        http: &reqwest::Client,
        tokens: &Arc<dyn TokenSource>,
    ) -> Self {
        let client = |service: TenantDataService, url: &str| {
            RpcClient::new(service.service(), url, http.clone(), Arc::clone(tokens))
        };
        Self {
            creator_hub: client(TenantDataService::CreatorHub, &settings.creator_hub_url),
            ai_engine: client(TenantDataService::AiEngine, &settings.ai_engine_url),
            channel: client(TenantDataService::Channel, &settings.channel_url),
        }
    }

    const fn of(&self, service: TenantDataService) -> &RpcClient {
        match service {
            TenantDataService::CreatorHub => &self.creator_hub,
            TenantDataService::AiEngine => &self.ai_engine,
            TenantDataService::Channel => &self.channel,
        }
    }

    /// Erases the data of a tenant in one service.
    pub(crate) async fn erase(
        &self,
        service: TenantDataService,
        creator: CreatorId,
    ) -> Result<RowCounts, TenantDataError> {
        let client = self.of(service);
        let request = client.request(Method::DELETE, ROUTE, Some(creator))?;
        Ok(client.fetch(request.timeout(ERASURE_TIMEOUT)).await?)
    }

    /// Opens the export of one service.
    pub(crate) async fn export(
        &self,
        service: TenantDataService,
        creator: CreatorId,
    ) -> Result<RecordStream<impl Stream<Item = reqwest::Result<Bytes>> + use<>>, TenantDataError>
    {
        let client = self.of(service);
        let request = client.request(Method::GET, ROUTE, Some(creator))?;
        let sent = tokio::time::timeout(RECORD_TIMEOUT, client.send(request));
        let response = sent.await.map_err(|_| TenantDataError::Timeout)??;
        Ok(RecordStream(LineReader::new(response.bytes_stream())))
    }
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
