//! Question-and-answer pairs: takes what creator-hub sends, and makes the vectors of questions.

use shared_ai_client::QaPairChanges;
use shared_models::CreatorId;

use super::index::embed::{BATCH_SIZE, EmbedError};
use crate::domain::caller::Caller;
use crate::domain::index::packed_vector;
use crate::error::Error;
use crate::jobs::embed_questions::EmbedQuestionsJob;
use crate::state::AppState;
use crate::store::{qa_pairs, qa_vectors, vector_models};

/// Records pairs as they are now; the next question is answered by them. Questions in other words
/// are as soon as the job has made the vectors.
pub(crate) async fn set_pairs(
    app: &AppState,
    tenant: CreatorId,
    changes: &QaPairChanges,
) -> Result<(), Error> {
    let QaPairChanges { pairs, deleted } = changes;
    let mut tx = app.db.tenant(tenant).await?;
    qa_pairs::save(&mut tx, pairs).await?;
    qa_pairs::delete(&mut tx, deleted).await?;
    let model = &app.embedder.model().recorded_name;
    vector_models::ensure(&mut tx, model, app.started_at).await?;
    if !qa_vectors::missing(&mut tx, model, 1).await?.is_empty() {
        app.jobs
            .enqueue(&mut tx, EmbedQuestionsJob::wanted())
            .await?;
    }
    Ok(tx.commit().await?)
}

/// Makes all vectors that the account lacks.
pub(crate) async fn embed_missing(app: &AppState, tenant: CreatorId) -> Result<(), Error> {
    while embed_next::<Error>(app, tenant).await? {}
    Ok(())
}

/// Makes some of the vectors that the account lacks; false if there are none. No connection is held
/// while the model works.
pub(crate) async fn embed_next<E>(app: &AppState, tenant: CreatorId) -> Result<bool, E>
where
    E: From<sqlx::Error> + From<EmbedError>,
{
    let model = &app.embedder.model().recorded_name;
    let most = i64::try_from(BATCH_SIZE).unwrap_or(i64::MAX);
    let mut tx = app.db.tenant_read(tenant).await?;
    let questions = qa_vectors::missing(&mut tx, model, most).await?;
    drop(tx);
    if questions.is_empty() {
        return Ok(false);
    }
    let texts: Vec<String> = questions.iter().map(|q| q.question.clone()).collect();
    let caller = Caller::ingesting(tenant);
    let embedded = app.embedder.embed_questions(caller, &texts).await;
    let vectors = app.embedder.forgive(caller, embedded, texts.len()).await?;
    let mut tx = app.db.tenant(tenant).await?;
    for (question, vector) in questions.iter().zip(vectors) {
        let packed = vector
            .as_deref()
            .map_or_else(|| packed_vector::REFUSED.to_vec(), packed_vector::pack);
        qa_vectors::store(&mut tx, question, model, &packed).await?;
    }
    tx.commit().await?;
    Ok(true)
}
