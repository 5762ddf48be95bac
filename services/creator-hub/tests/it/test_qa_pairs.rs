//! Question-and-answer pairs: written here, sent to ai-engine.

use std::fmt::Write as _;

use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use shared_ai_client::QaPairChanges;
use shared_models::{CollectionId, QaPairId, Visibility};
use shared_testkit::Answer;

use crate::test_app::TestApp;

pub(crate) const PAIRS: &str = "/creator-hub/v1/qa-pairs";

pub(crate) async fn created(app: &TestApp, body: Value) -> Value {
    let answer = app.ana.post(PAIRS, &body).await;
    answer.expect(StatusCode::CREATED)
}

async fn change(app: &TestApp, id: &Value, body: Value) -> Answer {
    let path = format!("{PAIRS}/{}", id.as_str().unwrap());
    app.ana.json(Method::PATCH, &path, &body).await
}

/// What ai-engine has received last.
fn last_sent(app: &TestApp) -> QaPairChanges {
    let (creator, changes) = app.engine.pairs().last().unwrap().clone();
    assert_eq!(creator, app.creator);
    changes
}

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

#[tokio::test]
async fn a_pair_is_created_changed_and_deleted_and_ai_engine_learns_of_it() {
    let app = TestApp::new().await;
    let pair = created(
        &app,
        json!({"question": " How much is it? ", "other_questions": ["What does it cost?",
            "how much is it"], "answer": "18 euros.\n\nCash only."}),
    )
    .await;
    assert_eq!(pair["question"], "How much is it?");
    assert_eq!(pair["other_questions"], json!(["What does it cost?"]));
    assert_eq!(pair["visibility"], "answer_only");
    assert_eq!(
        (&pair["revision"], &pair["collections"]),
        (&json!(1), &json!([]))
    );
    let sent = last_sent(&app);
    assert_eq!(sent.pairs.len(), 1);
    assert_eq!(
        sent.pairs[0].questions,
        ["How much is it?", "What does it cost?"]
    );
    assert_eq!(sent.pairs[0].answer, "18 euros.\n\nCash only.");
    let path = format!("{PAIRS}/{}", pair["id"].as_str().unwrap());
    assert_eq!(app.ana.get(&path).await.expect(StatusCode::OK), pair);
    let changed = change(&app, &pair["id"], json!({"answer": "20 euros."}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&changed["answer"], &changed["revision"]),
        (&json!("20 euros."), &json!(2))
    );
    assert_eq!(changed["other_questions"], pair["other_questions"]);
    let sent = last_sent(&app);
    assert_eq!(
        (sent.pairs[0].revision, sent.pairs[0].answer.as_str()),
        (2, "20 euros.")
    );
    let count = app.engine.pairs().len();
    let same = change(&app, &pair["id"], json!({"answer": "20 euros."}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&same["revision"], app.engine.pairs().len()),
        (&json!(2), count)
    );
    assert_eq!(app.ana.delete(&path).await.status, StatusCode::NO_CONTENT);
    let sent = last_sent(&app);
    let id: QaPairId = pair["id"].as_str().unwrap().parse().unwrap();
    assert_eq!((sent.pairs, sent.deleted), (Vec::new(), vec![id]));
    for answer in [
        app.ana.get(&path).await,
        app.ana.delete(&path).await,
        change(&app, &pair["id"], json!({})).await,
    ] {
        assert_eq!(refused(&answer), (404, "unknown_qa_pair".into()));
    }
}

