//! The HTTP client of calls that leave a service.

use std::time::Duration;

/// Longest wait for a connection to another part of the platform.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A client with bounded connects and no overall timeout: streams set theirs per call.
/// Clones share the connection pool.
pub fn new() -> reqwest::Result<reqwest::Client> {
    install_tls_provider();
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        // A redirect within the platform is a mistake, and would send the token elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// Makes ring the process's TLS provider; without one, the first HTTPS call panics.
pub fn install_tls_provider() {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
