//! Question-and-answer pairs of a tenant: write, list, delete, as a table.

use std::collections::HashMap;

use shared_db::TenantTx;
use shared_extract::CsvRow;
use shared_models::limits::QA_PAIRS;
use shared_models::{CollectionId, CreatorId, QaPairId, entity_tag};
use shared_web::{Created, Idempotent, Once};

use super::qa_copies;
use crate::domain::qa::{PairChange, PairContent, PairSelection, StoredPair, table};
use crate::error::{Error, QaError};
use crate::state::AppState;
use crate::store::{collections, qa_pairs};

/// How many pairs an import has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Imported {
    pub(crate) created: usize,
    pub(crate) updated: usize,
    pub(crate) unchanged: usize,
}

/// A page of pairs, newest first.
pub(crate) async fn list(
    app: &AppState,
    tenant: CreatorId,
    selection: &PairSelection<'_>,
) -> Result<Vec<StoredPair>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    Ok(qa_pairs::list(&mut tx, selection).await?)
}

/// One pair.
pub(crate) async fn read(
    app: &AppState,
    tenant: CreatorId,
    id: QaPairId,
) -> Result<StoredPair, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let pair = qa_pairs::find(&mut tx, id).await?;
    Ok(pair.ok_or(QaError::Unknown)?)
}

/// Adds a pair.
pub(crate) async fn create<T: serde::Serialize + Sync>(
    app: &AppState,
    tenant: CreatorId,
    content: PairContent,
    request: &Idempotent,
    respond: impl FnOnce(StoredPair) -> Created<T>,
) -> Result<Once<T>, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    if let Some(replayed) = request.replay(&mut tx).await? {
        return Ok(Once::Replayed(replayed));
    }
    let count = qa_pairs::lock_and_count(&mut tx).await?;
    check_count(count, 1)?;
    let id = QaPairId::new();
    let pair = save(&mut tx, id, content).await?;
    let changed = qa_copies::changed(app, &mut tx, &[id]).await?;
    let created = respond(pair);
    request.store(&mut tx, &created).await?;
    tx.commit().await?;
    changed.apply(app, tenant).await;
    Ok(Once::New(created))
}

/// Changes a pair; `if_match` must name its revision, if it is there.
pub(crate) async fn change(
    app: &AppState,
    tenant: CreatorId,
    id: QaPairId,
    change: PairChange,
    if_match: Option<&str>,
) -> Result<StoredPair, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    qa_pairs::lock_and_count(&mut tx).await?;
    let old = qa_pairs::find(&mut tx, id).await?.ok_or(QaError::Unknown)?;
    if if_match.is_some_and(|tags| !entity_tag::matches(tags, old.revision)) {
        return Err(Error::Outdated);
    }
    let new = change.apply(old.content.clone());
    let new = new.map_err(|error| Error::Field("question", error.to_string()))?;
    if new == old.content {
        return Ok(old);
    }
    let pair = save(&mut tx, id, new).await?;
    let changed = qa_copies::changed(app, &mut tx, &[id]).await?;
    tx.commit().await?;
    changed.apply(app, tenant).await;
    Ok(pair)
}

/// Deletes a pair. It answers nothing any more.
pub(crate) async fn delete(app: &AppState, tenant: CreatorId, id: QaPairId) -> Result<(), Error> {
    let mut tx = app.db.tenant(tenant).await?;
    qa_pairs::lock_and_count(&mut tx).await?;
    if !qa_pairs::delete(&mut tx, id).await? {
        return Err(QaError::Unknown.into());
    }
    let changed = qa_copies::changed(app, &mut tx, &[id]).await?;
    tx.commit().await?;
    changed.apply(app, tenant).await;
    Ok(())
}

/// Writes the pairs of a table, all or none: a row with a question that is there already updates
/// its pair.
pub(crate) async fn import<T: serde::Serialize + Sync>(
    app: &AppState,
    tenant: CreatorId,
    rows: &[CsvRow],
    request: &Idempotent,
    respond: impl FnOnce(Imported) -> Created<T>,
) -> Result<Once<T>, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    if let Some(replayed) = request.replay(&mut tx).await? {
        return Ok(Once::Replayed(replayed));
    }
    let count = qa_pairs::lock_and_count(&mut tx).await?;
    let names = collections::names(&mut tx).await?;
    let names = names
        .into_iter()
        .map(|(id, name)| (name.to_lowercase(), id));
    let existing = qa_pairs::all(&mut tx).await?;
    let planned = table::plan(rows, existing, &names.collect()).map_err(QaError::BadRows)?;
    check_count(count, planned.created.len())?;
    let imported = Imported {
        created: planned.created.len(),
        updated: planned.updated.len(),
        unchanged: planned.unchanged,
    };
    let written = [planned.created, planned.updated].concat();
    lock_collections(&mut tx, written.iter().map(|(_, content)| content)).await?;
    qa_pairs::save(&mut tx, &written).await?;
    let ids: Vec<QaPairId> = written.iter().map(|(id, _)| *id).collect();
    let changed = qa_copies::changed(app, &mut tx, &ids).await?;
    let created = respond(imported);
    request.store(&mut tx, &created).await?;
    tx.commit().await?;
    changed.apply(app, tenant).await;
    Ok(Once::New(created))
}

/// All pairs as a table, the header first.
pub(crate) async fn export(
    app: &AppState,
    tenant: CreatorId,
) -> Result<Vec<[String; table::COLUMNS.len()]>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let names: HashMap<CollectionId, String> =
        collections::names(&mut tx).await?.into_iter().collect();
    Ok(table::rows(qa_pairs::all(&mut tx).await?, &names))
}

fn check_count(there: i64, added: usize) -> Result<(), QaError> {
    let there = usize::try_from(there).unwrap_or(usize::MAX);
    // An account that has more than it may can still be changed.
    if added > 0 && there.saturating_add(added) > QA_PAIRS {
        return Err(QaError::TooMany);
    }
    Ok(())
}

/// Writes one pair, whose questions no other pair may have.
async fn save(tx: &mut TenantTx, id: QaPairId, content: PairContent) -> Result<StoredPair, Error> {
    lock_collections(tx, std::iter::once(&content)).await?;
    let other = qa_pairs::with_question(tx, &content.questions, Some(id)).await?;
    if let Some(other) = other {
        return Err(QaError::Duplicate(other).into());
    }
    qa_pairs::save(tx, &[(id, content)]).await?;
    let pair = qa_pairs::find(tx, id).await?;
    Ok(pair.ok_or(QaError::Unknown)?)
}

/// Keeps the collections of pairs from being deleted meanwhile.
async fn lock_collections(
    tx: &mut TenantTx,
    contents: impl Iterator<Item = &PairContent> + Send,
) -> Result<(), Error> {
    let mut ids: Vec<CollectionId> = contents.flat_map(|c| c.collections.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() || collections::lock_shared(tx, &ids).await? == ids.len() {
        return Ok(());
    }
    let message = "must name collections of the account".to_owned();
    Err(Error::Field("collections", message))
}
