//! Which failures of the Job end by themselves, and how long they are waited for.

use std::time::Duration;

use backon::ExponentialBuilder;

use crate::clients::model_error::ModelError;

use super::Error;

/// Waits after failures: they double.
pub(super) const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(5))
    .with_max_delay(Duration::from_mins(1))
    .without_max_times();

/// What Ollama says of a registry that it cannot reach or that is overloaded. It reports every
/// failure of a pull as a text.
const NETWORK: [&str; 14] = [
    "dial tcp",
    "no such host",
    "server misbehaving",
    "connection refused",
    "connection reset",
    "network is unreachable",
    "no route to host",
    "i/o timeout",
    "tls handshake timeout",
    "deadline exceeded",
    "unexpected eof",
    "max retries exceeded",
    "temporarily unavailable",
    "too many requests",
];

/// Whether the same attempt may succeed later.
pub(super) fn is_transient(error: &Error) -> bool {
    match error {
        Error::Unavailable { .. } => true,
        Error::Fetch { cause, .. } => is_transient_pull(cause),
        Error::Broken { cause, .. } => cause.is_transient(),
        Error::Download { cause, .. } => is_transient_download(cause),
        Error::Settings(_) | Error::NotCopied(_) | Error::Calibrate { .. } => false,
    }
}

fn is_transient_pull(cause: &ModelError) -> bool {
    match cause {
        ModelError::ModelFailed(text) => {
            let text = text.to_lowercase();
            NETWORK.iter().any(|words| text.contains(words))
        }
        ModelError::Truncated => true,
        other => other.is_transient(),
    }
}

fn is_transient_download(cause: &reqwest::Error) -> bool {
    match cause.status() {
        Some(status) => status.is_server_error() || status.as_u16() == 429,
        None => !cause.is_builder() && !cause.is_redirect(),
    }
}

#[cfg(test)]
mod tests {
    use backon::BackoffBuilder as _;

    use super::*;

    fn pull(text: &str) -> Error {
        let (model, cause) = ("m".to_owned(), ModelError::ModelFailed(text.to_owned()));
        Error::Fetch { model, cause }
    }

    #[test]
    fn a_registry_that_cannot_be_reached_is_waited_for() {
        let host = "pull model manifest: Get \"https://registry.example/v2/\": ";
        for text in [
            "dial tcp: lookup registry.example on 10.96.0.10:53: no such host",
            "dial tcp 198.51.100.7:443: connect: connection refused",
            "net/http: TLS handshake timeout",
            "read tcp 10.0.0.1:5->1.2.3.4:443: read: connection reset by peer",
        ] {
            assert!(is_transient(&pull(&format!("{host}{text}"))), "{text}");
        }
    }

    #[test]
    fn a_model_that_does_not_exist_is_not() {
        for text in [
            "pull model manifest: file does not exist",
            "invalid model name",
            "write /data/models/blobs/x: no space left on device",
        ] {
            assert!(!is_transient(&pull(text)), "{text}");
        }
        assert!(!is_transient(&Error::NotCopied("m".to_owned())));
    }

    #[test]
    fn waits_double_and_have_a_bound() {
        let waits = BACKOFF.build().take(6);
        let seconds: Vec<_> = waits.map(|wait| wait.as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 60, 60]);
    }
}
