//! What a host asks of programs in its `robots.txt` (RFC 9309).

use std::time::Duration;

use robotxt::{AccessResult, BYTE_LIMIT, Robots};
use url::Url;

use crate::failure::{FetchError, FetchFailure};
use crate::fetcher::Page;

/// The name that `robots.txt` knows this program by.
pub const AGENT: &str = "CreatorPlatform";
/// Bytes of a `robots.txt` that are read, one more than are parsed, so that a cut line is seen.
pub(crate) const MAX_BYTES: usize = BYTE_LIMIT + 1;
/// Redirects of a `robots.txt` that are followed.
pub(crate) const MAX_REDIRECTS: usize = 5;
/// The longest pause between two requests that a host may ask for.
const MAX_CRAWL_DELAY: Duration = Duration::from_secs(30);

/// The rules of one host for this program.
#[derive(Debug, Clone)]
pub(crate) struct Rules(Robots);

impl Rules {
    /// The rules, by what the request for the file ended in. A file that is missing or denied
    /// allows everything; one that cannot be read now allows nothing.
    pub(crate) fn of(fetched: &Result<Page, FetchError>) -> Result<Self, FetchError> {
        let access = match fetched {
            Ok(page) => AccessResult::Successful(&page.body),
            Err(error) => match error.failure {
                FetchFailure::Missing | FetchFailure::Denied => AccessResult::Unavailable,
                FetchFailure::TooManyRedirects => AccessResult::TooManyRedirects,
                FetchFailure::Busy | FetchFailure::Failed | FetchFailure::BadEncoding => {
                    return Err(FetchError {
                        failure: FetchFailure::RobotsUnavailable,
                        ..error.clone()
                    });
                }
                // The page would fail in the same way.
                _ => return Err(error.clone()),
            },
        };
        Ok(Self(Robots::from_access(access, AGENT)))
    }

    pub(crate) fn allow(&self, url: &Url) -> bool {
        self.0.is_url_allowed(url)
    }

    /// The pause that the host asks for, if any.
    pub(crate) fn pause(&self) -> Option<Duration> {
        self.0.crawl_delay().map(|delay| delay.min(MAX_CRAWL_DELAY))
    }
}

/// Where the file of a URL's host is.
pub(crate) fn location(url: &Url) -> Url {
    let mut location = url.clone();
    location.set_path("/robots.txt");
    location.set_query(None);
    location.set_fragment(None);
    location
}
