//! Logs as JSON, their level changeable while running, and the metrics of the operator.

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Registry, fmt};

/// Seconds, from a reconcile that finds nothing to do to one that reaches its deadline.
const DURATION_BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];

/// Why logs or metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter is not one.
    #[error("invalid log filter: {0}; use for example info, debug or info,kube=debug")]
    Filter(#[from] ParseError),
    /// Something else writes logs already.
    #[error(transparent)]
    Subscriber(#[from] TryInitError),
    /// Something else counts already.
    #[error(transparent)]
    Recorder(#[from] BuildError),
    /// The writer of logs is gone.
    #[error(transparent)]
    Reload(#[from] reload::Error),
}

/// Changes what is logged.
#[derive(Clone)]
pub struct LogLevel(Handle<EnvFilter, Registry>);

impl LogLevel {
    /// Log what `filter` says from now on, for example `debug` or `info,kube=debug`.
    pub fn set(&self, filter: &str) -> Result<(), Error> {
        self.0.reload(parse(filter)?)?;
        Ok(())
    }
}

/// Starts logging JSON lines to standard output.
pub fn log(filter: &str) -> Result<LogLevel, Error> {
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()?;
    Ok(LogLevel(handle))
}

/// Installs the metrics recorder. `docs/runbook.md` lists the metrics; labels never contain names
/// of platforms or Tenants, which would make their number unbounded.
pub fn metrics() -> Result<PrometheusHandle, Error> {
    Ok(PrometheusBuilder::new()
        .set_buckets(&DURATION_BUCKETS)?
        .install_recorder()?)
}

/// An empty filter would log errors only, which is never what its writer meant.
fn parse(filter: &str) -> Result<EnvFilter, Error> {
    let filter = if filter.trim().is_empty() {
        "info"
    } else {
        filter.trim()
    };
    Ok(EnvFilter::builder().parse(filter)?)
}
