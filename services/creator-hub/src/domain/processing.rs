//! The jobs that make a document searchable, seen as the one job that the API shows.

use shared_ai_client::INDEX_DOCUMENT;
use shared_jobs::{JobRow, JobState};

/// Progress when ai-engine has received the text, percent.
pub(crate) const EXTRACTED_PERCENT: i16 = 5;
/// Progress when ai-engine is done and the result is not recorded yet, percent.
const INDEXED_PERCENT: i16 = 99;

/// One job in place of the jobs of a chain, the newest of which comes first and the root last.
pub(crate) fn as_one_job(chain: Vec<JobRow>) -> Option<JobRow> {
    let recorded = match chain.first() {
        Some(last) if chain.len() > 1 => last.state == JobState::Succeeded,
        _ => false,
    };
    let mut jobs = chain.into_iter();
    let root = jobs.next_back()?;
    let Some(indexing) = jobs.find(|job| job.kind == INDEX_DOCUMENT) else {
        return Some(root);
    };
    let state = match indexing.state {
        JobState::Failed => JobState::Failed,
        JobState::Succeeded if recorded => JobState::Succeeded,
        JobState::Queued if indexing.attempts > 0 => JobState::Queued,
        _ => JobState::Running,
    };
    let is_indexed = indexing.state == JobState::Succeeded;
    let progress = match state {
        JobState::Succeeded => 100,
        _ if is_indexed => INDEXED_PERCENT,
        _ => indexing.progress.clamp(EXTRACTED_PERCENT, INDEXED_PERCENT),
    };
    let step = if is_indexed && state != JobState::Succeeded {
        "indexing".to_owned()
    } else {
        indexing.stage
    };
    Some(JobRow {
        state,
        stage: step,
        progress,
        attempts: indexing.attempts.max(root.attempts),
        error_code: indexing.error_code,
        error_reason: indexing.error_reason,
        ..root
    })
}

#[cfg(test)]
mod tests {
    use shared_models::JobId;
    use uuid::Uuid;

    use super::*;

    fn job(kind: &str, state: JobState, step: &str, progress: i16, attempts: i32) -> JobRow {
        JobRow {
            id: JobId::new(),
            kind: kind.to_owned(),
            subject: Uuid::nil(),
            state,
            stage: step.to_owned(),
            progress,
            attempts,
            error_code: None,
            error_reason: None,
        }
    }

    fn shown(mut newest_first: Vec<JobRow>) -> (JobState, String, i16, i32) {
        let extracted = job("ingest_document", JobState::Succeeded, "done", 100, 1);
        let root = extracted.id;
        newest_first.push(extracted);
        let shown = as_one_job(newest_first).unwrap();
        assert_eq!((shown.id, shown.kind.as_str()), (root, "ingest_document"));
        (shown.state, shown.stage, shown.progress, shown.attempts)
    }

    #[test]
    fn a_processing_is_done_when_its_last_job_is_and_never_goes_back() {
        use JobState::{Failed, Queued, Running, Succeeded};
        let index = |state, stage, progress, attempts| {
            job(INDEX_DOCUMENT, state, stage, progress, attempts)
        };
        let record = |state| job("ingest_document", state, "queued", 0, 0);
        let done = || index(Succeeded, "done", 100, 2);
        let expected =
            |state, stage: &str, progress, attempts| (state, stage.to_owned(), progress, attempts);
        assert_eq!(
            shown(vec![index(Queued, "queued", 0, 0)]),
            expected(Running, "queued", 5, 1)
        );
        assert_eq!(
            shown(vec![index(Running, "indexing", 50, 2)]),
            expected(Running, "indexing", 50, 2)
        );
        assert_eq!(
            shown(vec![index(Queued, "indexing", 50, 2)]),
            expected(Queued, "indexing", 50, 2)
        );
        assert_eq!(
            shown(vec![index(Failed, "indexing", 50, 8)]),
            expected(Failed, "indexing", 50, 8)
        );
        assert_eq!(
            shown(vec![record(Queued), done()]),
            expected(Running, "indexing", 99, 2)
        );
        assert_eq!(
            shown(vec![record(Succeeded), done()]),
            expected(Succeeded, "done", 100, 2)
        );
        assert_eq!(shown(vec![]), expected(Succeeded, "done", 100, 1));
    }
}
