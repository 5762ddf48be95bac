//! The files of a document: a new one, an earlier one again, their differences, downloads.

use std::time::Duration;

use creator_hub_service::jobs;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use shared_ai_client::IngestionFailure;
use shared_models::Retry;
use shared_testkit::{Answer, TestClient};

use crate::engine::Reply;
use crate::test_app::{DOCUMENTS, TestApp, upload_version};

const FIRST: &str = "Breathe in for four counts.\n\nHold for two.\n";
const SECOND: &str = "Breathe in for five counts.\n\nHold for two.\n\nRest.\n";

async fn restore(client: &TestClient, id: &str, number: i32) -> Answer {
    let path = format!("{DOCUMENTS}/{id}/versions/{number}/restore");
    let request = client.request(Method::POST, &path);
    client.send(request.body("".into()).unwrap()).await
}

async fn versions(app: &TestApp, id: &str) -> Vec<Value> {
    let answer = app.ana.get(&format!("{DOCUMENTS}/{id}/versions")).await;
    answer.expect(StatusCode::OK)["items"]
        .as_array()
        .unwrap()
        .clone()
}

/// A document with two files, which is searchable with the second one.
async fn with_two_files(app: &TestApp) -> String {
    let id = app.ready("guide.txt", FIRST).await;
    let answer = upload_version(&app.ana, &id, "guide 2.md", SECOND.as_bytes()).await;
    let accepted = answer.expect(StatusCode::ACCEPTED);
    assert_eq!(accepted["document"]["file_version"], 2);
    assert_eq!(accepted["document"]["state"], "pending");
    app.work_off().await;
    assert_eq!(app.status(&id).await["state"], "ready");
    id
}

