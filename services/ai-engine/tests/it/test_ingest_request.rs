//! The route that creator-hub of 0.1 calls in a rolling upgrade.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::json;
use shared_ai_client::{IngestionEvent, IngestionFailure};
use shared_models::{DocumentId, Retry};
use tower::ServiceExt as _;

use crate::test_app::{HANDBOOK, TestApp, document_path, ingestion};
use crate::test_documents::{SECOND, rows, vectors};

async fn put(app: &TestApp, document: DocumentId, version: i32, text: &str) -> Vec<IngestionEvent> {
    let (path, body) = (document_path(document), ingestion(version, text));
    let answer = app.hub(app.tenant).json(Method::PUT, &path, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let text = answer.text();
    let events = text.lines().map(|line| serde_json::from_str(line).unwrap());
    events.collect()
}

#[tokio::test]
async fn the_response_reports_the_progress_and_the_result() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    let events = put(&app, document, 2, HANDBOOK).await;
    assert_eq!(events.last(), Some(&IngestionEvent::Done { chunks: 23 }));
    let done = |event: &IngestionEvent| match event {
        IngestionEvent::Progress { done, total } => Some((*done, *total)),
        _ => None,
    };
    let progress: Vec<_> = events.iter().filter_map(done).collect();
    assert_eq!(
        progress.len(),
        4,
        "a report for each batch and one at the end"
    );
    assert!(progress.is_sorted());
    assert_eq!(progress[3].0, progress[3].1);
    assert_eq!(
        vectors(&app, app.tenant, document).await,
        rows(&app, document).await
    );
    let late = put(&app, document, 1, SECOND).await;
    let Some(IngestionEvent::Failed { code, retry, .. }) = late.last() else {
        panic!("{late:?}");
    };
    assert_eq!(
        (*code, *retry),
        (IngestionFailure::Superseded, Retry::Never)
    );
}

#[tokio::test]
async fn what_a_job_has_indexed_is_not_embedded_again() {
    let app = TestApp::new().await;
    let document = app.index(app.tenant, HANDBOOK).await;
    let before = app.ollama.embedded_texts();
    let events = put(&app, document, 1, HANDBOOK).await;
    assert_eq!(events.last(), Some(&IngestionEvent::Done { chunks: 23 }));
    assert_eq!(app.ollama.embedded_texts(), before);
}

#[tokio::test]
async fn closing_the_connection_stops_the_work_and_a_repeat_resumes_it() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    app.ollama.allow_batches(1);
    let request = app
        .hub(app.tenant)
        .request(Method::PUT, &document_path(document))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(ingestion(1, HANDBOOK).to_string()))
        .unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    let mut body = response.into_body();
    let mut seen = String::new();
    while !seen.contains("progress") {
        let frame = body.frame().await.unwrap().unwrap();
        seen += &String::from_utf8_lossy(&frame.into_data().unwrap());
    }
    drop(body);
    tokio::time::sleep(Duration::from_millis(100)).await;
    app.ollama.allow_batches(usize::MAX);
    assert!(
        app.search(app.tenant, "ghrelin").await.is_empty(),
        "an incomplete version is not found"
    );
    let before = app.ollama.embedded_texts();
    let events = put(&app, document, 1, HANDBOOK).await;
    assert_eq!(events.last(), Some(&IngestionEvent::Done { chunks: 23 }));
    assert_eq!(app.ollama.embedded_texts() - before, 15);
    assert_eq!(vectors(&app, app.tenant, document).await.len(), 23);
}

#[tokio::test]
async fn only_services_may_index_documents() {
    let app = TestApp::new().await;
    let path = document_path(DocumentId::new());
    let owner = app.owner(app.tenant);
    let answer = owner.json(Method::PUT, &path, &ingestion(1, SECOND)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::FORBIDDEN, "services_only")
    );
}

#[tokio::test]
async fn an_invalid_request_is_refused() {
    let app = TestApp::new().await;
    let hub = app.hub(app.tenant);
    let path = document_path(DocumentId::new());
    let whole = ingestion(1, SECOND);
    for (field, value) in [
        ("version", json!(0)),
        ("version", json!("1")),
        ("title", json!(" ")),
        ("kind", json!("pdf")),
        ("creator_id", json!(app.tenant)),
    ] {
        let mut body = whole.clone();
        body[field] = value;
        let answer = hub.json(Method::PUT, &path, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    let bad = hub
        .json(Method::PUT, "/ai-engine/internal/v1/documents/7", &whole)
        .await;
    assert_eq!(bad.code(), "malformed_id");
    let title = json!("A\u{7}title\nof two lines");
    let mut body = whole;
    body["title"] = title;
    hub.json(Method::PUT, &path, &body)
        .await
        .expect(StatusCode::OK);
    let found = app.search(app.tenant, "honey in winter").await;
    assert_eq!(found[0].title, "A title of two lines");
}
