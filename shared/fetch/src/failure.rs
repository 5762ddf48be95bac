//! Why something was not fetched.

use std::time::Duration;

/// Why something was not fetched. The text of [`Self::as_str`] is the code that the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FetchFailure {
    /// The URL itself is refused.
    UrlRefused,
    /// The host has no address that may be connected to.
    AddressRefused,
    /// The name of the host is unknown.
    HostUnknown,
    /// Nothing answers there.
    Unreachable,
    /// The certificate of the host is wrong, or no common cipher was found.
    TlsFailed,
    /// It took too long.
    TooSlow,
    /// More came than is allowed.
    TooLarge,
    /// The connection ended before all was there.
    CutOff,
    /// What came is no HTTP.
    BadResponse,
    /// What came is compressed in a way that is unknown or wrong.
    BadEncoding,
    /// One redirect too many.
    TooManyRedirects,
    /// A redirect without a usable target.
    BadRedirect,
    /// 404 or 410.
    Missing,
    /// 401, 403 and the like.
    Denied,
    /// 429 or 503.
    Busy,
    /// Any other status that is no success.
    Failed,
    /// `robots.txt` says that programs are not welcome there.
    DisallowedByRobots,
    /// `robots.txt` exists and cannot be read.
    RobotsUnavailable,
    /// A list of pages that is none.
    BadListing,
    /// A list without a page.
    EmptyListing,
    /// A list of too many pages.
    TooManyPages,
    /// A page with the same content as another document.
    Duplicate,
    /// A page of a kind that is not read.
    Unsupported,
    /// A page whose document is still being processed.
    StillProcessing,
    /// A page for which the account has no quota left.
    QuotaExceeded,
}

/// Why something was not fetched, with what the host said about another attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {cause}", failure.as_str())]
pub struct FetchError {
    /// Why.
    pub failure: FetchFailure,
    /// For logs.
    pub cause: String,
    /// `Retry-After` of the host, in seconds.
    pub retry_after: Option<Duration>,
}

impl FetchError {
    pub(crate) fn new(failure: FetchFailure, cause: impl Into<String>) -> Self {
        Self {
            failure,
            cause: cause.into(),
            retry_after: None,
        }
    }
}

impl From<FetchFailure> for FetchError {
    fn from(failure: FetchFailure) -> Self {
        Self::new(failure, "")
    }
}

impl FetchFailure {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::UrlRefused,
        Self::AddressRefused,
        Self::HostUnknown,
        Self::Unreachable,
        Self::TlsFailed,
        Self::TooSlow,
        Self::TooLarge,
        Self::CutOff,
        Self::BadResponse,
        Self::BadEncoding,
        Self::TooManyRedirects,
        Self::BadRedirect,
        Self::Missing,
        Self::Denied,
        Self::Busy,
        Self::Failed,
        Self::DisallowedByRobots,
        Self::RobotsUnavailable,
        Self::BadListing,
        Self::EmptyListing,
        Self::TooManyPages,
        Self::Duplicate,
        Self::Unsupported,
        Self::StillProcessing,
        Self::QuotaExceeded,
    ];

    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UrlRefused => "url_refused",
            Self::AddressRefused => "address_refused",
            Self::HostUnknown => "host_unknown",
            Self::Unreachable => "site_unreachable",
            Self::TlsFailed => "tls_failed",
            Self::TooSlow => "site_too_slow",
            Self::TooLarge => "page_too_large",
            Self::CutOff => "page_cut_off",
            Self::BadResponse => "bad_response",
            Self::BadEncoding => "bad_encoding",
            Self::TooManyRedirects => "too_many_redirects",
            Self::BadRedirect => "bad_redirect",
            Self::Missing => "page_missing",
            Self::Denied => "page_denied",
            Self::Busy => "site_busy",
            Self::Failed => "site_failed",
            Self::DisallowedByRobots => "disallowed_by_robots",
            Self::RobotsUnavailable => "robots_unavailable",
            Self::BadListing => "bad_listing",
            Self::EmptyListing => "empty_listing",
            Self::TooManyPages => "too_many_pages",
            Self::Duplicate => "duplicate_page",
            Self::Unsupported => "unsupported_page",
            Self::StillProcessing => "still_processing",
            Self::QuotaExceeded => "quota_exceeded",
        }
    }

    /// The failure of a code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == code)
    }

    /// Whether another attempt may succeed without anybody changing anything.
    pub const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::HostUnknown
                | Self::Unreachable
                | Self::TooSlow
                | Self::CutOff
                | Self::Busy
                | Self::Failed
                | Self::RobotsUnavailable
                | Self::StillProcessing
        )
    }

    /// What the creator reads: what is wrong, and what to do.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::UrlRefused => {
                "the address must begin with http:// or https:// and name a host, without a user \
                 or password"
            }
            Self::AddressRefused => {
                "the host is not on the public internet, or the port is not 80 or 443; sites in \
                 private networks need a setting by the operator of the platform"
            }
            Self::HostUnknown => "the name of the host is unknown; check the spelling",
            Self::Unreachable => "the host does not answer; try again when the site is up",
            Self::TlsFailed => "the certificate of the site is not valid; renew it",
            Self::TooSlow => "the site answers too slowly; try again later",
            Self::TooLarge => "the site sent more than is read of one page or list",
            Self::CutOff => "the site ended the answer before it was complete; try again later",
            Self::BadResponse => "the site does not answer as a web server does",
            Self::BadEncoding => "the answer of the site is compressed wrongly",
            Self::TooManyRedirects => "the address redirects too often; give the final address",
            Self::BadRedirect => "the address redirects to nowhere",
            Self::Missing => "the site has no page at this address",
            Self::Denied => "the site does not show this page without signing in",
            Self::Busy => "the site is busy; another attempt follows",
            Self::Failed => "the site answered with an error; try again later",
            Self::DisallowedByRobots => {
                "the robots.txt of the site forbids programs to read this page; allow \
                 CreatorPlatform there"
            }
            Self::RobotsUnavailable => {
                "the robots.txt of the site cannot be read at the moment; another attempt follows"
            }
            Self::BadListing => "what the address answers is no sitemap, llms.txt or feed",
            Self::EmptyListing => "the list names no page of this site",
            Self::TooManyPages => "the list names too many pages; give the address of a part of it",
            Self::Duplicate => "the page has the same content as another document",
            Self::Unsupported => {
                "pages of this kind are not read; HTML, Markdown, text, subtitles, PDF and Office \
                 documents are"
            }
            Self::StillProcessing => {
                "the document of the page is still being processed; another attempt follows"
            }
            Self::QuotaExceeded => {
                "the account has reached its quota of documents or storage; delete documents, or \
                 ask for a larger quota, and synchronise again"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FetchFailure;

    #[test]
    fn a_code_leads_back_to_its_failure_and_its_reason_fits_the_row() {
        for failure in FetchFailure::ALL {
            assert_eq!(FetchFailure::from_code(failure.as_str()), Some(failure));
            assert!(failure.as_str().len() <= 60 && failure.reason().len() <= 400);
        }
        assert_eq!(FetchFailure::from_code("else"), None);
    }
}
