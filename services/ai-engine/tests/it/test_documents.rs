//! Documents are indexed, replaced and deleted, also after interruptions and faults.

use std::collections::HashSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::json;
use shared_ai_client::{IngestionEvent, IngestionFailure};
use shared_models::{ChunkId, CreatorId, DocumentId, Retry};
use shared_testkit::TestClient;
use tower::ServiceExt as _;

use crate::test_app::{HANDBOOK, TestApp, document_path, ingestion, proxy_before, proxy_url};

const SECOND: &str = "# Bees\n\nA hive needs about twenty kilograms of honey to survive the \
    winter, and the keeper who takes more than that has to feed sugar in October.";

async fn vectors(app: &TestApp, tenant: CreatorId, document: DocumentId) -> HashSet<String> {
    let found = app
        .state
        .vectors
        .ids_of_document(tenant, document)
        .await
        .unwrap();
    found.into_iter().flat_map(|(_, ids)| ids).collect()
}

async fn rows(app: &TestApp, document: DocumentId) -> HashSet<String> {
    let pool = app.database.admin().await;
    let ids =
        sqlx::query_scalar::<_, uuid::Uuid>("select id from ai.chunks where document_id = $1");
    let ids = ids.bind(document).fetch_all(&pool).await.unwrap();
    ids.iter().map(ToString::to_string).collect()
}

fn failed(events: &[IngestionEvent]) -> (IngestionFailure, Retry) {
    match events.last() {
        Some(IngestionEvent::Failed { code, retry, .. }) => (*code, *retry),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn indexing_reports_progress_and_stores_rows_and_vectors() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    let events = app.ingest(app.tenant, document, 1, HANDBOOK).await;
    let progress = |done| IngestionEvent::Progress { done, total: 23 };
    let expected = [
        progress(0),
        progress(8),
        progress(16),
        progress(23),
        IngestionEvent::Done { chunks: 23 },
    ];
    assert_eq!(events, expected);
    let row_ids = rows(&app, document).await;
    assert_eq!(row_ids.len(), 23);
    assert_eq!(vectors(&app, app.tenant, document).await, row_ids);
}

#[tokio::test]
async fn repeating_a_version_embeds_nothing_again() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    app.ingest(app.tenant, document, 1, HANDBOOK).await;
    assert_eq!(app.ollama.embedded_texts(), 23);
    let again = app.ingest(app.tenant, document, 1, HANDBOOK).await;
    assert_eq!(again.last(), Some(&IngestionEvent::Done { chunks: 23 }));
    assert_eq!(
        app.ollama.embedded_texts(),
        23,
        "no text was embedded again"
    );
}

#[tokio::test]
async fn a_new_version_replaces_the_old_one_and_reuses_unchanged_passages() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    app.ingest(app.tenant, document, 1, HANDBOOK).await;
    let changed = HANDBOOK.replace("costs 120 euros", "costs 150 euros");
    let changed = format!(
        "A new beginning that stands before all else, {}.\n\n{changed}",
        "so ".repeat(50)
    );
    app.ingest(app.tenant, document, 2, &changed).await;
    assert_eq!(
        app.ollama.embedded_texts(),
        25,
        "the new paragraph and the changed one"
    );
    let found = app
        .search(app.tenant, "How much does a private session cost?")
        .await;
    assert!(found[0].text.contains("150 euros"));
    assert!(!found.iter().any(|source| source.text.contains("120 euros")));
    assert_eq!(found[0].ordinal, 20, "its position moved by one");
    let row_ids = rows(&app, document).await;
    assert_eq!(row_ids.len(), 24);
    assert_eq!(
        vectors(&app, app.tenant, document).await,
        row_ids,
        "the old vector is gone"
    );
}

#[tokio::test]
async fn an_older_version_cannot_replace_a_newer_one() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    app.ingest(app.tenant, document, 2, SECOND).await;
    let late = app.ingest(app.tenant, document, 1, HANDBOOK).await;
    assert_eq!(failed(&late), (IngestionFailure::Superseded, Retry::Never));
    assert_eq!(rows(&app, document).await.len(), 1);
}

