//! Fetches what sites serve: their lists of pages, and the pages.

use std::time::Duration;

use shared_egress::AllowedNetworks;
use shared_fetch::listing::{self, ListedPage, Listing, SiteKind};
use shared_fetch::{
    Answer, FetchError, FetchFailure, Fetcher, Hosts, Page, Validators, Visit, gunzip, is_gzip,
};
use tokio::task::spawn_blocking;
use url::Url;

/// The pause between two requests to one host, unless its `robots.txt` asks for more.
const REQUEST_INTERVAL: Duration = Duration::from_millis(250);
/// The largest page, bytes after unpacking.
const PAGE_BYTES: usize = 10 * 1024 * 1024;
/// The largest list, bytes after unpacking.
const LIST_BYTES: usize = 16 * 1024 * 1024;
/// The most sitemaps of an index.
const MAX_SITEMAPS: usize = 50;

/// Fetches from sites. Clones share connections, and ask a host one thing at a time.
#[derive(Debug, Clone)]
pub(crate) struct Sites {
    fetcher: Fetcher,
    hosts: Hosts,
}

/// One visit of a site.
#[derive(Debug)]
pub(crate) struct SiteVisit(Visit);

impl Sites {
    /// Sites on the public internet and in these networks.
    pub(crate) fn new(networks: AllowedNetworks) -> reqwest::Result<Self> {
        Ok(Self {
            fetcher: Fetcher::new(networks)?,
            hosts: Hosts::default(),
        })
    }

    /// Begins a visit.
    pub(crate) fn visit(&self) -> SiteVisit {
        let (fetcher, hosts) = (self.fetcher.clone(), self.hosts.clone());
        SiteVisit(Visit::new(fetcher, hosts, REQUEST_INTERVAL))
    }
}

impl SiteVisit {
    /// The pages of the site at `url`, at most `most`; what it is, where nobody says it.
    pub(crate) async fn list(
        &mut self,
        url: &Url,
        kind: Option<SiteKind>,
        most: usize,
    ) -> Result<(SiteKind, Vec<ListedPage>), FetchError> {
        if kind == Some(SiteKind::Page) {
            return Ok((SiteKind::Page, vec![alone(url)]));
        }
        let list = self.whole(url, LIST_BYTES).await?;
        let (found, read) = read_list(kind, list, most).await?;
        let pages = match read {
            Some(Listing::Pages(pages)) => pages,
            Some(Listing::Sitemaps(sitemaps)) => self.sitemaps(sitemaps, most).await?,
            None => vec![alone(url)],
        };
        Ok((found, pages))
    }

    /// The pages of the sitemaps of an index, each once.
    async fn sitemaps(
        &mut self,
        sitemaps: Vec<Url>,
        most: usize,
    ) -> Result<Vec<ListedPage>, FetchError> {
        if sitemaps.len() > MAX_SITEMAPS {
            return Err(FetchFailure::TooManyPages.into());
        }
        let mut all: Vec<ListedPage> = Vec::new();
        let mut known = std::collections::HashSet::new();
        for sitemap in sitemaps {
            let list = self.whole(&sitemap, LIST_BYTES).await?;
            let pages = match read_list(Some(SiteKind::Sitemap), list, most).await {
                Ok((_, Some(Listing::Pages(pages)))) => pages,
                // The protocol has no index of indexes.
                Ok(_) => return Err(FetchFailure::BadListing.into()),
                Err(error) if error.failure == FetchFailure::EmptyListing => Vec::new(),
                Err(error) => return Err(error),
            };
            all.extend(
                pages
                    .into_iter()
                    .filter(|page| known.insert(page.url.clone())),
            );
            if all.len() > most {
                return Err(FetchFailure::TooManyPages.into());
            }
        }
        if all.is_empty() {
            return Err(FetchFailure::EmptyListing.into());
        }
        Ok(all)
    }

    async fn whole(&mut self, url: &Url, bytes: usize) -> Result<Page, FetchError> {
        match self.0.fetch(url, &Validators::default(), bytes).await? {
            Answer::Page(page) => Ok(page),
            Answer::NotModified => Err(FetchFailure::Failed.into()),
        }
    }

    /// A page, or that it is the known one: in Markdown, if the site has that.
    pub(crate) async fn page(
        &mut self,
        url: &Url,
        twin: Option<&Url>,
        known: &Validators,
    ) -> Result<Answer, FetchError> {
        if let Some(twin) = twin {
            match self.0.fetch(twin, known, PAGE_BYTES).await {
                // Many servers answer a page for every address.
                Ok(Answer::Page(page)) if page.content_type.as_deref() == Some("text/html") => {}
                Ok(answer) => return Ok(answer),
                Err(error) if error.failure.is_temporary() => return Err(error),
                Err(_) => {}
            }
        }
        self.0.fetch(url, known, PAGE_BYTES).await
    }
}

fn alone(url: &Url) -> ListedPage {
    ListedPage {
        url: url.clone(),
        twin: None,
        title: None,
    }
}

/// What a list names; nothing if what came is a page. Reading a long one would keep others waiting,
/// so it has a thread of its own.
async fn read_list(
    kind: Option<SiteKind>,
    list: Page,
    most: usize,
) -> Result<(SiteKind, Option<Listing>), FetchError> {
    let read = spawn_blocking(move || {
        let body = if is_gzip(&list.body) {
            gunzip(&list.body, LIST_BYTES)?
        } else {
            list.body
        };
        let content_type = list.content_type.as_deref();
        let found = kind.unwrap_or_else(|| listing::detect(&list.url, content_type, &body));
        if found == SiteKind::Page {
            return Ok((found, None));
        }
        let read = listing::read(found, &list.url, &body, most)?;
        Ok((found, Some(read)))
    });
    // The reader panicked at what a stranger sent.
    let read = read.await.unwrap_or(Err(FetchFailure::BadListing));
    read.map_err(FetchError::from)
}
