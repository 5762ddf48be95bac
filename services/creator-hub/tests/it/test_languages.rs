//! Documents in a language that the embedding model does not understand have a warning.

use serde_json::{Value, json};
use shared_ai_client::{DetectedLanguage, DocumentInLanguage, DocumentLanguages, RECORD_LANGUAGES};
use shared_config::Service;
use shared_jobs::{JobQueue, NewJob};
use shared_testkit::Stores;

use crate::test_app::{DOCUMENTS, TestApp};

async fn codes(app: &TestApp, id: &str) -> Vec<Value> {
    let document = app.ana.get(&format!("{DOCUMENTS}/{id}")).await.json();
    let warnings = document["warnings"].as_array().unwrap().iter();
    warnings.map(|warning| warning["code"].clone()).collect()
}

/// Enqueues what ai-engine says of a document after a change of the model, and does it.
async fn learn(app: &TestApp, id: &str, version: i32, is_understood: bool) {
    let documents = vec![DocumentInLanguage {
        document: id.parse().unwrap(),
        version,
        language: DetectedLanguage {
            name: "Japanese".to_owned(),
            is_understood,
        },
    }];
    let job = NewJob::new(RECORD_LANGUAGES, app.creator.as_uuid());
    let job = job.payload(&DocumentLanguages { documents }).unwrap();
    let queue = JobQueue::new(Service::CreatorHub, Stores::from_env().cache());
    let db = app.database.as_service(Service::AiEngine);
    let mut tx = db.tenant(app.creator).await.unwrap();
    queue.enqueue(&mut tx, job).await.unwrap();
    tx.commit().await.unwrap();
    app.work_off().await;
}

#[tokio::test]
async fn a_document_whose_language_the_model_does_not_understand_says_what_to_do() {
    let app = TestApp::new().await;
    app.engine.detect("Japanese", false);
    let id = app.ready("sleep.txt", "yoku nemuru hito").await;
    let document = app.ana.get(&format!("{DOCUMENTS}/{id}")).await.json();
    let warning = json!({
        "code": "language_not_understood",
        "message": "the text is in Japanese, which the platform's embedding model does not \
                    understand: it is found by its words, not by its meaning; ask the operator of \
                    the platform for a multilingual model, or add a translation",
    });
    assert_eq!(document["warnings"], json!([warning]));
    app.engine.detect("English", true);
    let id = app
        .ready("rest.txt", "Those who sleep well learn well.")
        .await;
    assert!(codes(&app, &id).await.is_empty());
}

#[tokio::test]
async fn the_warning_follows_a_change_of_the_model_and_keeps_the_others() {
    let app = TestApp::new().await;
    let id = app.ready("sleep.txt", "yoku nemuru hito").await;
    app.execute("update hub.documents set warnings = '[{\"code\": \"row_skipped\"}]'")
        .await;
    learn(&app, &id, 2, false).await;
    assert_eq!(codes(&app, &id).await, ["row_skipped"], "another version");
    let both = ["language_not_understood", "row_skipped"];
    for _ in 0..2 {
        learn(&app, &id, 1, false).await;
        assert_eq!(codes(&app, &id).await, both);
    }
    learn(&app, &id, 1, true).await;
    assert_eq!(codes(&app, &id).await, ["row_skipped"]);
}
