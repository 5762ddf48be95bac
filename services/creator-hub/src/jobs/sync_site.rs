//! Synchronises a site: reads its list of pages, then each page, and removes what has vanished.
//!
//! An attempt works for a bounded time and then lets others have its slot; the round that it
//! belongs to goes on where it was, also after a crash.

mod page;

use std::time::{Duration, Instant};

use shared_fetch::listing::SiteKind;
use shared_fetch::{FetchError, FetchFailure};
use shared_jobs::{Job, JobContext, JobError, NewJob, Outcome};
use shared_models::{Retry, SiteId};
use url::Url;

use crate::app::library;
use crate::clients::sites::SiteVisit;
use crate::domain::site::MAX_PAGES;
use crate::state::AppState;
use crate::store::site_pages;
use crate::store::sites::rounds::{self, Round};

/// How long an attempt works before others have their turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);
/// Pages in a row that fail for reasons of the host before the attempt is given up.
const MAX_FAILURES: usize = 3;
/// Pages that one transaction removes.
const BATCH: i64 = 20;

/// The job.
pub(crate) struct SyncSite {
    state: AppState,
}

impl SyncSite {
    pub(crate) const fn new(state: AppState) -> Self {
        Self { state }
    }

    /// A job that synchronises this site, unless one waits or runs.
    pub(crate) fn of(site: SiteId) -> NewJob {
        NewJob::new(Self::KIND, site.as_uuid()).dedupe(format!("{}:{site}", Self::KIND))
    }

    async fn turn(&self, context: &JobContext) -> Result<Outcome, JobError> {
        let site = SiteId::from(context.subject());
        let mut tx = context.begin().await?;
        let round = rounds::begin(&mut tx, site).await?;
        tx.commit().await?;
        let Some(round) = round else {
            return Ok(Outcome::Cancelled);
        };
        let mut visit = self.state.sites.visit();
        if !round.is_listed {
            read_list(context, &mut visit, &round).await?;
        }
        if !self.read_pages(context, &mut visit, &round).await? {
            return Ok(Outcome::Continue(Duration::ZERO));
        }
        if let Some(failure) = why_nothing_was_read(context, &round).await? {
            let error = FetchError::from(failure);
            return self.try_again(context, &round, &error).await;
        }
        self.remove_vanished(context, &round).await?;
        finish(context, &round).await
    }

    /// Deals with one page after the other; false when the turn is over before.
    async fn read_pages(
        &self,
        context: &JobContext,
        visit: &mut SiteVisit,
        round: &Round,
    ) -> Result<bool, JobError> {
        let started = Instant::now();
        let mut failures = 0;
        loop {
            let mut tx = context.begin().await?;
            let next = site_pages::next(&mut tx, round).await?;
            let (listed, read) = site_pages::progress(&mut tx, round).await?;
            tx.commit().await?;
            let percent = i16::try_from(read * 100 / listed.max(1)).unwrap_or(100);
            context.progress("reading", percent.min(99)).await?;
            let Some(next) = next else { return Ok(true) };
            let failed = page::read(&self.state, context, visit, round, &next).await?;
            failures = match failed {
                Some(error) if error.failure.is_temporary() => {
                    if failures + 1 >= MAX_FAILURES {
                        return self.try_again(context, round, &error).await;
                    }
                    failures + 1
                }
                _ => 0,
            };
            if started.elapsed() > TURN_TIMEOUT {
                return Ok(false);
            }
        }
    }

    /// Ends the attempt: the pages that failed for a while are read by the next one.
    async fn try_again<T>(
        &self,
        context: &JobContext,
        round: &Round,
        error: &FetchError,
    ) -> Result<T, JobError> {
        let mut tx = context.begin().await?;
        site_pages::try_again(&mut tx, round).await?;
        tx.commit().await?;
        Err(job_error(error))
    }

    /// Removes the pages that the list does not name any more.
    async fn remove_vanished(&self, context: &JobContext, round: &Round) -> Result<(), JobError> {
        loop {
            let mut tx = context.begin().await?;
            if !rounds::hold(&mut tx, round).await? {
                return Ok(());
            }
            let vanished = site_pages::vanished(&mut tx, round, BATCH).await?;
            if vanished.is_empty() {
                return Ok(());
            }
            for (page, document) in vanished {
                if let Some(document) = document {
                    library::begin_erasure(&self.state, &mut tx, document).await?;
                }
                site_pages::remove(&mut tx, page).await?;
            }
            tx.commit().await?;
        }
    }
}

/// Reads and stores the list of a round.
async fn read_list(
    context: &JobContext,
    visit: &mut SiteVisit,
    round: &Round,
) -> Result<(), JobError> {
    context.progress("listing", 0).await?;
    let url = Url::parse(&round.url).map_err(|error| JobError::internal(&error))?;
    let kind = round.kind.map(Into::into);
    let list = tokio::select! {
        list = visit.list(&url, kind, MAX_PAGES) => list,
        () = context.cancelled() => return Err(cancelled()),
    };
    let (found, pages) = list.map_err(|error| job_error(&error))?;
    let mut tx = context.begin().await?;
    if !rounds::hold(&mut tx, round).await? {
        return Err(cancelled());
    }
    site_pages::store_list(&mut tx, round, &pages).await?;
    if found == SiteKind::Feed {
        site_pages::keep_listed(&mut tx, round, MAX_PAGES).await?;
    }
    rounds::listed(&mut tx, round, found.into()).await?;
    Ok(tx.commit().await?)
}

/// Why the first page was not read, if none was: then the site has failed.
async fn why_nothing_was_read(
    context: &JobContext,
    round: &Round,
) -> Result<Option<FetchFailure>, JobError> {
    let mut tx = context.begin_read().await?;
    let (good, bad) = site_pages::outcome(&mut tx, round).await?;
    let failure = bad.as_deref().and_then(FetchFailure::from_code);
    Ok(failure.filter(|_| good == 0))
}

/// Ends a round that read the site.
async fn finish(context: &JobContext, round: &Round) -> Result<Outcome, JobError> {
    let mut tx = context.begin().await?;
    if !context.complete(&mut tx).await? {
        return Ok(Outcome::LeaseLost);
    }
    rounds::finish(&mut tx, round).await?;
    tx.commit().await?;
    Ok(Outcome::Completed)
}

/// A failure of the host may pass; one of the address does not.
fn job_error(error: &FetchError) -> JobError {
    tracing::info!(
        code = error.failure.as_str(),
        cause = error.cause,
        "site not read"
    );
    let retry = if error.failure.is_temporary() {
        Retry::Limited
    } else {
        Retry::Never
    };
    let failed = JobError::new(error.failure.as_str(), error.failure.reason(), retry);
    match error.retry_after {
        Some(wait) => failed.after(wait),
        None => failed,
    }
}

fn cancelled() -> JobError {
    JobError::new("cancelled", crate::app::sites::DELETED, Retry::Never)
}

impl Job for SyncSite {
    const KIND: &'static str = "sync_site";
    /// The list, or a turn.
    const TIMEOUT: Duration = Duration::from_mins(5);
    type Payload = serde_json::Map<String, serde_json::Value>;

    async fn run(&self, context: &JobContext, _: Self::Payload) -> Result<Outcome, JobError> {
        self.turn(context).await
    }

    async fn on_failure(
        &self,
        tx: &mut shared_db::TenantTx,
        context: &JobContext,
        error: &JobError,
        failed: bool,
    ) -> sqlx::Result<()> {
        if !failed {
            return Ok(());
        }
        let site = SiteId::from(context.subject());
        rounds::fail(tx, site, &error.code, &error.reason).await
    }
}
