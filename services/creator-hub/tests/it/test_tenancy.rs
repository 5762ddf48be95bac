//! Another tenant's ids are to every route what ids are that nobody has, to the byte.

use http::{Method, StatusCode};
use serde_json::json;
use shared_config::Service;
use shared_jobs::{JobQueue, NewJob};
use shared_models::{DocumentId, JobId};
use shared_testkit::{Stores, TestClient};

use crate::test_app::{DOCUMENTS, TestApp, without_trace};

/// Every route that takes a document's id.
const ROUTES: [(Method, &str); 6] = [
    (Method::GET, ""),
    (Method::GET, "/status"),
    (Method::GET, "/events"),
    (Method::PATCH, ""),
    (Method::POST, "/reprocess"),
    (Method::DELETE, ""),
];

async fn ask(client: &TestClient, method: &Method, path: &str) -> (StatusCode, serde_json::Value) {
    let answer = client.json(method.clone(), path, &json!({})).await;
    assert_eq!(
        answer.headers["content-type"], "application/problem+json",
        "{method} {path}"
    );
    (answer.status, without_trace(&answer))
}

#[tokio::test]
async fn another_tenants_document_is_not_there() {
    let app = TestApp::new().await;
    let theirs = app.ready("a.txt", "text").await;
    let nobodys = DocumentId::new();
    for (method, rest) in &ROUTES {
        let found = ask(&app.ben, method, &format!("{DOCUMENTS}/{theirs}{rest}")).await;
        let missing = ask(&app.ben, method, &format!("{DOCUMENTS}/{nobodys}{rest}")).await;
        assert_eq!(found, missing, "{method} {rest}");
        assert_eq!(found.0, StatusCode::NOT_FOUND);
        assert_eq!(found.1["code"], "unknown_document");
    }
    assert_eq!(app.status(&theirs).await["state"], "ready");
    let list = app.ben.get(DOCUMENTS).await.expect(StatusCode::OK);
    assert_eq!(list, json!({"items": []}));
}

#[tokio::test]
async fn another_tenants_job_is_not_there() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    let job = app.ana.delete(&format!("{DOCUMENTS}/{id}")).await.json()["job"]["id"].clone();
    let path = |id: &str| format!("/creator-hub/v1/jobs/{id}");
    let job = job.as_str().unwrap();
    assert_eq!(app.ana.get(&path(job)).await.status, StatusCode::OK);
    let found = ask(&app.ben, &Method::GET, &path(job)).await;
    let missing = ask(&app.ben, &Method::GET, &path(&JobId::new().to_string())).await;
    assert_eq!(found, missing);
    assert_eq!(
        (found.0, &found.1["code"]),
        (StatusCode::NOT_FOUND, &json!("unknown_job"))
    );
}

#[tokio::test]
async fn a_job_of_another_service_is_not_shown() {
    let app = TestApp::new().await;
    let auth = app.database.as_service(Service::Auth);
    let mut tx = auth.tenant(app.creator).await.unwrap();
    let subject = DocumentId::new().as_uuid();
    let queue = JobQueue::new(Service::Auth, Stores::from_env().cache());
    let job = NewJob::new("export_account", subject);
    let job = queue.enqueue(&mut tx, job).await.unwrap();
    tx.commit().await.unwrap();
    let path = format!("/creator-hub/v1/jobs/{}", job.id);
    let answer = app.ana.get(&path).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nobody_is_let_in_without_a_token() {
    let app = TestApp::new().await;
    let id = DocumentId::new();
    for (method, rest) in &ROUTES {
        let path = format!("{DOCUMENTS}/{id}{rest}");
        let (status, body) = ask(&app.anonymous, method, &path).await;
        assert_eq!(
            (status, &body["code"]),
            (StatusCode::UNAUTHORIZED, &json!("missing_token"))
        );
    }
    let (status, _) = ask(&app.anonymous, &Method::GET, DOCUMENTS).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let forged = app.anonymous.with_token("a.b.c");
    assert_eq!(
        ask(&forged, &Method::GET, DOCUMENTS).await.1["code"],
        "invalid_token"
    );
}
