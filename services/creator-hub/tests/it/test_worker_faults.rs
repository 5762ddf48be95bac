//! The steps of a processing when they fail: what passes is tried again, what does not is told.

use std::fs;

use http::StatusCode;
use serde_json::{Value, json};
use shared_ai_client::IngestionFailure;
use shared_models::Retry;

use crate::engine::Reply;
use crate::test_app::TestApp;

/// Uploads a text whose first indexing ends like that; gives its id and where it stands.
async fn attempted(app: &TestApp, reply: Reply) -> (String, Value) {
    app.engine.reply(reply);
    let id = app.uploaded("a.txt", "text").await;
    assert!(app.run_own_job().await, "its text is extracted");
    assert!(app.run_one_job().await, "it is indexed");
    // A failure for good is recorded at once; a retry waits, and is not run here.
    app.run_own_job().await;
    let status = app.status(&id).await;
    (id, status)
}

fn waits(status: &Value, code: &str) {
    assert_eq!(status["state"], "processing", "{status}");
    assert_eq!(
        (&status["stage"], &status["attempts"]),
        (&json!("retrying"), &json!(1))
    );
    assert_eq!(status["error"]["code"], code);
    assert!(!status["error"]["reason"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn an_outage_that_ai_engine_tells_of_is_waited_for_however_long() {
    let app = TestApp::new().await;
    let away = Reply::Fails(
        IngestionFailure::DependencyUnavailable,
        Retry::UntilAvailable,
    );
    let (id, status) = attempted(&app, away).await;
    waits(&status, "dependency_unavailable");
    let waiting = "select count(*) from platform.jobs
                   where state = 'queued' and run_at >= updated_at + interval '1 s'";
    assert_eq!(app.count(waiting).await, 1, "not before its wait is over");
    for attempts in 2..=12 {
        app.engine.reply(away);
        app.work_next().await;
        let status = app.status(&id).await;
        assert_eq!(
            (&status["stage"], &status["attempts"]),
            (&json!("retrying"), &json!(attempts))
        );
    }
    let wait = "select extract(epoch from run_at - now())::int8 from platform.jobs
                where state = 'queued'";
    assert!(
        (20..=30).contains(&app.count(wait).await),
        "looked after at least twice a minute"
    );
    app.work_next().await;
    app.work_off().await;
    let status = app.status(&id).await;
    assert_eq!(status["state"], "ready", "{status}");
    assert_eq!(status["error"], Value::Null);
}

#[tokio::test]
async fn what_another_attempt_cannot_help_fails_at_once_with_its_reason() {
    let app = TestApp::new().await;
    let refusal = Reply::Fails(IngestionFailure::EmptyDocument, Retry::Never);
    let (id, status) = attempted(&app, refusal).await;
    assert_eq!(
        (&status["state"], &status["stage"]),
        (&json!("failed"), &json!("failed"))
    );
    let error = json!({"code": "empty_document", "reason": "the document contains no text"});
    assert_eq!(status["error"], error);
    assert_eq!(status["chunk_count"], 0);
    app.execute("update platform.jobs set run_at = now()").await;
    assert!(!app.run_one_job().await, "it stays failed");
    assert_eq!(app.status(&id).await["state"], "failed");
}

#[tokio::test]
async fn a_failure_that_persists_fails_the_document_in_the_end() {
    let app = TestApp::new().await;
    let lost = Reply::Fails(IngestionFailure::VectorStoreFailed, Retry::Limited);
    let (id, status) = attempted(&app, lost).await;
    waits(&status, "vector_store_failed");
    for _ in 1..8 {
        app.engine.reply(lost);
        app.work_next().await;
    }
    app.work_off().await;
    let status = app.status(&id).await;
    assert_eq!(
        (&status["state"], &status["attempts"]),
        (&json!("failed"), &json!(8))
    );
    assert_eq!(status["error"]["code"], "vector_store_failed");
}

#[tokio::test]
async fn white_space_alone_fails_without_asking_anybody() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "\u{feff} \r\n\t\n").await;
    app.work_off().await;
    let status = app.status(&id).await;
    assert_eq!(
        (&status["state"], &status["error"]["code"]),
        (&json!("failed"), &json!("empty_document"))
    );
    assert!(app.engine.asked().is_empty());
    assert_eq!(app.files().len(), 1, "no part of a text is left");
}

#[tokio::test]
async fn a_file_that_is_gone_fails_its_document_only() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    fs::remove_file(&app.files()[0]).unwrap();
    let other = app.uploaded("b.txt", "other").await;
    app.work_off().await;
    assert_eq!(app.status(&id).await["error"]["code"], "file_missing");
    assert_eq!(app.status(&other).await["state"], "ready");
}

#[tokio::test]
async fn a_failed_processing_leaves_the_passages_of_the_one_before() {
    let app = TestApp::new().await;
    let id = app.ready("a.txt", "text").await;
    let request = app.ana.request(
        http::Method::POST,
        &format!("{}/{id}/reprocess", crate::test_app::DOCUMENTS),
    );
    app.ana
        .send(request.body("".into()).unwrap())
        .await
        .expect(StatusCode::ACCEPTED);
    app.engine
        .reply(Reply::Fails(IngestionFailure::EmptyDocument, Retry::Never));
    app.work_off().await;
    let status = app.status(&id).await;
    assert_eq!(
        (&status["state"], &status["chunk_count"]),
        (&json!("failed"), &json!(3))
    );
}

#[tokio::test]
async fn the_result_of_an_earlier_version_changes_nothing() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    assert!(app.run_own_job().await);
    assert!(app.run_one_job().await);
    app.execute("update hub.documents set version = version + 1")
        .await;
    app.work_off().await;
    let status = app.status(&id).await;
    assert_eq!(
        (&status["state"], &status["chunk_count"]),
        (&json!("processing"), &json!(0))
    );
}
