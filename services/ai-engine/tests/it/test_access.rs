//! Who is shown what: internal documents, collections, and how much of one a visitor can collect.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_ai_client::{
    AnswerEvent, DocumentAccess, SET_DOCUMENT_ACCESS, SetDocumentAccess, Source,
};
use shared_config::Service;
use shared_jobs::NewJob;
use shared_models::{CollectionId, CreatorId, DocumentId, JobId, Visibility, VisitorId};

use crate::test_app::{TestApp, done, events, sources, text};

const GARDEN: &str = "# Garden\n\nWater the tomatoes every morning before nine.\n";
const PRICES: &str = "# Prices\n\nThe tomatoes course costs 40 euros a month.\n";

fn access(document: DocumentId, revision: i32, visibility: Visibility) -> DocumentAccess {
    DocumentAccess {
        document,
        revision,
        visibility,
        collections: Vec::new(),
    }
}

/// Has the service apply who may see documents, as creator-hub does.
async fn set(app: &TestApp, tenant: CreatorId, documents: Vec<DocumentAccess>) {
    let body = serde_json::to_value(SetDocumentAccess { documents }).unwrap();
    let path = "/ai-engine/internal/v1/document-access";
    let answer = app.hub(tenant).json(Method::PUT, path, &body).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
}

/// The events of an answer to a visitor.
async fn ask_as(app: &TestApp, visitor: VisitorId, question: &Value) -> Vec<AnswerEvent> {
    let client = app.owner(app.tenant);
    let client = client.with_header("visitor-id", &visitor.to_string());
    let answer = client.post("/ai-engine/v1/answers", question).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    events(&answer.text())
}

fn documents(sources: &[Source]) -> BTreeSet<DocumentId> {
    sources.iter().map(|source| source.document_id).collect()
}

#[tokio::test]
async fn an_internal_document_answers_members_and_no_visitor() {
    let app = TestApp::new().await;
    let garden = app.index(app.tenant, GARDEN).await;
    let prices = app.index(app.tenant, PRICES).await;
    let question = json!({"question": "What about the tomatoes?", "mode": "extractive"});
    let visitor = VisitorId::new();
    let before = sources(&ask_as(&app, visitor, &question).await);
    assert_eq!(documents(&before), BTreeSet::from([garden, prices]));
    set(
        &app,
        app.tenant,
        vec![access(prices, 2, Visibility::Internal)],
    )
    .await;
    // What was sent earlier and arrives later changes nothing.
    set(
        &app,
        app.tenant,
        vec![access(prices, 1, Visibility::Public)],
    )
    .await;
    let after = sources(&ask_as(&app, visitor, &question).await);
    assert_eq!(documents(&after), BTreeSet::from([garden]));
    let member = sources(&app.events(app.tenant, &question).await);
    assert_eq!(documents(&member), BTreeSet::from([garden, prices]));
    let shown = member.iter().find(|source| source.document_id == prices);
    assert_eq!(shown.unwrap().visibility, Visibility::Internal);
    set(
        &app,
        app.tenant,
        vec![access(prices, 3, Visibility::Public)],
    )
    .await;
    let public = sources(&ask_as(&app, visitor, &question).await);
    assert_eq!(documents(&public), BTreeSet::from([garden, prices]));
}

#[tokio::test]
async fn access_reaches_the_index_by_the_job_and_before_the_document_does() {
    let app = TestApp::new().await;
    let document = DocumentId::new();
    let change = SetDocumentAccess {
        documents: vec![access(document, 1, Visibility::Internal)],
    };
    let job = NewJob::new(SET_DOCUMENT_ACCESS, JobId::new().as_uuid());
    let mut tx = app
        .database
        .as_service(Service::AiEngine)
        .tenant(app.tenant)
        .await
        .unwrap();
    let job = job.payload(&change).unwrap();
    app.state.jobs.enqueue(&mut tx, job).await.unwrap();
    tx.commit().await.unwrap();
    assert!(app.step().await, "the job is due");
    app.ingest(app.tenant, document, 1, GARDEN).await;
    let question = json!({"question": "When are tomatoes watered?", "mode": "extractive"});
    assert!(sources(&ask_as(&app, VisitorId::new(), &question).await).is_empty());
    assert_eq!(sources(&app.events(app.tenant, &question).await).len(), 1);
}

#[tokio::test]
async fn a_question_stays_within_its_collections() {
    let app = TestApp::new().await;
    let garden = app.index(app.tenant, GARDEN).await;
    let prices = app.index(app.tenant, PRICES).await;
    let (free, paid) = (CollectionId::new(), CollectionId::new());
    let in_collections = |document, collections: &[CollectionId]| DocumentAccess {
        collections: collections.to_vec(),
        ..access(document, 1, Visibility::AnswerOnly)
    };
    let all = vec![
        in_collections(garden, &[free, paid]),
        in_collections(prices, &[paid]),
    ];
    set(&app, app.tenant, all).await;
    let found = async |collections: &[CollectionId]| {
        let question = json!({"question": "What about the tomatoes?", "mode": "extractive",
            "collections": collections});
        documents(&sources(&app.events(app.tenant, &question).await))
    };
    assert_eq!(found(&[free]).await, BTreeSet::from([garden]));
    assert_eq!(found(&[paid]).await, BTreeSet::from([garden, prices]));
    assert_eq!(found(&[CollectionId::new()]).await, BTreeSet::new());
    assert_eq!(found(&[]).await, BTreeSet::from([garden, prices]));
    let search = json!({"query": "tomatoes", "collections": [free]});
    let answer = app
        .owner(app.tenant)
        .post("/ai-engine/v1/search", &search)
        .await;
    let results = answer.expect(StatusCode::OK)["results"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["document_id"], garden.to_string());
    let many: Vec<_> = (0..21).map(|_| CollectionId::new()).collect();
    let refused = json!({"query": "tomatoes", "collections": many});
    let answer = app
        .owner(app.tenant)
        .post("/ai-engine/v1/search", &refused)
        .await;
    assert_eq!(answer.code(), "invalid_fields");
    let refused = json!({"question": "tomatoes", "collections": many});
    assert_eq!(app.ask(app.tenant, &refused).await.code(), "invalid_fields");
}

