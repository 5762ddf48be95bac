//! Question-and-answer pairs: takes what creator-hub sends, and makes the vectors of questions.

use shared_ai_client::QaPairChanges;
use shared_models::CreatorId;

use super::index::embed::BATCH_SIZE;
use crate::domain::index::packed_vector;
use crate::error::Error;
use crate::jobs::embed_questions::EmbedQuestionsJob;
use crate::state::AppState;
use crate::store::{qa_pairs, qa_vectors};

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
    let model = &app.embedder.model().name;
    if !qa_vectors::missing(&mut tx, model, 1).await?.is_empty() {
        app.jobs
            .enqueue(&mut tx, EmbedQuestionsJob::wanted())
            .await?;
    }
    Ok(tx.commit().await?)
}

/// Makes all vectors that the account lacks. No connection is held while the model works.
pub(crate) async fn embed_missing(app: &AppState, tenant: CreatorId) -> Result<(), Error> {
    let model = &app.embedder.model().name;
    let most = i64::try_from(BATCH_SIZE).unwrap_or(i64::MAX);
    loop {
        let mut tx = app.db.tenant_read(tenant).await?;
        let questions = qa_vectors::missing(&mut tx, model, most).await?;
        drop(tx);
        if questions.is_empty() {
            return Ok(());
        }
        let texts: Vec<String> = questions.iter().map(|q| q.question.clone()).collect();
        let vectors = app.embedder.embed_questions(&texts).await?;
        let mut tx = app.db.tenant(tenant).await?;
        for (question, vector) in questions.iter().zip(vectors) {
            let packed = vector
                .as_deref()
                .map_or_else(|| packed_vector::REFUSED.to_vec(), packed_vector::pack);
            qa_vectors::store(&mut tx, question, model, &packed).await?;
        }
        tx.commit().await?;
    }
}
