//! The connection to the API server, with deadlines and retries of our own.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client as HyperClient, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
#[cfg(target_os = "linux")]
use operator_core::lease::TRANSIT_TIMEOUT;
use tower::retry::RetryLayer;
use tower::timeout::TimeoutLayer;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder};

/// One attempt at the API server: below the retries, so that a layer here sees every attempt.
pub type Wire = BoxCloneSyncService<Request<Body>, Answer, BoxError>;
/// What came back.
pub type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// Until the answer begins. Watches answer at once too; their silence is kube's to notice.
const CALL_DEADLINE: Duration = Duration::from_secs(20);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Connects with the settings of the operator.
///
/// kube's own stack would repeat a call for minutes, unseen, and wait for ever on a hung server.
pub fn connect(config: Config) -> Result<Client, kube::Error> {
    connect_through(config, |wire| wire)
}

/// Connects through `middle`, which sees every single attempt: tests count and break calls there.
pub fn connect_through(
    config: Config,
    middle: impl FnOnce(Wire) -> Wire,
) -> Result<Client, kube::Error> {
    connect_by(connector(), config, middle)
}

/// Connects through `middle`, which refuses writes, by connections that are dropped when what was
/// sent is not acknowledged: it must not arrive when another operator writes already, even if this
/// process stands still meanwhile.
pub fn connect_fenced(
    config: Config,
    middle: impl FnOnce(Wire) -> Wire,
) -> Result<Client, kube::Error> {
    let mut connector = connector();
    #[cfg(target_os = "linux")]
    connector.set_tcp_user_timeout(Some(TRANSIT_TIMEOUT));
    connect_by(connector, config, middle)
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_DEADLINE));
    connector
}

fn connect_by(
    connector: HttpConnector,
    config: Config,
    middle: impl FnOnce(Wire) -> Wire,
) -> Result<Client, kube::Error> {
    let https = config.rustls_https_connector_with_connector(connector)?;
    let hyper = HyperClient::builder(TokioExecutor::new()).build::<_, Body>(https);
    let wire = ServiceBuilder::new()
        .map_response(|answer: Response<Incoming>| {
            answer.map(|body| body.map_err(BoxError::from).boxed_unsync())
        })
        .layer(TimeoutLayer::new(CALL_DEADLINE))
        .service(hyper);
    let stack = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .layer(RetryLayer::new(retries()))
        .service(middle(BoxCloneSyncService::new(wire)));
    Ok(Client::new(stack, config.default_namespace))
}

/// Two more tries within half a second, and only where the server says that it did nothing.
/// Whatever takes longer is the work queue's: it requeues the platform, with its backoff.
fn retries() -> RetryPolicy {
    RetryPolicy::new(
        Duration::from_millis(50),
        Duration::from_millis(400),
        2,
        false,
    )
    .unwrap_or_default()
}
