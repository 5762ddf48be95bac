//! The job that indexes a document: it reads its text in ranges, resumes, stops, and tells
//! creator-hub how it ended.

use std::time::Duration;

use shared_ai_client::{IndexingOutcome, IngestionFailure};
use shared_config::Service;
use shared_jobs::{JobState, lease, rows as jobs};
use shared_models::{DocumentId, Retry};

use crate::fake_hub::Fault;
use crate::test_app::{Ended, HANDBOOK, TestApp, document_path};
use crate::test_documents::{SECOND, rows, vectors};

const MIB: usize = 1024 * 1024;

/// A text of two ranges, the end of the first one within a paragraph. Most of it is empty lines:
/// what takes time is passages, not bytes.
fn long_text() -> String {
    let paragraph = |n: usize| format!("Paragraph {n}: {}", "rest and breathe. ".repeat(400));
    let paragraphs: Vec<_> = (0..24).map(paragraph).collect();
    paragraphs.join(&"\n".repeat(45_000))
}

#[tokio::test]
async fn a_text_is_read_in_ranges_and_the_end_is_recorded_once() {
    let app = TestApp::new().await;
    let (document, text) = (DocumentId::new(), long_text());
    assert!(text.len() > MIB && text.len() < 2 * MIB);
    assert!(text.is_char_boundary(MIB) && text[..MIB].ends_with(|last| last != '\n'));
    app.ollama.answer_at_once();
    let ended = app.ingest(app.tenant, document, 1, &text).await;
    let Ended::Indexed(passages) = ended else {
        panic!("{ended:?}");
    };
    let ranges = [(0, MIB - 1), (MIB, text.len() - 1)];
    assert_eq!(app.creator_hub.asked(), ranges);
    let rows = rows(&app, document).await;
    assert_eq!(rows.len(), usize::try_from(passages).unwrap());
    assert_eq!(vectors(&app, app.tenant, document).await, rows);
    let records = app.records(document.as_uuid()).await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].version, 1);
}

#[tokio::test]
async fn a_broken_connection_is_resumed_where_it_broke() {
    let app = TestApp::new().await;
    let faults = vec![
        Fault::BreaksAfter(0),
        Fault::BreaksAfter(100),
        Fault::BreaksAfter(50),
    ];
    app.creator_hub.fail_with(faults);
    let document = DocumentId::new();
    let ended = app.ingest(app.tenant, document, 1, HANDBOOK).await;
    assert_eq!(ended, Ended::Indexed(23));
    let starts: Vec<_> = app
        .creator_hub
        .asked()
        .iter()
        .map(|range| range.0)
        .collect();
    assert_eq!(starts, [0, 50, 150, 150]);
}

#[tokio::test]
async fn a_creator_hub_that_is_away_is_waited_for() {
    let app = TestApp::with_config(|config| {
        config.creator_hub_url = "http://127.0.0.1:1".to_owned();
    })
    .await;
    let job = app.enqueue(app.tenant, DocumentId::new(), 1, SECOND).await;
    assert!(app.step().await);
    let waits = Ended::Failed(
        IngestionFailure::DependencyUnavailable,
        Retry::UntilAvailable,
    );
    assert_eq!(app.ended(app.tenant, &job).await, waits);
    let reason = app.job(app.tenant, &job).await.error_reason.unwrap();
    assert_eq!(reason, "creator-hub is unavailable");
    assert!(app.records(job.subject).await.is_empty(), "not ended yet");
}

#[tokio::test]
async fn a_text_that_is_gone_or_damaged_is_not_indexed() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    app.creator_hub.fail_with(vec![Fault::Status(404)]);
    let ended = app.ingest(app.tenant, document, 1, SECOND).await;
    let gone = Ended::Failed(IngestionFailure::TextDamaged, Retry::Never);
    assert_eq!(ended, gone);
    let records = app.records(document.as_uuid()).await;
    let failed = IndexingOutcome::Failed(IngestionFailure::TextDamaged);
    assert_eq!(records.last().unwrap().outcome, failed);

    let text = app
        .creator_hub
        .store(app.tenant, document, HANDBOOK.as_bytes());
    app.creator_hub.damage(app.tenant, document, &text);
    let job = app.enqueue_stored(app.tenant, document, 2, text).await;
    assert!(app.step().await);
    let damaged = Ended::Failed(IngestionFailure::TextDamaged, Retry::Limited);
    assert_eq!(app.ended(app.tenant, &job).await, damaged);
    assert!(app.search(app.tenant, "ghrelin").await.is_empty());
}

