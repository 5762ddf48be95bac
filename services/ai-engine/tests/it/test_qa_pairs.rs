//! Question-and-answer pairs: they answer word for word and at once, but only those who may see it.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_ai_client::{AnswerEvent, AnswerMode, QaPairChanges, QaPairCopy, SourceKind};
use shared_config::Service;
use shared_models::{CollectionId, CreatorId, QaPairId, Visibility, VisitorId};

use crate::test_app::{TestApp, done, events, sources, text};

const GOLD: &str = "The Gold plan is **40 euros** a month [1].\n\n- No contract.";
const SILVER: &str = "The Silver plan is 20 euros a month.";

fn pair(questions: &[&str], answer: &str) -> QaPairCopy {
    QaPairCopy {
        id: QaPairId::new(),
        revision: 1,
        questions: questions.iter().map(|text| (*text).to_owned()).collect(),
        answer: answer.to_owned(),
        visibility: Visibility::AnswerOnly,
        collections: Vec::new(),
    }
}

fn gold() -> QaPairCopy {
    pair(&["How much is the Gold plan?", "Gold prices"], GOLD)
}

/// Sends changes as creator-hub does.
pub(crate) async fn send(
    app: &TestApp,
    tenant: CreatorId,
    pairs: &[&QaPairCopy],
    deleted: &[QaPairId],
) {
    let changes = QaPairChanges {
        pairs: pairs.iter().map(|pair| (*pair).clone()).collect(),
        deleted: deleted.to_vec(),
    };
    let body = serde_json::to_value(changes).unwrap();
    let path = "/ai-engine/internal/v1/qa-pairs";
    let answer = app.hub(tenant).json(Method::PUT, path, &body).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
}

async fn ask(app: &TestApp, question: &str) -> Vec<AnswerEvent> {
    let body = json!({"question": question, "mode": "extractive"});
    app.events(app.tenant, &body).await
}

async fn ask_as_visitor(app: &TestApp, question: &Value) -> Vec<AnswerEvent> {
    let client = app.owner(app.tenant);
    let client = client.with_header("visitor-id", &VisitorId::new().to_string());
    let answer = client.post("/ai-engine/v1/answers", question).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    events(&answer.text())
}

/// Whether the answer is that of the pair, word for word, and cites it.
fn is_by(events: &[AnswerEvent], pair: &QaPairCopy) -> bool {
    let sources = sources(events);
    let [source] = sources.as_slice() else {
        return false;
    };
    let is_cited = done(events).citations == [1];
    is_cited
        && text(events) == pair.answer.replace("[1]", "\\[1\\]")
        && source.kind == SourceKind::QaPair
        && source.title == pair.questions[0]
        && source.text == pair.answer
        && source.document_id.as_uuid() == pair.id.as_uuid()
}

#[tokio::test]
async fn a_pair_wins_over_passages_word_for_word_in_every_mode_without_a_model() {
    let app = TestApp::new().await;
    app.index(app.tenant, "# Prices\n\nThe Gold plan costs 35 euros.\n")
        .await;
    let gold = gold();
    send(&app, app.tenant, &[&gold], &[]).await;
    for mode in [
        AnswerMode::Extractive,
        AnswerMode::Generative,
        AnswerMode::Auto,
    ] {
        for question in [
            "How much is the Gold plan?",
            "  how much is the GOLD plan ",
            "gold prices?",
        ] {
            let body = json!({"question": question, "mode": mode});
            let events = app.events(app.tenant, &body).await;
            assert!(is_by(&events, &gold), "{question}: {events:?}");
            let done = done(&events);
            assert_eq!(done.mode, AnswerMode::Extractive);
            assert_eq!((done.fell_back, done.usage.prompt_tokens), (false, 0));
        }
    }
    let other = ask(&app, "How much is the Silver plan?").await;
    assert!(!is_by(&other, &gold), "{other:?}");
    // Another account has nothing of it.
    let body = json!({"question": "How much is the Gold plan?", "mode": "extractive"});
    let events = app.events(CreatorId::new(), &body).await;
    assert!(sources(&events).is_empty(), "{events:?}");
}

#[tokio::test]
async fn a_question_in_other_words_is_answered_and_a_similar_one_is_not() {
    let app = TestApp::new().await;
    let (gold, silver) = (gold(), pair(&["How much is the Silver plan?"], SILVER));
    send(&app, app.tenant, &[&gold, &silver], &[]).await;
    // Before the vectors are there.
    let by_words = ask(&app, "What does the silver plan cost?").await;
    assert!(is_by(&by_words, &silver), "{by_words:?}");
    assert!(app.step().await, "the vectors are to be made");
    let by_words = ask(&app, "Hi, what is the price of the Gold plan?").await;
    assert!(is_by(&by_words, &gold), "{by_words:?}");
    for question in [
        "How much is the Platinum plan?",
        "Why is the Gold plan so expensive?",
        "How much is the Gold plan in 2019?",
        "How much is the Gold plan without the app?",
    ] {
        let events = ask(&app, question).await;
        let is_pair = is_by(&events, &gold) || is_by(&events, &silver);
        assert!(!is_pair, "{question}: {events:?}");
    }
}

