//! Search: relevant passages first, none for an unrelated question, none of other tenants.

use ai_engine_service::{Caller, DocumentFilter};
use axum::http::StatusCode;
use serde_json::json;
use shared_ai_client::Source;
use shared_models::{ChunkId, CreatorId, DocumentId};

use crate::test_app::{HANDBOOK, TestApp};

/// Questions that do not use the handbook's words, and how the relevant paragraph begins.
const QUESTIONS: [(&str, &str); 14] = [
    (
        "How do I calm down quickly before an important meeting?",
        "Box breathing",
    ),
    (
        "What should I do when I wake up in the middle of the night?",
        "If you wake",
    ),
    ("How cold should my bedroom be?", "Keep the bedroom cold"),
    (
        "When should I have my last coffee of the day?",
        "Stop drinking coffee",
    ),
    (
        "How much does a private session cost?",
        "A one-to-one session",
    ),
    ("Can I get a refund?", "You get your money back"),
    ("How do I decline a request politely?", "Say no"),
    (
        "My back is sore from sitting at a desk all day",
        "When the lower back",
    ),
    (
        "How large should my emergency savings be?",
        "Build an emergency",
    ),
    ("What should I eat in the morning?", "Eat thirty grams"),
    (
        "When does the next group course begin?",
        "The group programme",
    ),
    (
        "How do I stop worrying at night?",
        "Write down your worries",
    ),
    ("Can I reach you on Sundays?", "Between the sessions"),
    (
        "Which exercises should a beginner do for strength?",
        "Train strength",
    ),
];

/// Questions that the handbook does not answer.
const UNRELATED: [&str; 12] = [
    "What is the capital of France?",
    "Who won the football app cup in 2018?",
    "How do I repair the carburettor of a motorcycle?",
    "Explain quantum entanglement",
    "What time is it in Tokyo?",
    "Write me a poem about dragons",
    "how old is the president of brazil",
    "What is the weather like today?",
    "hello",
    "How do I train my dog to sit?",
    "Which programming language is best for embedded systems?",
    "zzzz qqqq",
];

fn beginnings(found: &[Source]) -> Vec<String> {
    let start = |source: &Source| source.text.chars().take(30).collect();
    found.iter().map(start).collect()
}

#[tokio::test]
async fn a_question_finds_the_relevant_paragraph_first() {
    let app = TestApp::with_handbook().await;
    for (question, start) in QUESTIONS {
        let found = app.search(app.tenant, question).await;
        let first = found.first().map_or("", |source| source.text.as_str());
        assert!(
            first.starts_with(start),
            "{question}: {:?}",
            beginnings(&found)
        );
        assert_eq!(found[0].number, 1);
        assert_eq!(found[0].title, "Handbook");
        assert!(HANDBOOK.contains(first));
    }
}

#[tokio::test]
async fn an_unrelated_question_finds_nothing() {
    let app = TestApp::with_handbook().await;
    for question in UNRELATED {
        let found = app.search(app.tenant, question).await;
        assert!(found.is_empty(), "{question}: {:?}", beginnings(&found));
    }
}

#[tokio::test]
async fn a_single_rare_word_is_found() {
    let app = TestApp::with_handbook().await;
    for (word, start) in [
        ("skyr", "Eat thirty"),
        ("ghrelin", "Eat thirty"),
        ("120", "A one-to"),
    ] {
        let found = app.search(app.tenant, word).await;
        assert!(
            found[0].text.starts_with(start),
            "{word}: {:?}",
            beginnings(&found)
        );
    }
}

#[tokio::test]
async fn a_source_has_its_heading_and_position() {
    let app = TestApp::with_handbook().await;
    let found = app
        .search(app.tenant, "How cold should my bedroom be?")
        .await;
    let heading = found[0].heading.as_deref();
    assert_eq!(heading, Some("The Quiet Morning Handbook > Sleep"));
    assert_eq!(found[0].ordinal, 3);
    assert!(found[0].score > 0.0);
}

#[tokio::test]
async fn a_tenant_does_not_find_passages_of_another() {
    let app = TestApp::with_handbook().await;
    let other = CreatorId::new();
    assert!(
        app.search(other, "How cold should my bedroom be?")
            .await
            .is_empty()
    );
    app.index(
        other,
        "# Bees\n\nA hive needs about twenty kilograms of honey in winter.",
    )
    .await;
    let question = "How much honey does a hive need in winter?";
    assert_eq!(app.search(other, question).await.len(), 1);
    assert!(app.search(app.tenant, question).await.is_empty());
}

#[tokio::test]
async fn forged_ids_in_chroma_do_not_reveal_passages_of_other_tenants() {
    let app = TestApp::with_handbook().await;
    let stranger = CreatorId::new();
    let question = "How cold should my bedroom be?";
    let vector = app
        .state
        .embedder
        .embed_query(Caller::PLATFORM, question)
        .await
        .unwrap();
    let before = app.search(app.tenant, question).await;
    // Forge vectors in Chroma: passages of the owner and passages that do not exist, all marked as
    // the stranger's and as similar to the question as possible.
    let forged: Vec<_> = before
        .iter()
        .map(|source| source.chunk_id)
        .chain([ChunkId::new(), ChunkId::new()])
        .map(|id| (id, vector.clone()))
        .collect();
    let vectors = &app.state.vectors;
    let document = DocumentId::new();
    vectors
        .add(stranger, document, 1, forged.clone())
        .await
        .unwrap();
    let near = vectors.nearest(stranger, &vector, &DocumentFilter::All, 10);
    let near = near.await.unwrap();
    // Chroma's index is approximate and may return only some of several equal vectors.
    assert!(!near.is_empty(), "the forged vectors are found");
    assert!(app.search(stranger, question).await.is_empty());

    let unknown: Vec<_> = (0..3).map(|_| (ChunkId::new(), vector.clone())).collect();
    vectors.add(app.tenant, document, 1, unknown).await.unwrap();
    let after = app.search(app.tenant, question).await;
    let ids = |found: &[Source]| found.iter().map(|s| s.chunk_id).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&before), "real passages are still found");
}

#[tokio::test]
async fn a_search_with_an_invalid_field_is_refused() {
    let app = TestApp::new().await;
    let owner = app.owner(app.tenant);
    for body in [
        json!({"query": ""}),
        json!({"query": "x".repeat(1001)}),
        json!({"query": "x", "limit": 0}),
        json!({"query": "x", "limit": 21}),
        json!({"query": "x", "tenant": app.tenant}),
        json!({}),
    ] {
        let answer = owner.post("/ai-engine/v1/search", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer.code(), "invalid_fields");
    }
    let found = owner
        .post("/ai-engine/v1/search", &json!({"query": "x", "limit": 20}))
        .await;
    found.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_search_without_a_token_is_refused() {
    let app = TestApp::new().await;
    let anonymous = shared_testkit::TestClient::new(app.router.clone());
    let answer = anonymous
        .post("/ai-engine/v1/search", &json!({"query": "x"}))
        .await;
    answer.expect(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_question_that_exceeds_the_context_window_is_answered() {
    let app = TestApp::with_handbook().await;
    let long = "How cold should my bedroom be, please? ".repeat(25);
    let found = app.search(app.tenant, &long).await;
    assert!(
        found[0].text.starts_with("Keep the bedroom cold"),
        "{:?}",
        beginnings(&found)
    );
}
