//! Documents are indexed, replaced and deleted, also after interruptions and faults.

use std::collections::HashSet;
use std::time::Duration;

use ai_engine_service::Caller;
use axum::http::StatusCode;
use shared_ai_client::IngestionFailure;
use shared_models::{ChunkId, CreatorId, DocumentId, Retry};
use shared_testkit::TestClient;

use crate::test_app::{Ended, HANDBOOK, TestApp, document_path, proxy_before, proxy_url};

pub(crate) const SECOND: &str = "# Bees\n\nA hive needs about twenty kilograms of honey to \
    survive the winter, and the keeper who takes more than that has to feed sugar in October.";

pub(crate) async fn vectors(
    app: &TestApp,
    tenant: CreatorId,
    document: DocumentId,
) -> HashSet<String> {
    let found = app
        .state
        .vectors
        .ids_of_document(tenant, document)
        .await
        .unwrap();
    found.into_iter().flat_map(|(_, ids)| ids).collect()
}

pub(crate) async fn rows(app: &TestApp, document: DocumentId) -> HashSet<String> {
    let pool = app.database.admin().await;
    let ids =
        sqlx::query_scalar::<_, uuid::Uuid>("select id from ai.chunks where document_id = $1");
    let ids = ids.bind(document).fetch_all(&pool).await.unwrap();
    ids.iter().map(ToString::to_string).collect()
}

fn failed(code: IngestionFailure, retry: Retry) -> Ended {
    Ended::Failed(code, retry)
}

#[tokio::test]
async fn indexing_stores_rows_and_vectors() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    let ended = app.ingest(app.tenant, document, 1, HANDBOOK).await;
    assert_eq!(ended, Ended::Indexed(23));
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
    assert_eq!(again, Ended::Indexed(23));
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
    assert_eq!(late, failed(IngestionFailure::Superseded, Retry::Never));
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
    let searching = async {
        while app.ollama.batches() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(app.search(app.tenant, "honey").await.is_empty());
        assert!(!app.search(app.tenant, "ghrelin").await.is_empty());
        app.ollama.release_word();
    };
    tokio::join!(app.ingest(app.tenant, document, 2, SECOND), searching);
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
    for text in [" \n\n ", "\u{0}\u{0}", "# Only a heading"] {
        let ended = app.ingest(app.tenant, DocumentId::new(), 1, text).await;
        let expected = failed(IngestionFailure::EmptyDocument, Retry::Never);
        assert_eq!(ended, expected, "{text:?}");
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
    app.index(app.tenant, &text).await;
}

#[tokio::test]
async fn a_passage_that_the_model_refuses_does_not_fail_the_document() {
    let app = TestApp::new().await;
    app.ollama.fail_on_word("ghrelin");
    let document = DocumentId::new();
    let ended = app.ingest(app.tenant, document, 1, HANDBOOK).await;
    assert_eq!(ended, Ended::Indexed(23));
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
    let ended = app.ingest(app.tenant, DocumentId::new(), 1, SECOND).await;
    let expected = failed(IngestionFailure::ModelFailed, Retry::Limited);
    assert_eq!(ended, expected);
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
    let before = app.ollama.embedded_texts();
    app.ingest(app.tenant, document, 1, HANDBOOK).await;
    assert_eq!(app.ollama.embedded_texts() - before, 5);
    assert_eq!(vectors(&app, app.tenant, document).await.len(), 23);
    // Chroma's volume may also be emptied while the service runs.
    app.chroma().delete_collection(&collection).await.unwrap();
    assert!(app.search(app.tenant, "How cold is a bedroom?").await.len() <= 1);
    let ended = app.ingest(app.tenant, document, 1, HANDBOOK).await;
    assert_eq!(ended, Ended::Indexed(23));
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
    let vector = app
        .state
        .embedder
        .embed_query(Caller::PLATFORM, "left behind")
        .await
        .unwrap();
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
    let unavailable = failed(
        IngestionFailure::DependencyUnavailable,
        Retry::UntilAvailable,
    );
    let document = DocumentId::new();
    let job = app.enqueue(app.tenant, document, 1, SECOND).await;
    assert!(app.step().await);
    assert_eq!(app.ended(app.tenant, &job).await, unavailable);
    ollama.open().await;
    chroma.close().await;
    app.hurry().await;
    assert!(app.step().await);
    assert_eq!(app.ended(app.tenant, &job).await, unavailable);
    let reason = app.job(app.tenant, &job).await.error_reason;
    assert_eq!(reason.as_deref(), Some("chroma is unavailable"));
    let answer = app.hub(app.tenant).delete(&document_path(document)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.json()["detail"].as_str().unwrap().contains("chroma"));
    chroma.open().await;
    app.hurry().await;
    assert!(app.step().await);
    assert_eq!(app.ended(app.tenant, &job).await, Ended::Indexed(1));
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
async fn only_services_may_delete_documents() {
    let app = TestApp::new().await;
    let path = document_path(DocumentId::new());
    let owner = app.owner(app.tenant);
    assert_eq!(owner.delete(&path).await.status, StatusCode::FORBIDDEN);
    let anonymous = TestClient::new(app.router.clone());
    assert_eq!(
        anonymous.delete(&path).await.status,
        StatusCode::UNAUTHORIZED
    );
}
