//! Question-and-answer pairs by CSV: all rows or none, and never twice.

use http::{Method, StatusCode, header};
use serde_json::json;
use shared_testkit::Answer;

use crate::test_app::{TestApp, form};
use crate::test_qa_pairs::{PAIRS, created};

/// Imports a CSV as Ana.
pub(crate) async fn import(app: &TestApp, table: &[u8]) -> Answer {
    import_form(app, &[("file", Some("pairs.csv"), table)]).await
}

async fn import_form(app: &TestApp, parts: &[crate::test_app::Part<'_>]) -> Answer {
    let body = form(parts);
    let kind = "multipart/form-data; boundary=a-boundary-of-the-test";
    let request = app
        .ana
        .request(Method::POST, &format!("{PAIRS}/import"))
        .header(header::CONTENT_TYPE, kind);
    app.ana.send(request.body(body.into()).unwrap()).await
}

async fn export(app: &TestApp) -> String {
    let answer = app.ana.get(&format!("{PAIRS}/export")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.headers[header::CONTENT_TYPE],
        "text/csv; charset=utf-8"
    );
    answer.text()
}

#[tokio::test]
async fn a_file_that_is_imported_again_changes_nothing() {
    let app = TestApp::new().await;
    created(
        &app,
        json!({"question": "WHAT does it cost", "answer": "18"}),
    )
    .await;
    // As a spreadsheet in Spain writes it.
    let table = "Question;Answer;Other questions\n\
        What does it cost?;20 €;\n\
        ¿Dónde está?;\"En Málaga; cerca\";¿Dónde se encuentra?\n";
    let bytes = windows_1252(table);
    let first = import(&app, &bytes).await.expect(StatusCode::OK);
    assert_eq!(first, json!({"created": 1, "updated": 1, "unchanged": 0}));
    let sent = app.engine.pairs().last().unwrap().1.clone();
    assert_eq!(sent.pairs.len(), 2);
    let again = import(&app, &bytes).await.expect(StatusCode::OK);
    assert_eq!(again, json!({"created": 0, "updated": 0, "unchanged": 2}));
    let listed = app.ana.get(&format!("{PAIRS}?text=M%C3%A1laga")).await;
    let listed = listed.expect(StatusCode::OK);
    assert_eq!(listed["items"][0]["answer"], "En Málaga; cerca");
    let others = &listed["items"][0]["other_questions"];
    assert_eq!(*others, json!(["¿Dónde se encuentra?"]));
}

/// Encodes the characters that this test writes.
fn windows_1252(text: &str) -> Vec<u8> {
    let byte = |c: char| match c {
        '€' => 0x80,
        c => u8::try_from(u32::from(c)).unwrap(),
    };
    text.chars().map(byte).collect()
}

#[tokio::test]
async fn of_a_file_with_a_wrong_row_nothing_is_imported() {
    let app = TestApp::new().await;
    let table = "question,answer,visibility\nOne?,1,\nTwo?,,\nThree?,3,secret\n";
    let refused = import(&app, table.as_bytes()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.code(), "invalid_csv");
    let errors = refused.json()["errors"].clone();
    assert_eq!(errors[0]["field"], "row 3");
    assert_eq!(errors[1]["field"], "row 4");
    assert!(
        errors[1]["message"]
            .as_str()
            .unwrap()
            .contains("visibility")
    );
    let listed = app.ana.get(PAIRS).await.expect(StatusCode::OK);
    assert_eq!(
        (&listed["items"], app.engine.pairs().len()),
        (&json!([]), 0)
    );
    assert_eq!(
        import(&app, b"\x00\x01\x02\x03").await.code(),
        "invalid_fields"
    );
    assert_eq!(import(&app, b"").await.code(), "invalid_csv");
    let other = import_form(&app, &[("table", None, b"x")]).await;
    assert_eq!(other.code(), "invalid_fields");
    let request = app.ana.post(&format!("{PAIRS}/import"), &json!({})).await;
    assert_eq!(request.code(), "unsupported_media_type");
}

#[tokio::test]
async fn what_is_exported_can_be_imported_elsewhere() {
    let app = TestApp::new().await;
    let collections = "/creator-hub/v1/collections";
    let made = app
        .ana
        .post(collections, &json!({"name": "Free, open"}))
        .await;
    let id = made.expect(StatusCode::CREATED)["id"].clone();
    let answer = "=1+1 \"quoted\",\nnext line; \u{1f600}";
    let body = json!({"question": "One, two?", "other_questions": ["Uno?", "Eins?"],
        "answer": answer, "visibility": "internal", "collections": [id]});
    let pair = created(&app, body).await;
    created(&app, json!({"question": "Plain?", "answer": "Yes"})).await;
    let table = export(&app).await;
    assert!(table.starts_with("question,answer,other_questions,visibility,collections\n"));
    let same = import(&app, table.as_bytes()).await.expect(StatusCode::OK);
    assert_eq!(same["unchanged"], 2);
    let path = format!("{PAIRS}/{}", pair["id"].as_str().unwrap());
    app.ana.delete(&path).await;
    let back = import(&app, table.as_bytes()).await.expect(StatusCode::OK);
    assert_eq!(back, json!({"created": 1, "updated": 0, "unchanged": 1}));
    assert_eq!(export(&app).await.len(), table.len());
    let listed = app.ana.get(&format!("{PAIRS}?text=quoted")).await;
    let listed = listed.expect(StatusCode::OK)["items"][0].clone();
    for field in [
        "question",
        "other_questions",
        "answer",
        "visibility",
        "collections",
    ] {
        assert_eq!(listed[field], pair[field], "{field}");
    }
}

#[tokio::test]
async fn an_import_that_is_repeated_with_its_key_is_one() {
    let app = TestApp::new().await;
    let send = async || {
        let body = form(&[("file", Some("a.csv"), b"question,answer\nOne?,1\n")]);
        let kind = "multipart/form-data; boundary=a-boundary-of-the-test";
        let request = app
            .ana
            .request(Method::POST, &format!("{PAIRS}/import"))
            .header(header::CONTENT_TYPE, kind)
            .header("idempotency-key", "a-key");
        let answer = app.ana.send(request.body(body.into()).unwrap()).await;
        answer.expect(StatusCode::OK)
    };
    assert_eq!(send().await, send().await);
    assert_eq!(send().await["created"], 1);
}
