//! The HTTP client of calls that leave a service.

use std::time::Duration;

use crate::telemetry;

/// Longest wait for a connection to another part of the platform.
const CONNECT: Duration = Duration::from_secs(2);

/// A client with bounded connects and no time limit of its own: streams set theirs per call.
/// Clones share its pool.
pub fn client() -> reqwest::Result<reqwest::Client> {
    telemetry::start_tls();
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        // A redirect within the platform is a mistake, and would carry the token elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}
