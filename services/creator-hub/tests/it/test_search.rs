//! Search: passed on as the tenant, without what is hidden.

use http::StatusCode;
use serde_json::json;
use shared_ai_client::Source;
use shared_models::{ChunkId, DocumentId, Visibility};

use crate::test_app::{DOCUMENTS, TestApp};

const SEARCH: &str = "/creator-hub/v1/search";

fn source(document: DocumentId) -> Source {
    Source {
        number: 1,
        document_id: document,
        visibility: Visibility::default(),
        title: "Sleep".to_owned(),
        chunk_id: ChunkId::new(),
        kind: shared_ai_client::SourceKind::Document,
        ordinal: 0,
        heading: None,
        position: None,
        text: "Breathe slowly.".to_owned(),
        score: 0.9,
    }
}

#[tokio::test]
async fn a_search_finds_what_ai_engine_finds_for_this_tenant() {
    let app = TestApp::new().await;
    let id: DocumentId = app.ready("a.txt", "text").await.parse().unwrap();
    app.engine.finds(vec![source(id)]);
    let body = json!({"query": "how to sleep", "limit": 3});
    let answer = app.ana.post(SEARCH, &body).await.expect(StatusCode::OK);
    assert_eq!(answer["results"][0]["document_id"], id.to_string());
    assert_eq!(answer["results"][0]["text"], "Breathe slowly.");
    assert_eq!(answer["processing_time_ms"], 7);
    assert_eq!(
        app.engine.searched(),
        [(app.creator, "how to sleep".to_owned())]
    );
}

#[tokio::test]
async fn what_is_deleted_is_not_found_though_ai_engine_still_knows_it() {
    let app = TestApp::new().await;
    let kept: DocumentId = app.ready("a.txt", "text").await.parse().unwrap();
    let deleted: DocumentId = app.ready("b.txt", "other").await.parse().unwrap();
    app.engine.finds(vec![
        source(deleted),
        source(kept),
        source(DocumentId::new()),
    ]);
    app.ana
        .delete(&format!("{DOCUMENTS}/{deleted}"))
        .await
        .expect(StatusCode::ACCEPTED);
    let body = json!({"query": "how to sleep"});
    let answer = app.ana.post(SEARCH, &body).await.expect(StatusCode::OK);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["document_id"], kept.to_string());
    let other = app.ben.post(SEARCH, &body).await.expect(StatusCode::OK);
    assert_eq!(other["results"], json!([]));
}

#[tokio::test]
async fn a_search_that_cannot_be_is_refused() {
    let app = TestApp::new().await;
    for (body, field) in [
        (json!({"query": ""}), "query"),
        (json!({"query": "x".repeat(1001)}), "query"),
        (json!({"query": "x", "limit": 0}), "limit"),
        (json!({"query": "x", "limit": 21}), "limit"),
        (
            json!({"query": "x", "creator_id": DocumentId::new()}),
            "creator_id",
        ),
    ] {
        let answer = app.ana.post(SEARCH, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(
            answer.json()["errors"][0]["field"],
            field,
            "{}",
            answer.text()
        );
    }
    let answer = app.anonymous.post(SEARCH, &json!({"query": "x"})).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(app.engine.searched().is_empty());
}

#[tokio::test]
async fn without_ai_engine_a_search_says_who_is_away() {
    let app = TestApp::with(|config| config.ai_engine_url = "http://127.0.0.1:1".to_owned()).await;
    let answer = app.ana.post(SEARCH, &json!({"query": "x"})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "dependency_unavailable");
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .starts_with("ai-engine")
    );
    assert!(answer.headers.contains_key("retry-after"));
}