#[tokio::test]
async fn no_question_has_two_answers() {
    let app = TestApp::new().await;
    let one = created(&app, json!({"question": "One?", "answer": "1"})).await;
    let two = created(&app, json!({"question": "Two?", "answer": "2"})).await;
    let again = json!({"question": "Uno?", "other_questions": ["ONE"], "answer": "3"});
    let answer = app.ana.post(PAIRS, &again).await;
    assert_eq!(refused(&answer), (409, "duplicate_question".into()));
    assert!(answer.text().contains(one["id"].as_str().unwrap()));
    let answer = change(&app, &two["id"], json!({"other_questions": ["one!"]})).await;
    assert_eq!(refused(&answer), (409, "duplicate_question".into()));
    // Another account may answer the same question.
    let others = app
        .ben
        .post(PAIRS, &json!({"question": "One?", "answer": "x"}))
        .await;
    others.expect(StatusCode::CREATED);
    let path = format!("{PAIRS}/{}", one["id"].as_str().unwrap());
    assert_eq!(app.ben.get(&path).await.code(), "unknown_qa_pair");
    assert_eq!(app.ben.delete(&path).await.code(), "unknown_qa_pair");
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let app = TestApp::new().await;
    let many: Vec<String> = (0..10).map(|n| format!("Question {n}?")).collect();
    let collections: Vec<CollectionId> = (0..21).map(|_| CollectionId::new()).collect();
    for body in [
        json!({}),
        json!({"question": "What?"}),
        json!({"question": "", "answer": "a"}),
        json!({"question": "???", "answer": "a"}),
        json!({"question": "What?", "answer": " "}),
        json!({"question": "x".repeat(301), "answer": "a"}),
        json!({"question": "What?", "answer": "x".repeat(4001)}),
        json!({"question": "What?", "other_questions": many, "answer": "a"}),
        json!({"question": "What?", "answer": "a", "visibility": "secret"}),
        json!({"question": "What?", "answer": "a", "collections": collections}),
        json!({"question": "What?", "answer": "a", "collections": [CollectionId::new()]}),
        json!({"question": "What?", "answer": "a", "other": 1}),
    ] {
        let answer = app.ana.post(PAIRS, &body).await;
        assert_eq!(refused(&answer), (422, "invalid_fields".into()), "{body}");
    }
    assert!(app.engine.pairs().is_empty());
}

#[tokio::test]
async fn a_change_can_name_the_revision_that_it_is_made_of() {
    let app = TestApp::new().await;
    let pair = created(&app, json!({"question": "One?", "answer": "1"})).await;
    let path = format!("{PAIRS}/{}", pair["id"].as_str().unwrap());
    let read = app.ana.get(&path).await;
    let tag = read.headers[header::ETAG].to_str().unwrap().to_owned();
    let change = async |answer: &str| {
        let client = app.ana.with_header("if-match", &tag);
        let body = json!({"answer": answer});
        client.json(Method::PATCH, &path, &body).await
    };
    let changed = change("2").await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_ne!(changed.headers[header::ETAG], tag.as_str());
    assert_eq!(
        refused(&change("3").await),
        (412, "precondition_failed".into())
    );
}

