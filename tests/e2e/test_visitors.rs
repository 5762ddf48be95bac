//! What a visitor can get of documents, through the gateway: an answer, a bounded part, an original
//! only if it is public, and nothing of what is internal.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::platform::Api;

/// Chapters of the book, each with a fact of its own.
const CHAPTERS: usize = 45;
/// Passages of it that one visitor is shown at most (`docs/documents.md`).
const BOUND: usize = 30;
/// Questions of the visitor who wants all of it.
const QUESTIONS: usize = 200;

fn book() -> String {
    let chapter = |number: usize| {
        let about = "It describes a tool, its use and its care at some length. ".repeat(8);
        format!("## Chapter {number}\n\nThe tool T{number:04} weighs {number} grams. {about}\n\n")
    };
    (1..=CHAPTERS).map(chapter).collect()
}

/// As a new account whose only document is a book.
pub(crate) async fn a_visitor_collects_no_more_of_a_book_than_its_bound(api: &Api) {
    let document = api.upload("book.md", &book()).await;
    let id = document["id"].as_str().unwrap();
    let passages = document["chunk_count"].as_u64().unwrap();
    assert!(passages > 40, "{document}");
    let visitor = Uuid::now_v7();
    let mut shown = BTreeSet::new();
    for number in (1..=CHAPTERS).cycle().take(QUESTIONS) {
        let question = format!("How much does the tool T{number:04} weigh?");
        let events = api.ask_for(visitor, &question).await;
        let text = super::test_first_day::text_of(&events);
        if text.contains(&format!("weighs {number} grams")) {
            shown.insert(number);
        }
    }
    assert!(shown.len() <= BOUND, "{} passages were shown", shown.len());
    assert!(
        shown.len() >= BOUND / 2,
        "only {} passages were shown",
        shown.len()
    );
    println!(
        "measured: {QUESTIONS} questions of a visitor got {} of {passages} passages of a book",
        shown.len()
    );
    originals_open_only_if_they_are_public(api, id).await;
    set_visibility(api, id, "internal").await;
    let question = "How much does the tool T0001 weigh?";
    let events = api.ask_for(Uuid::now_v7(), question).await;
    assert_eq!(
        events[0].1,
        json!([]),
        "a visitor is shown nothing internal"
    );
    let events = api.ask(question, "extractive").await;
    assert!(super::test_first_day::text_of(&events).contains("weighs 1 grams"));
}

async fn originals_open_only_if_they_are_public(api: &Api, id: &str) {
    let widget = json!({"allowed_origins": [api.base()], "answer_mode": "extractive"});
    let channel = json!({"kind": "web_widget", "name": "Book", "widget": widget});
    let (status, channel) = api.post("/channels/v1/channels", &channel).await;
    assert_eq!(status, StatusCode::CREATED, "{channel}");
    let channel = channel["id"].as_str().unwrap();
    let original = format!("/channels/v1/widget/{channel}/documents/{id}/file");
    let ways = [
        original.clone(),
        format!("/creator-hub/v1/documents/{id}/file"),
        format!("/creator-hub/v1/documents/{id}/versions/1/file"),
        format!("/creator-hub/internal/v1/documents/{id}/original"),
        format!("/creator-hub/v1/documents/{id}"),
    ];
    for path in &ways {
        let (status, _) = api.anonymous(path).await;
        assert!(matches!(status.as_u16(), 401 | 404), "{path}: {status}");
    }
    set_visibility(api, id, "public").await;
    let (status, content) = api.anonymous(&original).await;
    assert_eq!((status, content), (StatusCode::OK, book()));
    for path in &ways[1..] {
        let (status, _) = api.anonymous(path).await;
        assert!(matches!(status.as_u16(), 401 | 404), "{path}: {status}");
    }
}

async fn set_visibility(api: &Api, id: &str, visibility: &str) {
    let path = format!("/creator-hub/v1/documents/{id}");
    let body: Value = json!({"visibility": visibility});
    let (status, document) = api.send(Method::PATCH, &path, &body).await;
    assert_eq!(status, StatusCode::OK, "{document}");
    assert_eq!(document["visibility"], visibility);
}
