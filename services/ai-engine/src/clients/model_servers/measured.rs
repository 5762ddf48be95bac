//! Metrics of model servers. The names of servers are those of the spec, at most 8 and Ollama.

use shared_ai_client::FallbackReason;

/// Counts a call and says whether the server did what it was asked to.
pub(super) fn call(server: &str, purpose: &'static str, failure: Option<FallbackReason>) {
    let outcome = failure.map_or("ok", FallbackReason::as_str);
    let labels = [
        ("server", server.to_owned()),
        ("use", purpose.to_owned()),
        ("outcome", outcome.to_owned()),
    ];
    metrics::counter!("ai_engine_model_calls_total", &labels).increment(1);
    // A text that is too long says nothing about the server.
    if failure != Some(FallbackReason::TooLong) {
        availability(server, purpose, failure.is_none());
    }
}

/// Whether the last call of a server succeeded.
pub(super) fn availability(server: &str, purpose: &'static str, is_available: bool) {
    let labels = [("server", server.to_owned()), ("use", purpose.to_owned())];
    let value = if is_available { 1.0 } else { 0.0 };
    metrics::gauge!("ai_engine_model_server_available", &labels).set(value);
}

/// Counts what another server than the preferred one has done.
pub(super) fn fallback(server: &str, purpose: &'static str, reason: FallbackReason) {
    let labels = [
        ("server", server.to_owned()),
        ("use", purpose.to_owned()),
        ("reason", reason.as_str().to_owned()),
    ];
    metrics::counter!("ai_engine_model_fallbacks_total", &labels).increment(1);
}