#[tokio::test]
async fn a_visitor_header_that_is_no_id_is_refused() {
    let app = TestApp::new().await;
    let client = app.owner(app.tenant).with_header("visitor-id", "somebody");
    let answer = client
        .post("/ai-engine/v1/answers", &json!({"question": "Hi?"}))
        .await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields".into())
    );
}

/// A book of that many chapters, each a passage with a fact of its own.
fn book(chapters: usize) -> String {
    let chapter = |number: usize| {
        let about = "It describes a tool, its use and its care at some length. ".repeat(6);
        format!("## Chapter {number}\n\nThe tool T{number:04} weighs {number} grams. {about}\n\n")
    };
    (1..=chapters).map(chapter).collect()
}

/// An indexed book. Its chapters are found by their numbers, so its vectors may be invented.
async fn indexed_book(app: &TestApp, chapters: usize) -> DocumentId {
    app.ollama.answer_at_once();
    app.index(app.tenant, &book(chapters)).await
}

async fn quotation(app: &TestApp, visitor: VisitorId, number: usize) -> (usize, String) {
    let question = json!({"question": format!("How much does the tool T{number:04} weigh?"),
        "mode": "extractive", "passages": 1});
    let events = ask_as(app, visitor, &question).await;
    (done(&events).citations.len(), text(&events))
}

#[tokio::test]
async fn a_visitor_who_asks_for_everything_gets_a_bounded_part_of_a_document() {
    let app = TestApp::new().await;
    let document = indexed_book(&app, 200).await;
    let visitor = VisitorId::new();
    let mut quoted = 0;
    for number in 1..=200 {
        let (citations, said) = quotation(&app, visitor, number).await;
        assert!(
            citations > 0 || !said.contains(&format!("{number} grams")),
            "{said}"
        );
        quoted += usize::from(citations > 0);
    }
    let passages: i64 = sqlx::query_scalar("select count(*) from ai.chunks")
        .fetch_one(&app.database.admin().await)
        .await
        .unwrap();
    assert!(passages >= 200, "{passages}");
    assert_eq!(quoted, usize::try_from(passages / 5).unwrap());
    let (_, said) = quotation(&app, visitor, 150).await;
    assert!(said.starts_with("I have already quoted as much"), "{said}");
    let (citations, said) = quotation(&app, visitor, 7).await;
    assert!(
        citations == 1 && said.contains("7 grams"),
        "it was shown before: {said}"
    );
    let (citations, _) = quotation(&app, VisitorId::new(), 150).await;
    assert_eq!(citations, 1, "another visitor has a bound of their own");
    let member = json!({"question": "How much does the tool T0150 weigh?", "mode": "extractive"});
    assert!(text(&app.events(app.tenant, &member).await).contains("150 grams"));
    set(
        &app,
        app.tenant,
        vec![access(document, 1, Visibility::Public)],
    )
    .await;
    assert_eq!(
        quotation(&app, visitor, 150).await.0,
        1,
        "the original may be opened"
    );
}

#[tokio::test]
async fn passages_that_an_answer_does_not_cite_do_not_count() {
    let app = TestApp::new().await;
    indexed_book(&app, 60).await;
    let visitor = VisitorId::new();
    let question = json!({"question": "How much does the tool T0003 weigh?",
        "mode": "extractive", "passages": 10});
    let events = ask_as(&app, visitor, &question).await;
    assert_eq!(sources(&events).len(), 10);
    let cited = done(&events).citations.len();
    let shown: i64 = sqlx::query_scalar("select cardinality(passages)::bigint from ai.disclosures")
        .fetch_one(&app.database.admin().await)
        .await
        .unwrap();
    assert_eq!(shown, i64::try_from(cited).unwrap());
    assert!(cited < 10, "{cited}");
}

#[tokio::test]
async fn questions_at_the_same_time_do_not_exceed_the_bound_together() {
    let app = TestApp::new().await;
    indexed_book(&app, 60).await;
    let visitor = VisitorId::new();
    let numbers: Vec<usize> = (1..=40).collect();
    let mut quoted = 0;
    for group in numbers.chunks(8) {
        let asked = group.iter().map(|number| quotation(&app, visitor, *number));
        let answers = futures_util::future::join_all(asked).await;
        quoted += answers
            .iter()
            .filter(|(citations, _)| *citations > 0)
            .count();
    }
    assert!(quoted <= 30, "{quoted} passages were shown");
    assert!(quoted >= 20, "only {quoted} passages were shown");
}
