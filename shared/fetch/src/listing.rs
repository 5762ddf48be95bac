//! The pages that a site lists: in a sitemap, an `llms.txt` or a feed. Pure: nothing here fetches.

mod feed;
mod llms_txt;
mod sitemap;

use std::collections::HashSet;

use url::Url;

use crate::failure::FetchFailure;
use crate::fetcher::MAX_URL;

/// What an address of a site can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SiteKind {
    /// A page, of any kind of file that documents can have.
    Page,
    /// A sitemap or an index of sitemaps.
    Sitemap,
    /// An `llms.txt`.
    LlmsTxt,
    /// RSS, Atom or JSON Feed; episodes with transcripts count as these.
    Feed,
}

impl SiteKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Page, Self::Sitemap, Self::LlmsTxt, Self::Feed];

    /// The name in the API and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Sitemap => "sitemap",
            Self::LlmsTxt => "llms_txt",
            Self::Feed => "feed",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A page that a list names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPage {
    /// Its address.
    pub url: Url,
    /// The same in Markdown, if the site has it.
    pub twin: Option<Url>,
    /// Its title, if the list says it.
    pub title: Option<String>,
}

/// What a list names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Pages, each once, in the order of the list.
    Pages(Vec<ListedPage>),
    /// Other sitemaps.
    Sitemaps(Vec<Url>),
}

/// What the answer of an address is, by what it contains.
pub fn detect(url: &Url, content_type: Option<&str>, body: &[u8]) -> SiteKind {
    let start = &body[..body.len().min(4 * 1024)];
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let is_html = content_type == Some("text/html");
    if text.starts_with('<') && !is_html {
        match sitemap::root(body).as_deref() {
            Some("urlset" | "sitemapindex") => return SiteKind::Sitemap,
            Some("rss" | "feed" | "RDF") => return SiteKind::Feed,
            _ => {}
        }
    }
    let is_json_feed = text.starts_with('{') && text.contains("https://jsonfeed.org/version/");
    if is_json_feed {
        return SiteKind::Feed;
    }
    let path = url.path();
    if !is_html && (path.ends_with("/llms.txt") || path.ends_with("/llms-full.txt")) {
        return SiteKind::LlmsTxt;
    }
    SiteKind::Page
}

/// The pages in the list at `base`, at most `limit`. A list of a kind that is none is refused.
pub fn read(
    kind: SiteKind,
    base: &Url,
    body: &[u8],
    limit: usize,
) -> Result<Listing, FetchFailure> {
    let pages = Pages::new(base, limit);
    match kind {
        SiteKind::Page => Err(FetchFailure::BadListing),
        SiteKind::Sitemap => sitemap::read(body, pages),
        SiteKind::LlmsTxt => llms_txt::read(body, pages).map(Listing::Pages),
        SiteKind::Feed => feed::read(body, pages).map(Listing::Pages),
    }
}

/// Collects pages: each once, of one site, no more than a limit.
#[derive(Debug)]
struct Pages {
    base: Url,
    limit: usize,
    found: Vec<ListedPage>,
    seen: HashSet<String>,
}

impl Pages {
    fn new(base: &Url, limit: usize) -> Self {
        Self {
            base: base.clone(),
            limit,
            found: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// An address as the list writes it, made absolute.
    fn resolve(&self, address: &str) -> Option<Url> {
        let mut url = self.base.join(address.trim()).ok()?;
        url.set_fragment(None);
        let is_web = matches!(url.scheme(), "http" | "https");
        (is_web && url.as_str().len() <= MAX_URL).then_some(url)
    }

    /// Whether an address belongs to the site of the list, `www.` or not.
    fn is_of_site(&self, url: &Url) -> bool {
        let name = |url: &Url| {
            let host = url.host_str().unwrap_or_default();
            host.strip_prefix("www.").unwrap_or(host).to_owned()
        };
        name(url) == name(&self.base)
    }

    fn add(&mut self, page: ListedPage) -> Result<(), FetchFailure> {
        if !self.seen.insert(page.url.to_string()) {
            return Ok(());
        }
        if self.found.len() >= self.limit {
            return Err(FetchFailure::TooManyPages);
        }
        self.found.push(page);
        Ok(())
    }

    fn finish(self) -> Result<Vec<ListedPage>, FetchFailure> {
        if self.found.is_empty() {
            return Err(FetchFailure::EmptyListing);
        }
        Ok(self.found)
    }
}

#[cfg(test)]
mod tests;