#[tokio::test]
async fn a_new_version_is_not_found_before_it_is_complete() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    app.ingest(app.tenant, document, 1, HANDBOOK).await;
    let before = app.ollama.batches();
    // Only the new version has this word, so searches are not held back.
    app.ollama.hold_word("kilograms");
    let hub = app.hub(app.tenant);
    let put = tokio::spawn(async move {
        hub.json(Method::PUT, &document_path(document), &ingestion(2, SECOND))
            .await
    });
    while app.ollama.batches() == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(app.search(app.tenant, "honey").await.is_empty());
    assert!(!app.search(app.tenant, "ghrelin").await.is_empty());
    app.ollama.release_word();
    put.await.unwrap();
    assert!(!app.search(app.tenant, "honey").await.is_empty());
    assert!(app.search(app.tenant, "ghrelin").await.is_empty());
}

#[tokio::test]
async fn deleting_a_document_is_complete_and_idempotent() {
    let app = TestApp::new().await;
    let deleted = DocumentId::new();
    let other_document = app.index(app.tenant, SECOND).await;
    app.ingest(app.tenant, deleted, 1, HANDBOOK).await;
    let other = CreatorId::new();
    app.hub(other)
        .delete(&document_path(deleted))
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(
        rows(&app, deleted).await.len(),
        23,
        "another tenant's call changes nothing"
    );
    for _ in 0..2 {
        let answer = app.hub(app.tenant).delete(&document_path(deleted)).await;
        answer.expect(StatusCode::NO_CONTENT);
        assert!(rows(&app, deleted).await.is_empty());
        assert!(vectors(&app, app.tenant, deleted).await.is_empty());
    }
    assert_eq!(vectors(&app, app.tenant, other_document).await.len(), 1);
    assert!(
        app.search(app.tenant, "How cold should my bedroom be?")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn the_same_document_id_of_two_tenants_is_two_documents() {
    let app = TestApp::new().await;
    let (document, other) = (DocumentId::new(), CreatorId::new());
    app.ingest(app.tenant, document, 1, HANDBOOK).await;
    app.ingest(other, document, 1, SECOND).await;
    app.hub(other)
        .delete(&document_path(document))
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(vectors(&app, app.tenant, document).await.len(), 23);
    assert!(!app.search(app.tenant, "ghrelin").await.is_empty());
}

#[tokio::test]
async fn a_text_without_content_fails_without_retry() {
    let app = TestApp::new().await;
    for text in ["", " \n\n ", "\u{0}\u{0}", "# Only a heading"] {
        let events = app.ingest(app.tenant, DocumentId::new(), 1, text).await;
        assert_eq!(
            failed(&events),
            (IngestionFailure::EmptyDocument, Retry::Never),
            "{text:?}"
        );
    }
}

#[tokio::test]
async fn a_hostile_text_is_indexed_like_any_other() {
    let app = TestApp::new().await;
    let text = format!(
        "{}\n\n{}\n\n{}\n\n'; drop table ai.chunks; --\u{0}",
        "x".repeat(1500),
        "静かな朝".repeat(100),
        "1234567890".repeat(40)
    );
    let events = app.ingest(app.tenant, DocumentId::new(), 1, &text).await;
    assert!(
        matches!(events.last(), Some(IngestionEvent::Done { .. })),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_passage_that_the_model_refuses_does_not_fail_the_document() {
    let app = TestApp::new().await;
    app.ollama.fail_on_word("ghrelin");
    let document = DocumentId::new();
    let events = app.ingest(app.tenant, document, 1, HANDBOOK).await;
    assert_eq!(events.last(), Some(&IngestionEvent::Done { chunks: 23 }));
    assert_eq!(vectors(&app, app.tenant, document).await.len(), 22);
    let found = app.search(app.tenant, "hunger hormone protein").await;
    assert!(
        found[0].text.starts_with("Eat thirty"),
        "keyword search still finds it"
    );
}

#[tokio::test]
async fn if_the_model_refuses_every_passage_the_document_fails_with_limited_retries() {
    let app = TestApp::new().await;
    app.ollama.fail_on_word("hive");
    let events = app.ingest(app.tenant, DocumentId::new(), 1, SECOND).await;
    assert_eq!(
        failed(&events),
        (IngestionFailure::ModelFailed, Retry::Limited)
    );
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
    while !seen.contains(r#""done":8"#) {
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
    let events = app.ingest(app.tenant, document, 1, HANDBOOK).await;
    assert_eq!(
        events.first(),
        Some(&IngestionEvent::Progress { done: 8, total: 23 })
    );
    assert_eq!(events.last(), Some(&IngestionEvent::Done { chunks: 23 }));
    assert_eq!(app.ollama.embedded_texts() - before, 15);
    assert_eq!(vectors(&app, app.tenant, document).await.len(), 23);
}

#[tokio::test]
async fn a_repeat_restores_vectors_that_chroma_lost() {
    let app = TestApp::new().await;
    let document = app.index(app.tenant, HANDBOOK).await;
    let found = app
        .state
        .vectors
        .ids_of_document(app.tenant, document)
        .await
        .unwrap();
    let (collection, ids) = found.into_iter().next().unwrap();
    app.state
        .vectors
        .delete(collection.clone(), ids[..5].to_vec())
        .await
        .unwrap();
    let events = app.ingest(app.tenant, document, 1, HANDBOOK).await;
    assert_eq!(
        events.first(),
        Some(&IngestionEvent::Progress {
            done: 18,
            total: 23
        })
    );
    assert_eq!(vectors(&app, app.tenant, document).await.len(), 23);
    // Chroma's volume may also be emptied while the service runs.
    app.chroma().delete_collection(&collection).await.unwrap();
    assert!(app.search(app.tenant, "How cold is a bedroom?").await.len() <= 1);
    let events = app.ingest(app.tenant, document, 1, HANDBOOK).await;
    assert_eq!(events.last(), Some(&IngestionEvent::Done { chunks: 23 }));
    assert!(
        !app.search(app.tenant, "How cold should my bedroom be?")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_vector_without_a_row_is_deleted() {
    let app = TestApp::new().await;
    let document = app.index(app.tenant, SECOND).await;
    let vector = app.state.embedder.embed_query("left behind").await.unwrap();
    let orphan = vec![(ChunkId::new(), vector)];
    app.state
        .vectors
        .add(app.tenant, document, 1, orphan)
        .await
        .unwrap();
    assert_eq!(vectors(&app, app.tenant, document).await.len(), 2);
    app.ingest(app.tenant, document, 2, SECOND).await;
    assert_eq!(vectors(&app, app.tenant, document).await.len(), 1);
}

#[tokio::test]
async fn an_unavailable_store_is_reported_and_a_repeat_succeeds_later() {
    let stores = shared_testkit::Stores::from_env();
    let mut ollama = proxy_before(&stores.ollama);
    let mut chroma = proxy_before(&stores.chroma);
    chroma.open().await;
    let ollama_url = proxy_url(&ollama);
    let chroma_url = proxy_url(&chroma);
    let app = TestApp::with_config(|config| {
        config.engines.ollama_url = ollama_url;
        config.engines.chroma_url = chroma_url;
    })
    .await;
    let unavailable = (
        IngestionFailure::DependencyUnavailable,
        Retry::UntilAvailable,
    );
    let document = DocumentId::new();
    let events = app.ingest(app.tenant, document, 1, SECOND).await;
    assert_eq!(failed(&events), unavailable);
    ollama.open().await;
    chroma.close().await;
    let events = app.ingest(app.tenant, document, 1, SECOND).await;
    assert_eq!(failed(&events), unavailable);
    let Some(IngestionEvent::Failed { reason, .. }) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!(reason, "chroma is unavailable");
    let answer = app.hub(app.tenant).delete(&document_path(document)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.json()["detail"].as_str().unwrap().contains("chroma"));
    chroma.open().await;
    let events = app.ingest(app.tenant, document, 1, SECOND).await;
    assert_eq!(events.last(), Some(&IngestionEvent::Done { chunks: 1 }));
}

#[tokio::test]
async fn many_documents_can_be_indexed_at_once() {
    let app = TestApp::new().await;
    let text = |n: usize| format!("# Part {n}\n\n{SECOND} This is variant number {n}.");
    let one = |n| {
        let app = &app;
        async move { app.index(app.tenant, &text(n)).await }
    };
    let documents = futures_util::future::join_all((0..8).map(one)).await;
    for document in documents {
        assert_eq!(
            vectors(&app, app.tenant, document).await,
            rows(&app, document).await
        );
    }
}

#[tokio::test]
async fn only_services_may_index_and_delete_documents() {
    let app = TestApp::new().await;
    let path = document_path(DocumentId::new());
    let owner = app.owner(app.tenant);
    let answer = owner.json(Method::PUT, &path, &ingestion(1, SECOND)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::FORBIDDEN, "services_only")
    );
    assert_eq!(owner.delete(&path).await.status, StatusCode::FORBIDDEN);
    let anonymous = TestClient::new(app.router.clone());
    assert_eq!(
        anonymous.delete(&path).await.status,
        StatusCode::UNAUTHORIZED
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
