//! Logs and metrics, set up once per process.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use tracing_subscriber::EnvFilter;

/// Histogram buckets of durations, seconds.
const BUCKETS: [f64; 11] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// A histogram that has recorded nothing for this long leaves `/metrics` at the next scrape.
/// Counters stay: one that disappeared would hide its last increments.
const METRICS_IDLE_TIMEOUT: Duration = Duration::from_hours(6);

/// Logs JSON lines to standard output. An invalid filter falls back to `info`.
pub fn start_logs(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_target(false);
    // A second call, as from tests in one process, has no effect.
    let _ = lines
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .try_init();
}

/// Installs the recorder behind `/metrics`.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    recording()?.install_recorder()
}

/// The recorder behind `/metrics`. Every label has a fixed list of values: a caller who could
/// choose a value would decide how much memory the recorder takes.
pub fn recording() -> Result<PrometheusBuilder, BuildError> {
    let suffix = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(suffix, &BUCKETS)?;
    Ok(builder.idle_timeout(MetricKindMask::HISTOGRAM, Some(METRICS_IDLE_TIMEOUT)))
}
