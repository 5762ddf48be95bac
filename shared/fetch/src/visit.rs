//! What a polite guest does: asks for `robots.txt` first, makes one request at a time, follows
//! redirects no further than a few steps.

use std::collections::HashMap;
use std::time::Duration;

use url::Url;

use crate::failure::{FetchError, FetchFailure};
use crate::fetcher::{Answer, Bounds, Excess, Fetcher, Hop, Page, Validators};
use crate::hosts::{HostQueue, Hosts};
use crate::robots::{self, Rules};

/// Redirects that are followed before a page.
pub const MAX_REDIRECTS: usize = 5;
/// Bounds of a `robots.txt`: what lies behind is ignored.
const ROBOTS_BOUNDS: Bounds = Bounds {
    bytes: robots::MAX_BYTES,
    excess: Excess::Cut,
};

/// One visit of a site. The rules of each host are read once.
#[derive(Debug)]
pub struct Visit {
    fetcher: Fetcher,
    hosts: Hosts,
    pause: Duration,
    known: HashMap<String, KnownHost>,
}

#[derive(Debug, Clone)]
struct KnownHost {
    queue: HostQueue,
    rules: Result<Rules, FetchError>,
}

impl Visit {
    /// A visit that pauses that long between two requests to a host, unless the host asks for more.
    pub fn new(fetcher: Fetcher, hosts: Hosts, pause: Duration) -> Self {
        Self {
            fetcher,
            hosts,
            pause,
            known: HashMap::new(),
        }
    }

    /// Fetches a page, or learns that the known version is the current one.
    pub async fn fetch(
        &mut self,
        url: &Url,
        known: &Validators,
        bytes: usize,
    ) -> Result<Answer, FetchError> {
        let bounds = Bounds {
            bytes,
            excess: Excess::Refused,
        };
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let host = self.host(&url).await;
            let rules = host.rules?;
            if !rules.allow(&url) {
                return Err(FetchFailure::DisallowedByRobots.into());
            }
            let pause = rules.pause().unwrap_or_default().max(self.pause);
            let _turn = host.queue.turn(pause).await;
            match self.fetcher.hop(&url, known, bounds).await? {
                Hop::Answer(answer) => return Ok(answer),
                Hop::Redirect(target) => url = target,
            }
        }
        Err(FetchFailure::TooManyRedirects.into())
    }

    async fn host(&mut self, url: &Url) -> KnownHost {
        let origin = url.origin().ascii_serialization();
        if let Some(known) = self.known.get(&origin) {
            return known.clone();
        }
        let queue = self.hosts.queue(url.host_str().unwrap_or_default());
        let rules = Rules::of(&self.robots(url).await);
        let host = KnownHost { queue, rules };
        self.known.insert(origin, host.clone());
        host
    }

    /// The `robots.txt` of a host; one reached by redirects counts for the host that was asked.
    async fn robots(&self, url: &Url) -> Result<Page, FetchError> {
        let mut url = robots::location(url);
        for _ in 0..=robots::MAX_REDIRECTS {
            let queue = self.hosts.queue(url.host_str().unwrap_or_default());
            let _turn = queue.turn(self.pause).await;
            let hop = self
                .fetcher
                .hop(&url, &Validators::default(), ROBOTS_BOUNDS)
                .await?;
            match hop {
                Hop::Answer(Answer::Page(page)) => return Ok(page),
                Hop::Answer(Answer::NotModified) => return Err(FetchFailure::Failed.into()),
                Hop::Redirect(target) => url = target,
            }
        }
        Err(FetchFailure::TooManyRedirects.into())
    }
}