#[tokio::test]
async fn a_creation_that_is_repeated_with_its_key_is_one() {
    let app = TestApp::new().await;
    let client = app.ana.with_header("idempotency-key", "a-key");
    let body = json!({"question": "One?", "answer": "1"});
    let first = client.post(PAIRS, &body).await.expect(StatusCode::CREATED);
    let second = client.post(PAIRS, &body).await.expect(StatusCode::CREATED);
    assert_eq!(first, second);
    let listed = app.ana.get(PAIRS).await.expect(StatusCode::OK);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn pairs_are_listed_by_text_and_collection_page_by_page() {
    let app = TestApp::new().await;
    let collection = app
        .ana
        .post("/creator-hub/v1/collections", &json!({"name": "Free"}))
        .await
        .expect(StatusCode::CREATED)["id"]
        .clone();
    for number in 0..5 {
        let collections = if number == 2 {
            vec![&collection]
        } else {
            vec![]
        };
        let body = json!({"question": format!("Number {number}?"),
            "answer": format!("It is {}.", number + 10), "collections": collections});
        created(&app, body).await;
    }
    let questions = async |query: &str| -> (Vec<String>, Value) {
        let found = app.ana.get(&format!("{PAIRS}?{query}")).await;
        let found = found.expect(StatusCode::OK);
        let items = found["items"].as_array().unwrap().iter();
        let texts = items.map(|item| item["question"].as_str().unwrap().to_owned());
        (texts.collect(), found["next_cursor"].clone())
    };
    let (first, cursor) = questions("limit=3").await;
    assert_eq!(first, ["Number 4?", "Number 3?", "Number 2?"]);
    let (rest, cursor) = questions(&format!("limit=3&cursor={}", cursor.as_str().unwrap())).await;
    assert_eq!((rest.len(), cursor), (2, Value::Null));
    assert_eq!(questions("text=NUMBER%203").await.0, ["Number 3?"]);
    assert_eq!(questions("text=is%2011").await.0, ["Number 1?"]);
    assert!(questions("text=%25").await.0.is_empty());
    let of_collection = format!("collection={}", collection.as_str().unwrap());
    assert_eq!(questions(&of_collection).await.0, ["Number 2?"]);
}

#[tokio::test]
async fn a_collection_that_is_deleted_lets_its_pairs_go() {
    let app = TestApp::new().await;
    let collections = "/creator-hub/v1/collections";
    let made = app.ana.post(collections, &json!({"name": "Free"})).await;
    let id = made.expect(StatusCode::CREATED)["id"].clone();
    let body = json!({"question": "One?", "answer": "1", "collections": [id],
        "visibility": "internal"});
    let pair = created(&app, body).await;
    let sent = last_sent(&app).pairs[0].clone();
    assert_eq!(
        (sent.collections.len(), sent.visibility),
        (1, Visibility::Internal)
    );
    let path = format!("{collections}/{}", id.as_str().unwrap());
    assert_eq!(app.ana.delete(&path).await.status, StatusCode::NO_CONTENT);
    let sent = last_sent(&app).pairs[0].clone();
    assert_eq!((sent.collections.len(), sent.revision), (0, 2));
    let path = format!("{PAIRS}/{}", pair["id"].as_str().unwrap());
    let read = app.ana.get(&path).await.expect(StatusCode::OK);
    assert_eq!(read["collections"], json!([]));
}

#[tokio::test]
async fn a_change_waits_for_ai_engine_and_a_deleted_text_is_in_no_job() {
    let app = TestApp::with(|config| config.ai_engine_url = "http://127.0.0.1:1".to_owned()).await;
    let pair = created(&app, json!({"question": "Secret?", "answer": "Hush"})).await;
    let path = format!("{PAIRS}/{}", pair["id"].as_str().unwrap());
    assert_eq!(app.ana.delete(&path).await.status, StatusCode::NO_CONTENT);
    let jobs = "select count(*) from platform.jobs where kind = 'send_qa_pairs'";
    assert_eq!(app.count(jobs).await, 2);
    let texts = "select count(*) from platform.jobs where payload::text like '%Hush%'";
    assert_eq!(app.count(texts).await, 0);
    app.work_off().await;
    let waiting = "select count(*) from platform.jobs
                   where kind = 'send_qa_pairs' and state = 'queued'";
    assert_eq!(app.count(waiting).await, 2);
}

#[tokio::test]
async fn the_job_sends_what_holds_by_then() {
    let app = TestApp::new().await;
    let pair = created(&app, json!({"question": "One?", "answer": "1"})).await;
    let path = format!("{PAIRS}/{}", pair["id"].as_str().unwrap());
    app.ana.delete(&path).await;
    let before = app.engine.pairs().len();
    app.work_off().await;
    let sent: Vec<_> = app.engine.pairs().split_off(before);
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|(_, changes)| changes.deleted.len() == 1));
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_pairs() {
    let app = TestApp::new().await;
    let mut table = String::from("question,answer\n");
    for number in 0..2000 {
        let _ = writeln!(table, "Question {number}?,Answer {number}");
    }
    let imported = crate::test_qa_table::import(&app, table.as_bytes()).await;
    assert_eq!(imported.expect(StatusCode::OK)["created"], 2000);
    let more = app
        .ana
        .post(PAIRS, &json!({"question": "More?", "answer": "No"}))
        .await;
    assert_eq!(refused(&more), (409, "too_many_qa_pairs".into()));
    let table = b"question,answer\nQuestion 1?,Changed\nAnother?,More\n";
    let refused_table = crate::test_qa_table::import(&app, table).await;
    assert_eq!(refused(&refused_table), (409, "too_many_qa_pairs".into()));
    let table = b"question,answer\nQuestion 1?,Changed\n";
    let imported = crate::test_qa_table::import(&app, table).await;
    assert_eq!(imported.expect(StatusCode::OK)["updated"], 1);
}