#[tokio::test]
async fn a_changed_pair_answers_at_once_and_a_deleted_one_does_not_come_back() {
    let app = TestApp::new().await;
    let first = gold();
    send(&app, app.tenant, &[&first], &[]).await;
    assert!(app.step().await);
    let changed = QaPairCopy {
        revision: 2,
        answer: "50 euros.".to_owned(),
        ..first.clone()
    };
    send(&app, app.tenant, &[&changed], &[]).await;
    // What was sent earlier and arrives later changes nothing.
    send(&app, app.tenant, &[&first], &[]).await;
    let events = ask(&app, "How much is the Gold plan?").await;
    assert!(is_by(&events, &changed), "{events:?}");
    let other_question = QaPairCopy {
        revision: 3,
        questions: vec!["What is the Gold plan?".to_owned()],
        ..changed.clone()
    };
    send(&app, app.tenant, &[&other_question], &[]).await;
    let events = ask(&app, "How much is the Gold plan?").await;
    assert!(!is_by(&events, &other_question), "{events:?}");
    send(&app, app.tenant, &[], &[first.id]).await;
    send(&app, app.tenant, &[&other_question], &[]).await;
    let events = ask(&app, "What is the Gold plan?").await;
    assert!(sources(&events).is_empty(), "{events:?}");
    // One that was deleted before it arrived.
    let late = pair(&["Late?"], "Late.");
    send(&app, app.tenant, &[], &[late.id]).await;
    send(&app, app.tenant, &[&late], &[]).await;
    assert!(sources(&ask(&app, "Late?").await).is_empty());
}

#[tokio::test]
async fn an_internal_pair_answers_members_and_a_pair_stays_in_its_collections() {
    let app = TestApp::new().await;
    let (free, paid) = (CollectionId::new(), CollectionId::new());
    let internal = QaPairCopy {
        visibility: Visibility::Internal,
        ..gold()
    };
    let silver = QaPairCopy {
        collections: vec![free],
        ..pair(&["How much is the Silver plan?"], SILVER)
    };
    send(&app, app.tenant, &[&internal, &silver], &[]).await;
    assert!(app.step().await);
    let gold = json!({"question": "How much is the Gold plan?", "mode": "extractive"});
    assert!(is_by(&app.events(app.tenant, &gold).await, &internal));
    for question in ["How much is the Gold plan?", "Price of the Gold plan?"] {
        let question = json!({"question": question, "mode": "extractive"});
        let events = ask_as_visitor(&app, &question).await;
        let found = sources(&events);
        let has_internal = |source: &shared_ai_client::Source| source.text == GOLD;
        assert!(!found.iter().any(has_internal), "{events:?}");
    }
    let asked_in = async |collections: &[CollectionId]| {
        let question = json!({"question": "What does the Silver plan cost?",
            "mode": "extractive", "collections": collections});
        ask_as_visitor(&app, &question).await
    };
    assert!(is_by(&asked_in(&[]).await, &silver));
    assert!(is_by(&asked_in(&[free, paid]).await, &silver));
    assert!(sources(&asked_in(&[paid]).await).is_empty());
}

#[tokio::test]
async fn a_pair_is_found_by_search_and_supports_other_answers() {
    let app = TestApp::new().await;
    let gold = gold();
    send(&app, app.tenant, &[&gold], &[]).await;
    assert!(app.step().await);
    let found = app
        .search(app.tenant, "gold plan monthly price information")
        .await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, SourceKind::QaPair);
    assert_eq!(found[0].title, gold.questions[0]);
    send(&app, app.tenant, &[], &[gold.id]).await;
    let found = app
        .search(app.tenant, "gold plan monthly price information")
        .await;
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test]
async fn without_the_embedder_the_same_words_still_answer() {
    let app = TestApp::with_config(|config| {
        config.engines.ollama_url = "http://127.0.0.1:1".to_owned();
    })
    .await;
    let (gold, silver) = (gold(), pair(&["How much is the Silver plan?"], SILVER));
    send(&app, app.tenant, &[&gold, &silver], &[]).await;
    for question in [
        "How much is the Gold plan?",
        "What does the Gold plan cost?",
    ] {
        let events = ask(&app, question).await;
        assert!(is_by(&events, &gold), "{question}: {events:?}");
    }
}

#[tokio::test]
async fn another_model_makes_the_vectors_again() {
    let app = TestApp::new().await;
    let gold = gold();
    send(&app, app.tenant, &[&gold], &[]).await;
    let pool = app.database.admin().await;
    let made = "select count(*) from ai.qa_questions where model = 'all-minilm'";
    let count = async || -> i64 { sqlx::query_scalar(made).fetch_one(&pool).await.unwrap() };
    assert_eq!(count().await, 0);
    assert!(app.step().await);
    assert_eq!(count().await, 2);
    for statement in [
        "update ai.qa_questions set model = 'an-older-one'",
        "update ai.vector_models set model = 'an-older-one', changed_at = '2000-01-01'",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    app.reembed().await;
    assert_eq!(count().await, 2);
    // An unchanged question keeps its vector.
    let changed = QaPairCopy {
        revision: 2,
        answer: "50 euros.".to_owned(),
        ..gold
    };
    send(&app, app.tenant, &[&changed], &[]).await;
    assert_eq!(count().await, 2);
}

#[tokio::test]
async fn pairs_are_exported_and_erased_with_the_account() {
    let app = TestApp::new().await;
    send(&app, app.tenant, &[&gold()], &[]).await;
    let auth = app.mint.verifier(Service::Auth);
    let token = auth.signer().tenant_token(Service::AiEngine, app.tenant);
    let client = app.owner(app.tenant).with_token(&token.unwrap());
    let path = "/ai-engine/internal/v1/tenant-data";
    let exported = client.get(path).await.text();
    assert!(exported.contains("40 euros"), "{exported}");
    assert!(exported.contains("Gold prices"), "{exported}");
    let erased = client.delete(path).await.expect(StatusCode::OK);
    let erased = erased.to_string();
    assert!(erased.contains("ai.qa_pairs"), "{erased}");
    assert!(sources(&ask(&app, "Gold prices").await).is_empty());
}
