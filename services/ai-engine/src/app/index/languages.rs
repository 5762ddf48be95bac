//! Tells creator-hub which documents are in a language that the embedding model understands.

use shared_ai_client::{
    DetectedLanguage, DocumentInLanguage, DocumentLanguages, LANGUAGES_PER_JOB, RECORD_LANGUAGES,
};
use shared_db::TenantTx;
use shared_jobs::NewJob;

use super::vector_space;
use crate::domain::index::calibration::Calibration;
use crate::domain::index::document_language::DocumentLanguage;
use crate::state::AppState;
use crate::store::document_vectors;

/// The language with what the present model makes of it; none if one of both is not known.
pub(crate) async fn detected(
    app: &AppState,
    language: Option<DocumentLanguage>,
) -> Option<DetectedLanguage> {
    let language = language?;
    let calibration = vector_space::calibration(&app.embedder).await?;
    Some(judged(calibration, language))
}

fn judged(calibration: &Calibration, language: DocumentLanguage) -> DetectedLanguage {
    DetectedLanguage {
        name: language.name().to_owned(),
        is_understood: calibration.understands(language),
    }
}

/// Has creator-hub record what the present model makes of all documents of an account, in the
/// transaction that changes the account to it.
pub(super) async fn record_all(
    app: &AppState,
    tx: &mut TenantTx,
    calibration: &Calibration,
) -> sqlx::Result<()> {
    let documents = document_vectors::languages(tx).await?;
    let judged = documents
        .into_iter()
        .filter_map(|(document, version, code)| {
            let language = DocumentLanguage::from_code(&code)?;
            Some(DocumentInLanguage {
                document,
                version,
                language: judged(calibration, language),
            })
        });
    let judged: Vec<_> = judged.collect();
    for documents in judged.chunks(LANGUAGES_PER_JOB) {
        let documents = documents.to_vec();
        let job = NewJob::new(RECORD_LANGUAGES, tx.creator().as_uuid());
        let job = job.payload(&DocumentLanguages { documents });
        let job = job.map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        app.hub_jobs.enqueue(tx, job).await?;
    }
    Ok(())
}
