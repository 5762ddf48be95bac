//! One request to a host that somebody else names.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use shared_egress::AllowedNetworks;
use tokio::time::timeout;
use url::{Host, Url};

use crate::body::Body;
use crate::failure::{FetchError, FetchFailure};
use crate::guard::{Guard, Lookup, NoAddressAllowed, SystemLookup};

/// The longest URL, bytes.
pub(crate) const MAX_URL: usize = 2_048;
/// The longest value of `ETag` or `Last-Modified` that is kept; a longer one is forgotten.
const MAX_VALIDATOR: usize = 512;
/// The longest `Retry-After` that is believed.
const MAX_RETRY_DELAY: Duration = Duration::from_hours(1);
/// Unused connections are kept that long: a visit pauses between its requests.
const POOL_TIMEOUT: Duration = Duration::from_secs(20);
/// Ports of the public internet that are connected to.
const WEB_PORTS: [u16; 2] = [80, 443];
/// What is asked for, in this order.
const ACCEPT: &str = "text/markdown, text/html, application/xhtml+xml, application/xml;q=0.9, \
                      text/*;q=0.9, */*;q=0.5";

/// How long a request may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the answer begins, and between two pieces of it.
    pub idle: Duration,
    /// Until its end.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            idle: Duration::from_secs(10),
            total: Duration::from_secs(30),
        }
    }
}

/// What becomes of the bytes behind the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// The answer is refused.
    Refused,
    /// They are left out.
    Cut,
}

/// How much of an answer is read.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes, after unpacking.
    pub bytes: usize,
    /// What becomes of more.
    pub excess: Excess,
}

/// What a host says about a version of a page, to be asked whether there is a newer one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// A page as it was fetched.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where it was in the end.
    pub url: Url,
    /// `Content-Type`, in lower case and without parameters.
    pub content_type: Option<String>,
    /// Its bytes, unpacked.
    pub body: Vec<u8>,
    /// Of this version.
    pub validators: Validators,
}

/// What a request ended in.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The version that is known is the current one.
    NotModified,
    /// The page.
    Page(Page),
}

/// An answer, or where to ask instead.
#[derive(Debug, Clone)]
pub enum Hop {
    /// The host sends us there.
    Redirect(Url),
    /// The answer.
    Answer(Answer),
}

/// Makes requests. Clones share connections.
#[derive(Clone)]
pub struct Fetcher {
    web: Client,
    web_guard: Guard,
    listed: Client,
    listed_guard: Guard,
    timeouts: Timeouts,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher")
            .field("networks", &self.web_guard.networks)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

impl Fetcher {
    /// A fetcher for the public internet and these networks.
    pub fn new(networks: AllowedNetworks) -> reqwest::Result<Self> {
        Self::with(networks, Timeouts::default(), SystemLookup)
    }

    /// A fetcher with other time limits and another resolver.
    pub fn with(
        networks: AllowedNetworks,
        timeouts: Timeouts,
        lookup: impl Lookup,
    ) -> reqwest::Result<Self> {
        let web_guard = Guard {
            networks: Arc::new(networks),
            lookup: Arc::new(lookup),
            is_listed_only: false,
        };
        let listed_guard = Guard {
            is_listed_only: true,
            ..web_guard.clone()
        };
        Ok(Self {
            web: client(&web_guard, timeouts)?,
            web_guard,
            listed: client(&listed_guard, timeouts)?,
            listed_guard,
            timeouts,
        })
    }

    /// Asks for a page once. The host of a redirect is not asked.
    pub async fn hop(
        &self,
        url: &Url,
        known: &Validators,
        bounds: Bounds,
    ) -> Result<Hop, FetchError> {
        let client = self.client_for(url)?;
        let mut request = client.get(url.clone());
        for (name, value) in conditions(known) {
            request = request.header(name, value);
        }
        timeout(self.timeouts.total, self.exchange(url, request, bounds))
            .await
            .map_err(|_| FetchError::new(FetchFailure::TooSlow, "took too long"))?
    }

    async fn exchange(
        &self,
        url: &Url,
        request: reqwest::RequestBuilder,
        bounds: Bounds,
    ) -> Result<Hop, FetchError> {
        let sent = timeout(self.timeouts.idle, request.send()).await;
        let response = sent
            .map_err(|_| FetchError::new(FetchFailure::TooSlow, "does not answer"))?
            .map_err(|error| transport(&error))?;
        match response.status() {
            StatusCode::NOT_MODIFIED => Ok(Hop::Answer(Answer::NotModified)),
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => target(url, response.headers()).map(Hop::Redirect),
            StatusCode::OK => {
                let page = self.page(url.clone(), response, bounds).await?;
                Ok(Hop::Answer(Answer::Page(page)))
            }
            status => Err(refusal(status, response.headers())),
        }
    }

