//! Uploads that name themselves: repeated, side by side, cut off, and used for something else.

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use crate::test_app::{TestApp, send_form, upload};

const KEY: &str = "idempotency-key";

#[tokio::test]
async fn a_repeated_upload_gets_the_first_answer_instead_of_a_conflict() {
    let app = TestApp::new().await;
    let named = app.ana.with_header(KEY, "upload-1");
    let first = upload(&named, "a.txt", b"text").await;
    let again = upload(&named, "a.txt", b"text").await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text());
    assert_eq!(again.json(), first.json());
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    for other in [
        upload(&named, "a.txt", b"another text").await,
        upload(&named, "b.txt", b"text").await,
        send_form(
            &named,
            &[("file", Some("a.txt"), b"text"), ("title", None, b"T")],
        )
        .await,
    ] {
        assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(other.code(), "idempotency_key_reused");
    }
    assert_eq!(app.count("select count(*) from hub.documents").await, 1);
    let unnamed = upload(&app.ana, "a.txt", b"text").await;
    assert_eq!(unnamed.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn of_many_side_by_side_one_is_done_and_the_others_learn_of_it() {
    let app = TestApp::new().await;
    let named = app.ana.with_header(KEY, "side-by-side");
    let answers = join_all((0..8).map(|_| upload(&named, "a.txt", b"text"))).await;
    for answer in &answers {
        let running = answer.status == StatusCode::CONFLICT;
        let ended = answer.status == StatusCode::ACCEPTED;
        assert!(ended || running && answer.code() == "request_in_progress");
    }
    assert!(answers.iter().any(|one| one.status == StatusCode::ACCEPTED));
    assert_eq!(app.count("select count(*) from hub.documents").await, 1);
    assert_eq!(app.count("select count(*) from platform.jobs").await, 1);
}

#[tokio::test]
async fn a_refused_upload_leaves_its_name_free_and_a_day_later_it_is_free_again() {
    let app = TestApp::new().await;
    let named = app.ana.with_header(KEY, "later");
    let refused = upload(&named, "a.exe", b"text").await;
    assert!(refused.status.is_client_error(), "{}", refused.text());
    upload(&named, "a.txt", b"text")
        .await
        .expect(StatusCode::ACCEPTED);
    app.execute("update platform.idempotency_keys set created_at = now() - interval '25 hours'")
        .await;
    let other = upload(&named, "b.txt", b"another text").await;
    assert_eq!(other.status, StatusCode::ACCEPTED, "{}", other.text());
}

#[tokio::test]
async fn a_repeated_order_to_process_anew_is_no_second_one() {
    let app = TestApp::new().await;
    let named = app.ana.with_header(KEY, "anew-1");
    let mut paths = Vec::new();
    for name in ["a.txt", "b.txt"] {
        let id = app.uploaded(name, name).await;
        paths.push(format!("/creator-hub/v1/documents/{id}/reprocess"));
    }
    app.work_off().await;
    let order = async |path: &str| named.post(path, &json!({})).await;
    let first: Value = order(&paths[0]).await.expect(StatusCode::ACCEPTED);
    app.work_off().await;
    let again = order(&paths[0]).await;
    assert_eq!(again.expect(StatusCode::ACCEPTED), first);
    let roots = "select count(*) from platform.jobs where payload ->> 'root' is null";
    assert_eq!(app.count(roots).await, 3);
    let other = order(&paths[1]).await;
    assert_eq!(other.code(), "idempotency_key_reused");
}
