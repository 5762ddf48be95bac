//! Deleting: hidden at once, and in the end nothing is left.

use std::time::Duration;

use http::{StatusCode, header};
use serde_json::{Value, json};
use shared_testkit::published_events;
use tokio::time::{sleep, timeout};

use crate::engine::{Reply, read_text};
use crate::test_app::{DOCUMENTS, TestApp, upload};

async fn delete(app: &TestApp, id: &str) -> Value {
    let answer = app.ana.delete(&format!("{DOCUMENTS}/{id}")).await;
    let location = answer.headers.get(header::LOCATION).cloned();
    let job = answer.expect(StatusCode::ACCEPTED)["job"].clone();
    let expected = format!("/creator-hub/v1/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(location.unwrap(), expected);
    assert_eq!(job["kind"], "erase_document");
    job
}

async fn job_of(app: &TestApp, job: &Value) -> Value {
    app.ana
        .get(&format!(
            "/creator-hub/v1/jobs/{}",
            job["id"].as_str().unwrap()
        ))
        .await
        .json()
}

async fn is_hidden(app: &TestApp, id: &str) {
    for path in ["", "/status", "/events"] {
        let answer = app.ana.get(&format!("{DOCUMENTS}/{id}{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(app.ana.get(DOCUMENTS).await.json(), json!({"items": []}));
    let again = app.ana.delete(&format!("{DOCUMENTS}/{id}")).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_upload_and_a_deletion_are_published_without_any_text() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    delete(&app, &id).await;
    let events = published_events(&app.admin().await, app.creator).await;
    let payload = json!({"document": id, "bytes": 4});
    let expected = ["document.uploaded", "document.deleted"];
    assert_eq!(
        events,
        expected.map(|name| (name.to_owned(), payload.clone()))
    );
}

async fn nothing_is_left(app: &TestApp) {
    assert_eq!(app.count("select count(*) from hub.documents").await, 0);
    assert!(app.files().is_empty(), "{:?}", app.files());
}

#[tokio::test]
async fn a_deleted_document_is_hidden_at_once_and_then_gone_everywhere() {
    let app = TestApp::new().await;
    let id = app.ready("a.txt", "text").await;
    let job = delete(&app, &id).await;
    is_hidden(&app, &id).await;
    assert_eq!(app.files().len(), 2, "the job removes file and text");
    assert_eq!(app.engine.forgotten().len(), 1, "no answer cites it");
    app.work_off().await;
    nothing_is_left(&app).await;
    let forgotten = app.engine.forgotten();
    assert_eq!(forgotten.len(), 2, "and by the job once more");
    assert_eq!(
        (forgotten[0].0, forgotten[0].1.to_string()),
        (app.creator, id)
    );
    assert_eq!(job_of(&app, &job).await["state"], "succeeded");
    assert!(!app.config.upload_dir.join(app.creator.to_string()).exists());
}

#[tokio::test]
async fn a_document_that_was_never_processed_is_erased_too() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    delete(&app, &id).await;
    app.work_off().await;
    nothing_is_left(&app).await;
    assert!(app.engine.asked().is_empty(), "nobody wants it any more");
    let cancelled = "select count(*) from platform.jobs where error_code = 'cancelled'";
    assert_eq!(app.count(cancelled).await, 1);
}

#[tokio::test]
async fn an_ai_engine_that_is_away_delays_the_erasure_and_does_not_prevent_it() {
    let app = TestApp::new().await;
    let id = app.ready("a.txt", "text").await;
    let job = delete(&app, &id).await;
    for attempts in 1..=10 {
        app.engine.forget_with(match attempts % 2 {
            0 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        });
        app.work_next().await;
        let job = job_of(&app, &job).await;
        assert_eq!(
            (&job["state"], &job["attempts"]),
            (&json!("queued"), &json!(attempts))
        );
        assert!(job["error"]["reason"].is_string(), "{job}");
        is_hidden(&app, &id).await;
        assert_eq!(app.files().len(), 2);
    }
    app.work_next().await;
    nothing_is_left(&app).await;
}

#[tokio::test]
async fn a_document_that_is_deleted_under_work_is_not_finished() {
    let app = TestApp::new().await;
    let working = app.work();
    app.engine.reply(Reply::Stalls(20));
    let id = app.uploaded("a.txt", "text").await;
    while app.engine.asked().is_empty() {
        sleep(Duration::from_millis(20)).await;
    }
    let job = delete(&app, &id).await;
    is_hidden(&app, &id).await;
    let gone = async {
        while job_of(&app, &job).await["state"] != "succeeded" {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(15), gone)
        .await
        .expect("it is erased");
    nothing_is_left(&app).await;
    assert_eq!(
        app.engine.forgotten().len(),
        2,
        "at once, and again after the processing had ended"
    );
    app.stop.cancel();
    working.await.unwrap();
}

#[tokio::test]
async fn the_same_content_may_come_back_before_the_old_one_is_erased() {
    let app = TestApp::new().await;
    let old = app.ready("a.txt", "the same").await;
    delete(&app, &old).await;
    let new = upload(&app.ana, "a.txt", b"the same")
        .await
        .expect(StatusCode::ACCEPTED);
    let new = new["document"]["id"].as_str().unwrap();
    assert_ne!(new, old);
    app.work_off().await;
    assert_eq!(app.status(new).await["state"], "ready");
    assert_eq!(
        app.files().len(),
        2,
        "the file is the new document's by now, and so is its text"
    );
    assert_eq!(app.count("select count(*) from hub.documents").await, 1);
    delete(&app, new).await;
    app.work_off().await;
    nothing_is_left(&app).await;
}

#[tokio::test]
async fn an_erasure_that_died_after_forgetting_is_finished_by_another() {
    let app = TestApp::new().await;
    let id = app.ready("a.txt", "text").await;
    delete(&app, &id).await;
    let (hub, kinds) = (shared_config::Service::CreatorHub, ["erase_document"]);
    let claimed = shared_jobs::lease::claim(&app.db(), hub, &kinds).await;
    claimed.unwrap().unwrap();
    for file in app.files() {
        std::fs::remove_file(file).unwrap();
    }
    app.execute("update platform.jobs set lease_until = now() - interval '1 s'")
        .await;
    app.work_off().await;
    nothing_is_left(&app).await;
}

#[tokio::test]
async fn a_document_that_waits_for_its_indexing_is_not_indexed_any_more() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    assert!(app.run_own_job().await);
    delete(&app, &id).await;
    app.work_off().await;
    nothing_is_left(&app).await;
    assert!(app.engine.asked().is_empty(), "its job has ended");
    let cancelled = "select count(*) from platform.jobs
                     where kind = 'index_document' and error_code = 'cancelled'";
    assert_eq!(app.count(cancelled).await, 1);
}

#[tokio::test]
async fn an_indexing_whose_worker_died_does_not_come_back_after_the_erasure() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    assert!(app.run_own_job().await);
    let ai_engine = shared_config::Service::AiEngine;
    let db = app.database.as_service(ai_engine);
    let dead = shared_jobs::lease::claim(&db, ai_engine, &["index_document"])
        .await
        .unwrap();
    assert!(dead.is_some());
    delete(&app, &id).await;
    app.execute(
        "update platform.jobs set lease_until = now() - interval '1 s' where state = 'running'",
    )
    .await;
    app.work_off().await;
    nothing_is_left(&app).await;
    assert!(app.engine.asked().is_empty());
}

#[tokio::test]
async fn the_text_of_a_deleted_document_is_not_given_any_more() {
    let app = TestApp::new().await;
    let id = app.ready("a.txt", "text").await;
    let asked = app.engine.asked().remove(0);
    let read = async |creator| {
        let (document, wanted) = (asked.document, &asked.wanted);
        read_text(&app.engine, &app.anonymous, creator, document, wanted).await
    };
    assert_eq!(read(app.creator).await.0, StatusCode::PARTIAL_CONTENT);
    let other = read(shared_models::CreatorId::new()).await;
    assert_eq!(other.0, StatusCode::NOT_FOUND, "another tenant's");
    delete(&app, &id).await;
    assert_eq!(read(app.creator).await.0, StatusCode::NOT_FOUND);
}