#[tokio::test]
async fn a_new_file_is_indexed_and_the_one_before_is_listed() {
    let app = TestApp::new().await;
    let id = with_two_files(&app).await;
    let asked = app.engine.asked();
    let [first, second] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert!(first.text.contains("four") && second.text.contains("five"));
    assert!(second.wanted.version > first.wanted.version);
    let found = versions(&app, &id).await;
    let shown: Vec<_> = found
        .iter()
        .map(|version| {
            let fields = [
                "number",
                "is_current",
                "filename",
                "document_type",
                "file_size",
            ];
            fields.map(|field| version[field].clone())
        })
        .collect();
    let expected = [
        [
            json!(2),
            json!(true),
            json!("guide 2.md"),
            json!("md"),
            json!(SECOND.len()),
        ],
        [
            json!(1),
            json!(false),
            json!("guide.txt"),
            json!("txt"),
            json!(FIRST.len()),
        ],
    ];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn every_file_is_downloaded_under_its_name_and_never_shown_as_a_page() {
    let app = TestApp::new().await;
    let id = with_two_files(&app).await;
    let current = app.ana.get(&format!("{DOCUMENTS}/{id}/file")).await;
    assert_eq!(
        (current.status, current.text()),
        (StatusCode::OK, SECOND.to_owned())
    );
    let name = current.headers[header::CONTENT_DISPOSITION]
        .to_str()
        .unwrap();
    assert!(
        name.starts_with("attachment; ") && name.ends_with("guide%202.md"),
        "{name}"
    );
    assert_eq!(current.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let before = app
        .ana
        .get(&format!("{DOCUMENTS}/{id}/versions/1/file"))
        .await;
    assert_eq!(
        (before.status, before.text()),
        (StatusCode::OK, FIRST.to_owned())
    );
    assert_eq!(
        before.headers[header::CONTENT_TYPE],
        "application/octet-stream"
    );
}

#[tokio::test]
async fn an_earlier_file_is_restored_as_the_newest_and_indexed_again() {
    let app = TestApp::new().await;
    let id = with_two_files(&app).await;
    let accepted = restore(&app.ana, &id, 1).await.expect(StatusCode::ACCEPTED);
    assert_eq!(accepted["document"]["filename"], "guide.txt");
    assert_eq!(accepted["document"]["file_version"], 3);
    app.work_off().await;
    assert_eq!(app.status(&id).await["state"], "ready");
    assert!(app.engine.asked().last().unwrap().text.contains("four"));
    let numbers: Vec<_> = versions(&app, &id).await;
    let numbers: Vec<_> = numbers
        .iter()
        .map(|v| v["number"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert_eq!(restore(&app.ana, &id, 3).await.code(), "current_version");
    assert_eq!(restore(&app.ana, &id, 9).await.code(), "unknown_version");
}

#[tokio::test]
async fn the_difference_between_two_files_is_shown_line_by_line() {
    let app = TestApp::new().await;
    let id = with_two_files(&app).await;
    let diff = async |path: &str| {
        app.ana
            .get(&format!("{DOCUMENTS}/{id}/versions/{path}"))
            .await
    };
    let found = diff("2/diff").await.expect(StatusCode::OK);
    assert_eq!((&found["from"], &found["to"]), (&json!(1), &json!(2)));
    assert_eq!((&found["added"], &found["removed"]), (&json!(2), &json!(1)));
    let lines = &found["hunks"][0]["lines"];
    let expected = json!([
        {"change": "removed", "text": "Breathe in for four counts."},
        {"change": "added", "text": "Breathe in for five counts."},
        {"change": "unchanged", "text": "Hold for two."},
        {"change": "added", "text": "Rest."},
    ]);
    assert_eq!(*lines, expected);
    let back = diff("1/diff?since=2").await.expect(StatusCode::OK);
    assert_eq!((&back["added"], &back["removed"]), (&json!(1), &json!(2)));
    let none = diff("2/diff?since=2").await.expect(StatusCode::OK);
    assert_eq!(none["hunks"], json!([]));
    assert_eq!(diff("1/diff").await.code(), "unknown_version");
    assert_eq!(diff("2/diff?since=x").await.code(), "invalid_query");
    assert_eq!(diff("two/diff").await.code(), "malformed_id");
}

#[tokio::test]
async fn a_text_that_cannot_be_compared_says_why() {
    let app = TestApp::new().await;
    let id = app.ready("a.txt", FIRST).await;
    let damaged = b"PK\x03\x04 nothing of a document".repeat(300);
    upload_version(&app.ana, &id, "a.docx", &damaged)
        .await
        .expect(StatusCode::ACCEPTED);
    app.work_off().await;
    let status = app.status(&id).await;
    assert_eq!(status["state"], "failed");
    let path = format!("{DOCUMENTS}/{id}/versions/2/diff");
    let refused = app.ana.get(&path).await;
    assert_eq!(refused.code(), "version_unreadable", "{}", refused.text());
    // The file before is still there, and becomes the document's again.
    restore(&app.ana, &id, 1).await.expect(StatusCode::ACCEPTED);
    app.work_off().await;
    assert_eq!(app.status(&id).await["state"], "ready");
    let long = "A line of a text that is long.\n\n".repeat(150_000);
    upload_version(&app.ana, &id, "long.txt", long.as_bytes())
        .await
        .expect(StatusCode::ACCEPTED);
    let path = format!("{DOCUMENTS}/{id}/versions/4/diff?since=1");
    assert_eq!(app.ana.get(&path).await.code(), "too_large_to_compare");
}

#[tokio::test]
async fn a_file_that_is_there_already_is_refused_and_nothing_changes() {
    let app = TestApp::new().await;
    let other = app.ready("b.txt", "Another text.").await;
    let id = app.ready("a.txt", FIRST).await;
    for content in [FIRST, "Another text."] {
        let refused = upload_version(&app.ana, &id, "c.txt", content.as_bytes()).await;
        assert_eq!(refused.code(), "duplicate_document");
    }
    let refused = upload_version(&app.ana, &id, "c.txt", b"").await;
    assert_eq!(refused.code(), "empty_file");
    assert_eq!(versions(&app, &id).await.len(), 1);
    // What is being processed is left alone.
    upload_version(&app.ana, &id, "c.txt", SECOND.as_bytes())
        .await
        .expect(StatusCode::ACCEPTED);
    let refused = upload_version(&app.ana, &id, "d.txt", b"Third.").await;
    assert_eq!(refused.code(), "already_processing");
    assert_eq!(restore(&app.ana, &id, 1).await.code(), "already_processing");
    app.work_off().await;
    // A content that only an earlier file has may be another document's.
    upload_version(&app.ana, &other, "b.txt", FIRST.as_bytes())
        .await
        .expect(StatusCode::ACCEPTED);
    app.work_off().await;
    assert_eq!(restore(&app.ana, &id, 1).await.code(), "duplicate_document");
}

#[tokio::test]
async fn a_version_that_fails_leaves_the_earlier_text_searchable() {
    let app = TestApp::new().await;
    let id = app.ready("a.txt", FIRST).await;
    app.engine
        .reply(Reply::Fails(IngestionFailure::TooLong, Retry::Never));
    upload_version(&app.ana, &id, "a.txt", SECOND.as_bytes())
        .await
        .expect(StatusCode::ACCEPTED);
    app.work_off().await;
    assert_eq!(app.status(&id).await["state"], "failed");
    assert_eq!(app.engine.forgotten(), [], "the index keeps what it has");
}

#[tokio::test]
async fn files_go_with_the_last_document_that_has_or_had_them() {
    let app = TestApp::new().await;
    let id = with_two_files(&app).await;
    let other = app.ready("b.txt", FIRST).await;
    app.ana
        .delete(&format!("{DOCUMENTS}/{id}"))
        .await
        .expect(StatusCode::ACCEPTED);
    app.work_off().await;
    let kept = app.ana.get(&format!("{DOCUMENTS}/{other}/file")).await;
    assert_eq!(
        (kept.status, kept.text()),
        (StatusCode::OK, FIRST.to_owned())
    );
    // Its file and its text.
    assert_eq!(app.files().len(), 2, "{:?}", app.files());
    assert_eq!(
        app.count("select count(*) from hub.document_versions")
            .await,
        0
    );
    app.ana
        .delete(&format!("{DOCUMENTS}/{other}"))
        .await
        .expect(StatusCode::ACCEPTED);
    app.work_off().await;
    assert_eq!(app.files().len(), 0, "{:?}", app.files());
}

#[tokio::test]
async fn the_oldest_files_of_many_are_removed() {
    let app = TestApp::new().await;
    let id = app.ready("a.txt", "text 0").await;
    for number in 1..=22 {
        let text = format!("text {number}");
        upload_version(&app.ana, &id, "a.txt", text.as_bytes())
            .await
            .expect(StatusCode::ACCEPTED);
        app.work_off().await;
    }
    let numbers: Vec<_> = versions(&app, &id).await;
    let numbers: Vec<_> = numbers
        .iter()
        .map(|v| v["number"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, (3..=23).rev().collect::<Vec<_>>());
    jobs::sweep(&app.state, Duration::ZERO).await;
    // 21 files and the text of the current one.
    assert_eq!(app.files().len(), 22, "{:?}", app.files());
    let oldest = app
        .ana
        .get(&format!("{DOCUMENTS}/{id}/versions/3/file"))
        .await;
    assert_eq!(oldest.text(), "text 2");
}

#[tokio::test]
async fn nobody_reaches_the_files_of_another_account() {
    let app = TestApp::new().await;
    let id = with_two_files(&app).await;
    let path = format!("{DOCUMENTS}/{id}");
    for answer in [
        app.ben.get(&format!("{path}/versions")).await,
        app.ben.get(&format!("{path}/file")).await,
        app.ben.get(&format!("{path}/versions/1/file")).await,
        app.ben.get(&format!("{path}/versions/2/diff")).await,
        restore(&app.ben, &id, 1).await,
        upload_version(&app.ben, &id, "x.txt", b"text").await,
    ] {
        let found = (answer.status, answer.code());
        assert_eq!(found, (StatusCode::NOT_FOUND, "unknown_document".into()));
    }
}
