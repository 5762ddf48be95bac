//! Indexes the words of documents that an earlier release made searchable by vectors only.

use std::time::Duration;

use shared_jobs::{Progress, ScheduleError, ScheduledWork};
use shared_models::{CreatorId, DocumentId};

use crate::domain::index::chunking::Passage;
use crate::domain::index::postings;
use crate::domain::tokenizer::StemLanguage;
use crate::state::AppState;
use crate::store::indexed_documents::{self, IndexSize};
use crate::store::{self, chunks};

/// Documents of one run.
const DOCUMENTS: u8 = 100;
/// Passages that are read and indexed together.
const GROUP_SIZE: usize = 256;

/// Looks for such documents now and then: old replicas make some while an upgrade runs.
#[derive(Debug)]
pub(super) struct IndexWords {
    state: AppState,
}

impl IndexWords {
    pub(super) const fn new(state: AppState) -> Self {
        Self { state }
    }
}

impl ScheduledWork for IndexWords {
    const NAME: &'static str = "index_words";
    const INTERVAL: Duration = Duration::from_mins(5);
    const TIMEOUT: Duration = Duration::from_hours(1);

    async fn run(&self) -> Result<Progress, ScheduleError> {
        let found = indexed_documents::without_words(&self.state.db, DOCUMENTS.into()).await?;
        let progress = if found.len() < usize::from(DOCUMENTS) {
            Progress::Done
        } else {
            Progress::More
        };
        // One document that cannot be indexed must not keep the others from it.
        let mut failure = None;
        for (tenant, document) in found {
            if let Err(error) = index(&self.state, tenant, document).await {
                tracing::warn!(%document, %error, "words of a document not indexed");
                failure = Some(error);
            }
        }
        failure.map_or(Ok(progress), Err)
    }
}

/// In one transaction: a new version of the document waits until its predecessor is complete.
async fn index(
    state: &AppState,
    tenant: CreatorId,
    document: DocumentId,
) -> Result<(), ScheduleError> {
    let mut tx = state.db.tenant(tenant).await?;
    let Some(found) = indexed_documents::lock_without_words(&mut tx, document).await? else {
        return Ok(());
    };
    let mut language: Option<StemLanguage> = None;
    let (mut next, mut passages, mut terms) = (0, 0, 0);
    loop {
        let version = found.version;
        let group = chunks::of_version(&mut tx, document, version, next, GROUP_SIZE).await?;
        let group: Vec<Passage> = group.into_iter().map(|(_, passage)| passage).collect();
        let Some(last) = group.last() else { break };
        next = last.ordinal.saturating_add(1);
        passages += i32::try_from(group.len())?;
        let title = found.title.clone();
        let tokenizing = tokio::task::spawn_blocking(move || {
            let language = language.unwrap_or_else(|| postings::language(&group));
            let postings = postings::postings(&title, language, &group);
            (language, postings)
        });
        let (detected, postings) = tokenizing.await?;
        language = Some(detected);
        terms += postings::term_count(&postings);
        store::postings::replace(&mut tx, document, version, &postings).await?;
    }
    let size = IndexSize { passages, terms };
    indexed_documents::set_size(&mut tx, document, found.version, size).await?;
    tx.commit().await?;
    tracing::info!(%document, passages, "words of a document indexed");
    Ok(())
}