    async fn page(
        &self,
        url: Url,
        mut response: Response,
        bounds: Bounds,
    ) -> Result<Page, FetchError> {
        let headers = response.headers();
        let encoding = text(headers, &header::CONTENT_ENCODING);
        let content_type = text(headers, &header::CONTENT_TYPE).map(|value| {
            let kind = value.split(';').next().unwrap_or_default();
            kind.trim().to_ascii_lowercase()
        });
        let validators = Validators {
            etag: validator(headers, &header::ETAG),
            last_modified: validator(headers, &header::LAST_MODIFIED),
        };
        let is_refused_if_longer = bounds.excess == Excess::Refused && encoding.is_none();
        let announced = response.content_length().unwrap_or_default();
        if is_refused_if_longer && announced > u64::try_from(bounds.bytes).unwrap_or(u64::MAX) {
            return Err(FetchFailure::TooLarge.into());
        }
        let mut body = Body::new(encoding.as_deref(), bounds.bytes, bounds.excess)?;
        loop {
            let chunk = timeout(self.timeouts.idle, response.chunk()).await;
            let chunk = chunk
                .map_err(|_| FetchError::new(FetchFailure::TooSlow, "stopped sending"))?
                .map_err(|error| transport(&error))?;
            let Some(chunk) = chunk else { break };
            if !body.add(&chunk).await? {
                break;
            }
        }
        Ok(Page {
            url,
            content_type,
            body: body.finish()?,
            validators,
        })
    }

    /// The client for a URL. An address in it never comes before the resolver, so it is judged
    /// here; the connection is made to what was judged in both cases.
    fn client_for(&self, url: &Url) -> Result<&Client, FetchError> {
        let refused = |cause: &str| FetchError::new(FetchFailure::UrlRefused, cause);
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("neither http nor https"));
        }
        if url.as_str().len() > MAX_URL {
            return Err(refused("too long"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("contains a user"));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        let (client, guard) = if WEB_PORTS.contains(&port) {
            (&self.web, &self.web_guard)
        } else {
            (&self.listed, &self.listed_guard)
        };
        let address = match url.host() {
            None => return Err(refused("names no host")),
            Some(Host::Domain(_)) => return Ok(client),
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
        };
        if guard.allows(address) {
            Ok(client)
        } else {
            let cause = format!("{address} may not be connected to");
            Err(FetchError::new(FetchFailure::AddressRefused, cause))
        }
    }
}

fn client(guard: &Guard, timeouts: Timeouts) -> reqwest::Result<Client> {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    Client::builder()
        .user_agent(concat!("CreatorPlatform/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .dns_resolver(guard.clone())
        // Each address is checked, also those of redirects, and a proxy would hide them.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(timeouts.connect)
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(POOL_TIMEOUT)
        .build()
}

fn conditions(known: &Validators) -> impl Iterator<Item = (HeaderName, &str)> {
    let etag = known.etag.as_deref();
    let date = known.last_modified.as_deref();
    let etag = etag.map(|value| (header::IF_NONE_MATCH, value));
    let date = date.map(|value| (header::IF_MODIFIED_SINCE, value));
    etag.into_iter().chain(date)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= MAX_URL).then(|| value.to_owned())
}

fn validator(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    text(headers, name).filter(|value| value.len() <= MAX_VALIDATOR && !value.is_empty())
}

fn target(url: &Url, headers: &HeaderMap) -> Result<Url, FetchError> {
    let bad = |cause: &str| FetchError::new(FetchFailure::BadRedirect, cause);
    let location = text(headers, &header::LOCATION).ok_or_else(|| bad("no usable Location"))?;
    let mut target = url.join(&location).map_err(|_| bad("Location is no URL"))?;
    target.set_fragment(None);
    Ok(target)
}

fn refusal(status: StatusCode, headers: &HeaderMap) -> FetchError {
    let failure = match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => FetchFailure::Missing,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => FetchFailure::Busy,
        status if status.is_client_error() => FetchFailure::Denied,
        _ => FetchFailure::Failed,
    };
    let seconds = text(headers, &header::RETRY_AFTER).and_then(|value| value.parse().ok());
    FetchError {
        retry_after: seconds.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_DELAY)),
        ..FetchError::new(failure, format!("status {}", status.as_u16()))
    }
}

/// Why a request ended without an answer, or an answer without an end.
fn transport(error: &reqwest::Error) -> FetchError {
    let causes: Vec<&(dyn Error + 'static)> = causes(error).collect();
    let is = |wanted: fn(&(dyn Error + 'static)) -> bool| causes.iter().any(|cause| wanted(*cause));
    let failure = if is(<dyn Error>::is::<NoAddressAllowed>) {
        FetchFailure::AddressRefused
    } else if error.is_timeout() {
        FetchFailure::TooSlow
    } else if error.is_dns() {
        FetchFailure::HostUnknown
    } else if is(<dyn Error>::is::<rustls::Error>) {
        FetchFailure::TlsFailed
    } else if error.is_connect() {
        FetchFailure::Unreachable
    } else if error.is_body() || error.is_decode() || is(is_cut_off) {
        FetchFailure::CutOff
    } else {
        FetchFailure::BadResponse
    };
    let cause = causes.last().map_or_else(String::new, ToString::to_string);
    FetchError::new(failure, cause)
}

/// An error and what caused it, also what an I/O error hides.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| {
        let cause: &'e (dyn Error + 'static) = *cause;
        let hidden = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static));
        hidden.or_else(|| cause.source())
    })
}

fn is_cut_off(cause: &(dyn Error + 'static)) -> bool {
    let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    let ended = [
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::BrokenPipe,
    ];
    let http = cause.downcast_ref::<hyper::Error>();
    kind.is_some_and(|kind| ended.contains(&kind))
        || http.is_some_and(hyper::Error::is_incomplete_message)
}
