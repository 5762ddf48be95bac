//! One page of a site: fetched, compared, and stored as the document that it is.

use std::time::Duration;

use shared_fetch::{Answer, FetchError, FetchFailure, Page, Validators};
use shared_jobs::{JobContext, JobError};
use tokio::time::timeout;
use url::Url;

use super::cancelled;
use crate::app::sites::pages;
use crate::clients::sites::SiteVisit;
use crate::state::AppState;
use crate::store::site_pages::UnreadPage;
use crate::store::sites::rounds::Round;

/// The longest time for one page, with its redirects and their `robots.txt`.
const PAGE_TIMEOUT: Duration = Duration::from_mins(1);

/// Deals with a page; returns why it was not read.
pub(super) async fn read(
    state: &AppState,
    context: &JobContext,
    visit: &mut SiteVisit,
    round: &Round,
    page: &UnreadPage,
) -> Result<Option<FetchError>, JobError> {
    let fetched = tokio::select! {
        fetched = timeout(PAGE_TIMEOUT, fetch(visit, page)) => fetched,
        () = context.cancelled() => return Err(cancelled()),
    };
    let fetched = fetched.unwrap_or_else(|_| Err(FetchFailure::TooSlow.into()));
    let failed = match fetched {
        Ok(Answer::NotModified) => None,
        Ok(Answer::Page(found)) => match store(state, context, round, page, found).await? {
            Ok(()) => return Ok(None),
            Err(failure) => Some(FetchError::from(failure)),
        },
        Err(error) => Some(error),
    };
    let failure = failed.as_ref().map(|error| error.failure);
    pages::record(state, context, round, page, failure).await?;
    Ok(failed)
}

async fn fetch(visit: &mut SiteVisit, page: &UnreadPage) -> Result<Answer, FetchError> {
    let parse = |text: &str| {
        let url = Url::parse(text);
        url.map_err(|_| FetchError::from(FetchFailure::UrlRefused))
    };
    let url = parse(&page.url)?;
    let twin = page.twin.as_deref().map(parse).transpose()?;
    // Without a document, "not modified" would leave the page without one.
    let known = match page.document {
        Some(_) => page.validators.clone(),
        None => Validators::default(),
    };
    visit.page(&url, twin.as_ref(), &known).await
}

async fn store(
    state: &AppState,
    context: &JobContext,
    round: &Round,
    page: &UnreadPage,
    found: Page,
) -> Result<Result<(), FetchFailure>, JobError> {
    let file = match pages::receive(state, &found).await? {
        Ok(file) => file,
        Err(failure) => return Ok(Err(failure)),
    };
    pages::store(state, context, round, page, &found, file).await
}