#[tokio::test]
async fn a_worker_that_dies_is_followed_by_one_that_embeds_only_the_rest() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    let job = app.enqueue(app.tenant, document, 1, HANDBOOK).await;
    app.ollama.allow_batches(1);
    {
        let attempt = app.step();
        tokio::pin!(attempt);
        let embedded = async {
            while vectors(&app, app.tenant, document).await.len() < 8 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            _ = &mut attempt => panic!("it cannot end"),
            () = embedded => {}
        }
        // Dropped here: the process is dead, and its lease is not.
    }
    // Otherwise its last batch would be embedded as well.
    while app.ollama.held_batches() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.ollama.allow_batches(usize::MAX);
    assert!(!app.step().await, "the lease holds");
    let before = app.ollama.texts_of("all-minilm");
    assert!(app.search(app.tenant, "ghrelin").await.is_empty());
    app.hurry().await;
    assert!(app.step().await);
    assert_eq!(app.ended(app.tenant, &job).await, Ended::Indexed(23));
    // A busy model may be asked for the rest once more, but never for what is there: the first
    // batch.
    let again = app.ollama.texts_of("all-minilm").split_off(before.len());
    assert!(again.len() >= 15, "{again:?}");
    assert!(
        !again.iter().any(|text| before[..8].contains(text)),
        "{again:?}"
    );
    assert_eq!(
        vectors(&app, app.tenant, document).await,
        rows(&app, document).await
    );
    assert_eq!(app.records(document.as_uuid()).await.len(), 1);
}

#[tokio::test]
async fn who_lost_the_lease_activates_and_records_nothing() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    let job = app.enqueue(app.tenant, document, 1, SECOND).await;
    app.ollama.allow_batches(0);
    let steal = async {
        while app.ollama.batches() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let admin = app.database.admin().await;
        sqlx::query("update platform.jobs set lease_token = gen_random_uuid()")
            .execute(&admin)
            .await
            .unwrap();
        app.ollama.allow_batches(usize::MAX);
    };
    let (worked, ()) = tokio::join!(app.step(), steal);
    assert!(worked);
    assert_eq!(app.job(app.tenant, &job).await.state, JobState::Running);
    assert!(app.search(app.tenant, "honey").await.is_empty());
    let records = app.records(document.as_uuid()).await;
    assert!(records.is_empty(), "{records:?}");
}

#[tokio::test]
async fn a_cancelled_job_stops_and_records_nothing() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    let job = app.enqueue(app.tenant, document, 1, HANDBOOK).await;
    app.ollama.allow_batches(1);
    let cancel = async {
        while vectors(&app, app.tenant, document).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let db = app.database.as_service(Service::CreatorHub);
        let mut tx = db.tenant(app.tenant).await.unwrap();
        let subject = document.as_uuid();
        jobs::cancel_subject(&mut tx, subject, None, "deleted")
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    tokio::join!(app.step(), cancel);
    app.ollama.allow_batches(usize::MAX);
    let row = app.job(app.tenant, &job).await;
    assert_eq!(row.state, JobState::Failed);
    assert_eq!(row.error_code.as_deref(), Some("cancelled"));
    assert!(app.records(document.as_uuid()).await.is_empty());
    let hub = app.hub(app.tenant);
    let answer = hub.delete(&document_path(document)).await;
    assert!(answer.status.is_success());
    assert!(rows(&app, document).await.is_empty());
    assert!(vectors(&app, app.tenant, document).await.is_empty());
}

#[tokio::test]
async fn a_text_that_kills_its_worker_fails_in_the_end_and_creator_hub_is_told() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    app.enqueue(app.tenant, document, 1, SECOND).await;
    let db = app.database.as_service(Service::AiEngine);
    for _ in 0..8 {
        let claimed = lease::claim(&db, Service::AiEngine, &["index_document"])
            .await
            .unwrap();
        assert!(claimed.is_some(), "it is due");
        app.hurry().await;
    }
    assert!(app.step().await);
    let records = app.records(document.as_uuid()).await;
    let outcome = IndexingOutcome::Failed(IngestionFailure::Interrupted);
    assert_eq!(records.last().unwrap().outcome, outcome);
}
