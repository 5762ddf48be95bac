//! Records which documents are in a language that the embedding model does not understand, after
//! ai-engine has changed an account to another model.

use std::time::Duration;

use shared_ai_client::{DetectedLanguage, DocumentInLanguage, DocumentLanguages, RECORD_LANGUAGES};
use shared_db::TenantTx;
use shared_document::{Warning, WarningCode};
use shared_jobs::{Job, JobContext, JobError, Outcome};
use shared_models::DocumentId;

use crate::store::documents::processing;

/// The job.
pub(crate) struct RecordLanguages;

impl Job for RecordLanguages {
    const KIND: &'static str = RECORD_LANGUAGES;
    const TIMEOUT: Duration = Duration::from_mins(5);
    const NEVER_FAILS: bool = true;
    type Payload = DocumentLanguages;

    async fn run(
        &self,
        context: &JobContext,
        known: DocumentLanguages,
    ) -> Result<Outcome, JobError> {
        let mut tx = context.begin().await?;
        for known in &known.documents {
            let DocumentInLanguage {
                document,
                version,
                language,
            } = known;
            record(&mut tx, *document, *version, language).await?;
        }
        if !context.complete(&mut tx).await? {
            return Ok(Outcome::LeaseLost);
        }
        tx.commit().await?;
        Ok(Outcome::Completed)
    }
}

/// Warns of the language of a document, or no longer.
pub(crate) async fn record(
    tx: &mut TenantTx,
    document: DocumentId,
    version: i32,
    language: &DetectedLanguage,
) -> sqlx::Result<()> {
    let DetectedLanguage {
        name,
        is_understood,
    } = language;
    let warning = (!is_understood).then(|| Warning {
        code: WarningCode::LanguageNotUnderstood,
        position: None,
        language: Some(name.clone()),
    });
    processing::warn_of_language(tx, document, version, warning).await
}
