//! Keeps to the bound on how much of a document one visitor is shown.
//!
//! Passages are reserved before the answer is made, so that questions at the same time cannot
//! exceed the bound together, and those that the answer does not cite are given back at its end.

use std::collections::{BTreeMap, HashSet};

use shared_ai_client::SourceKind;
use shared_models::{ChunkId, CreatorId, DocumentId, Visibility, VisitorId};

use crate::app::index::search::RetrievedPassage;
use crate::domain::answer::disclosure;
use crate::state::AppState;
use crate::store::disclosures;

/// Passages that were reserved for an answer to a visitor.
#[derive(Debug)]
pub(super) struct Reservation {
    visitor: VisitorId,
    passages: Vec<ChunkId>,
}

/// Leaves out passages beyond the bound, and reserves the others.
pub(super) async fn reserve(
    app: &AppState,
    tenant: CreatorId,
    visitor: VisitorId,
    found: Vec<RetrievedPassage>,
) -> sqlx::Result<(Vec<RetrievedPassage>, Reservation)> {
    // In one order, so that two answers do not wait for each other.
    let mut wanted: BTreeMap<DocumentId, Vec<ChunkId>> = BTreeMap::new();
    let mut bounds: BTreeMap<DocumentId, usize> = BTreeMap::new();
    for passage in found.iter().filter(|passage| is_bounded(passage)) {
        let document = passage.source.document_id;
        wanted
            .entry(document)
            .or_default()
            .push(passage.source.chunk_id);
        bounds.insert(document, disclosure::bound(passage.document_passages));
    }
    let mut admitted = HashSet::new();
    let mut reserved = Vec::new();
    let mut tx = app.db.tenant(tenant).await?;
    for (document, ids) in wanted {
        let shown = disclosures::lock(&mut tx, visitor, document).await?;
        let bound = bounds.get(&document).copied().unwrap_or_default();
        let allowed = disclosure::admitted(&shown, &ids, bound);
        let new: Vec<ChunkId> = allowed
            .iter()
            .copied()
            .filter(|id| !shown.contains(id))
            .collect();
        if !new.is_empty() {
            disclosures::add(&mut tx, visitor, document, &new).await?;
        }
        admitted.extend(allowed);
        reserved.extend(new);
    }
    tx.commit().await?;
    let kept = found
        .into_iter()
        .filter(|passage| !is_bounded(passage) || admitted.contains(&passage.source.chunk_id));
    let passages = reserved;
    Ok((numbered(kept), Reservation { visitor, passages }))
}

impl Reservation {
    /// Gives back the passages that the answer does not cite.
    pub(super) async fn release_uncited(
        self,
        app: &AppState,
        tenant: CreatorId,
        cited: &HashSet<ChunkId>,
    ) -> sqlx::Result<()> {
        let Self { visitor, passages } = self;
        let unused: Vec<ChunkId> = passages
            .into_iter()
            .filter(|id| !cited.contains(id))
            .collect();
        if unused.is_empty() {
            return Ok(());
        }
        let mut tx = app.db.tenant(tenant).await?;
        disclosures::remove(&mut tx, visitor, &unused).await?;
        tx.commit().await
    }
}

/// The original of a public document may be opened anyway, and an answer of a pair is written to be
/// given as a whole.
fn is_bounded(passage: &RetrievedPassage) -> bool {
    passage.source.visibility != Visibility::Public && passage.source.kind == SourceKind::Document
}

fn numbered(passages: impl Iterator<Item = RetrievedPassage>) -> Vec<RetrievedPassage> {
    let numbered = passages.zip(1_u32..).map(|(mut passage, number)| {
        passage.source.number = number;
        passage
    });
    numbered.collect()
}
